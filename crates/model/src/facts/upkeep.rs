//! Maintenance flags and evidence of backups.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::seen::Seen;

/// The files that tell of upkeep, in the plan's order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Upkeep {
    pub maintenance: Vec<Trace>,
    pub backups: Vec<Trace>,
}

/// A declared file, as it is found; the path as the plan has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    pub path: String,
    /// `None` if there is no such file.
    pub found: Seen<Option<Found>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Whether it is a regular file, links followed.
    pub regular: bool,
    pub bytes: u64,
    pub modified: Timestamp,
}
