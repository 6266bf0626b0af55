//! Why a file of the plan was refused.

use thiserror::Error;

use crate::recipe::fault::Fault;

/// What is wrong in a file of the plan: line, column, and what was expected.
#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Text(Box<toml::de::Error>),
    /// All that is wrong at once, at least one.
    #[error("{}", one_a_line(.0))]
    Faults(Vec<Fault>),
}

impl From<toml::de::Error> for Error {
    fn from(error: toml::de::Error) -> Self {
        Self::Text(Box::new(error))
    }
}

impl From<Vec<Fault>> for Error {
    fn from(faults: Vec<Fault>) -> Self {
        Self::Faults(faults)
    }
}

fn one_a_line(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
