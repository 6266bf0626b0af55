//! Why a file of the plan was refused.

use thiserror::Error;

/// What is wrong in a file of the plan: line, column, and what was expected.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct Error(Box<toml::de::Error>);

impl From<toml::de::Error> for Error {
    fn from(error: toml::de::Error) -> Self {
        Self(Box::new(error))
    }
}
