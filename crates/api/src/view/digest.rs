//! The journal of one host folded to templates.

use jiff::Timestamp;
use model::facts::logs;
use model::host_name::HostName;
use model::seen::Seen;
use serde::{Deserialize, Serialize};

/// What the journal said, as the last observation folded it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// When this was answered.
    pub at: Timestamp,
    pub host: HostName,
    /// The label of the observation; `None` when there was none.
    pub seen: Option<Timestamp>,
    pub digest: Seen<logs::Digest>,
}
