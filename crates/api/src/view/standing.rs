//! A finding and since when it has had its verdict.

use jiff::Timestamp;
use model::verdict::Finding;
use serde::{Deserialize, Serialize};

/// A finding that stands, with the label of the entry that first said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    #[serde(flatten)]
    pub finding: Finding,
    /// When the verdict last changed; `None` when the record does not say.
    pub since: Option<Timestamp>,
}
