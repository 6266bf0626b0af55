//! Why a file of the plan was refused.

use thiserror::Error;

/// A file of the plan that cannot be used. The source names line, column and what was expected.
#[derive(Debug, Error)]
#[error("cannot use `{file}` of the plan")]
pub struct Error {
    pub file: String,
    pub source: Box<toml::de::Error>,
}
