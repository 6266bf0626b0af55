//! Why a question got no answer.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The answering side's no, in words for a person.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "refusal", content = "reason", rename_all = "snake_case")]
pub enum Refusal {
    /// There is no such host, meter or view.
    #[error("there is no {0}")]
    Absent(String),
    /// There will be an answer later: nothing has been observed yet, or the node is stopping.
    #[error("no answer yet: {0}")]
    NotYet(String),
    /// The question makes no sense or is too large.
    #[error("a bad question: {0}")]
    Bad(String),
    /// The answering side failed.
    #[error("cannot answer: {0}")]
    Failed(String),
}
