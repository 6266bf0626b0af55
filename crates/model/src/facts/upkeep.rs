//! Maintenance flags, evidence of backups, what drills have shown, restores that are not over.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::backup::attempt::FailureV1;
use crate::backup::drill::DrillsV1;
use crate::backup::evidence::EvidenceV1;
use crate::backup::restore::BegunV1;
use crate::seen::Seen;

/// The files that tell of upkeep, in the plan's order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Upkeep {
    pub maintenance: Vec<Trace>,
    pub backups: Vec<Trace>,
    /// What stead itself left behind of each service that the plan places here.
    #[serde(default)]
    pub services: Vec<ServiceTrace>,
}

/// What is left behind of one service's backups and drills on its host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceTrace {
    pub service: String,
    /// By target, in the plan's order.
    pub evidence: Vec<TargetTrace>,
    pub drills: Seen<Left<DrillsV1>>,
    #[serde(default)]
    pub restore: RestoreTrace,
}

/// What the last restore of a service in its own place left behind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RestoreTrace {
    pub found: Seen<Left<BegunV1>>,
    /// Whether a process is at it; `None` if that cannot be told, or nothing is to be done.
    pub runs: Option<bool>,
}

/// The evidence of a service's backups at one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetTrace {
    pub target: String,
    pub found: Seen<Left<EvidenceV1>>,
    /// The last attempt, if it failed and none was read back since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureV1>,
}

/// A file that stead leaves behind, as it is found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Left<T> {
    /// There is no such file.
    Nothing,
    /// There is something else, for this reason.
    Garbage(String),
    Whole(Box<T>),
}

impl Upkeep {
    /// What was found of this service.
    pub fn service(&self, name: &str) -> Option<&ServiceTrace> {
        self.services.iter().find(|one| one.service == name)
    }
}

impl ServiceTrace {
    /// What was found at this target.
    pub fn at(&self, target: &str) -> Option<&TargetTrace> {
        self.evidence.iter().find(|one| one.target == target)
    }
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
