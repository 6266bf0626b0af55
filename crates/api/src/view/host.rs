//! One host with all that is known of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::backup::proof::Proof;
use model::facts::machine::Machine;
use model::reading::{Meter, Window};
use model::seen::Seen;
use serde::{Deserialize, Serialize};

use crate::view::overview::Line;
use crate::view::run::Run;
use crate::view::standing::Standing;

/// One host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// When this was answered.
    pub at: Timestamp,
    /// As the overview has it.
    pub line: Line,
    pub machine: Seen<Machine>,
    /// Every finding that stands, the worst first, passes too.
    pub standings: Vec<Standing>,
    /// The slow facts, as [`Facts::lines`](model::facts::Facts::lines) has them.
    pub facts: BTreeMap<String, String>,
    /// The last runs, the newest first.
    pub runs: Vec<Run>,
    /// What has a history, each with its newest window.
    pub meters: Vec<Latest>,
    /// The proof cards of its services; none for a host observed by another node.
    #[serde(default)]
    pub proofs: Vec<Proof>,
}

/// A meter and its newest window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latest {
    #[serde(flatten)]
    pub meter: Meter,
    pub window: Window,
}
