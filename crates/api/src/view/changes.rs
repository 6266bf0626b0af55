//! What changed on the stead's hosts, the newest first.

use jiff::Timestamp;
use model::host_name::HostName;
use model::verdict::Verdict;
use serde::{Deserialize, Serialize};

/// Recent changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// When this was answered.
    pub at: Timestamp,
    pub changes: Vec<Change>,
}

/// One entry of the record that changed something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The label its writer gave it.
    pub at: Timestamp,
    pub host: HostName,
    #[serde(flatten)]
    pub what: What,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "changed", rename_all = "snake_case")]
pub enum What {
    /// A check's answer on a subject. `before` is missing for a new subject, `after` for one gone.
    Verdict {
        check: String,
        subject: String,
        before: Option<Verdict>,
        after: Option<Verdict>,
        evidence: String,
        fix: Option<String>,
    },
    /// A slow fact.
    Fact { key: String, before: Option<String>, after: Option<String> },
}
