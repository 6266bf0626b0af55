//! The answering process itself.

use jiff::Timestamp;
use model::host_name::HostName;
use serde::{Deserialize, Serialize};

use crate::view::run::Run;

/// How the node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// When this was answered.
    pub at: Timestamp,
    pub version: String,
    pub stead: String,
    pub host: HostName,
    pub pid: u32,
    pub uptime_seconds: u64,
    /// The plan's folder.
    pub plan: String,
    /// The folder of the record, its views and the keys.
    pub state: String,
    /// What the record takes on disk.
    pub record_bytes: u64,
    /// How many entries this device has written.
    pub entries: u64,
    pub last_run: Option<Run>,
    /// How often the checks run.
    pub period_seconds: u64,
    /// Where the page is served, without a token; `None` when it is not.
    pub url: Option<String>,
}
