//! The numbers behind `/metrics`.

use jiff::Timestamp;
use model::backup::proof::Proof;
use model::facts::Facts;
use model::host_name::HostName;
use model::reading::Reading;
use model::verdict::Finding;
use serde::{Deserialize, Serialize};

use crate::view::run::Run;

/// The newest numbers of every host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// When this was answered.
    pub at: Timestamp,
    /// The answering program's version.
    pub version: String,
    pub hosts: Vec<HostMetrics>,
}

/// The newest numbers of one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostMetrics {
    pub host: HostName,
    /// The whole last observation; `None` for a host observed by another node.
    pub facts: Option<Box<Facts>>,
    /// The last value of every meter.
    pub readings: Vec<Reading>,
    /// Every finding that stands.
    pub findings: Vec<Finding>,
    pub last_run: Option<Run>,
    /// The proof cards of its services; none for a host observed by another node.
    #[serde(default)]
    pub proofs: Vec<Proof>,
}
