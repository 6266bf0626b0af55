//! What an observer saw, or why it could not look.
//!
//! Leaves out how to look: that is `host`'s.

use serde::{Deserialize, Serialize};

use crate::text::with_causes;

/// A fact that was observed, or the reason why it was not.
///
/// A check over an unseen fact is [`Unknown`](crate::verdict::Verdict::Unknown), never a pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen<T> {
    Seen(T),
    /// The reason, for a person: what was tried and what stood in the way.
    Unseen(String),
}

impl<T> Seen<T> {
    pub fn unseen(reason: impl Into<String>) -> Self {
        Self::Unseen(reason.into())
    }

    pub fn as_ref(&self) -> Seen<&T> {
        match self {
            Self::Seen(value) => Seen::Seen(value),
            Self::Unseen(reason) => Seen::Unseen(reason.clone()),
        }
    }

    pub fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(value) => Some(value),
            Self::Unseen(_) => None,
        }
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Seen<U> {
        match self {
            Self::Seen(value) => Seen::Seen(change(value)),
            Self::Unseen(reason) => Seen::Unseen(reason),
        }
    }
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self::Unseen("nobody has looked yet".to_owned())
    }
}

/// An observer's error becomes the reason why nothing was seen.
impl<T, E: std::error::Error> From<Result<T, E>> for Seen<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Seen(value),
            Err(error) => Self::Unseen(with_causes(&error)),
        }
    }
}
