//! Something that was run on a host, and how it ended.

use jiff::Timestamp;
use model::report::Counts;
use serde::{Deserialize, Serialize};

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub at: Timestamp,
    /// What was run: `check`.
    pub what: String,
    pub counts: Counts,
    pub milliseconds: u64,
}
