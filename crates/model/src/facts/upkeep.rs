//! Maintenance flags, evidence of backups, and what drills have shown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::backup::drill::DrillsV1;
use crate::backup::evidence::EvidenceV1;
use crate::seen::Seen;
use crate::text::{bytes, milliseconds, moment, printable};

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
}

/// The evidence of a service's backups at one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetTrace {
    pub target: String,
    pub found: Seen<Left<EvidenceV1>>,
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
    /// The last backup at each target, and the last drill that passed.
    pub(crate) fn lines(&self, lines: &mut BTreeMap<String, String>) {
        for service in &self.services {
            let name = &service.service;
            for one in &service.evidence {
                if let Seen::Seen(Left::Whole(evidence)) = &one.found {
                    let key = format!("backup.{name}@{}", one.target);
                    let snapshot = evidence.snapshot.get(..8).unwrap_or_default();
                    let value = format!(
                        "snapshot {} of {}, read back: {} files, {}, {} rows",
                        printable(snapshot, 8),
                        moment(evidence.at),
                        evidence.files,
                        bytes(evidence.bytes),
                        evidence.rows
                    );
                    lines.insert(key, value);
                }
            }
            if let Seen::Seen(Left::Whole(drills)) = &service.drills
                && let Some(passed) = &drills.passed
            {
                let time = passed.restore_milliseconds.map_or_else(
                    || "in unmeasured time".to_owned(),
                    |time| format!("in {}", milliseconds(time)),
                );
                let value = format!(
                    "restored from {} {time} on {}, passed {}",
                    printable(&passed.target, 63),
                    printable(&passed.host, 63),
                    moment(passed.at)
                );
                lines.insert(format!("drill.{name}"), value);
            }
        }
    }

    /// What was found of this service.
    pub fn service(&self, name: &str) -> Option<&ServiceTrace> {
        self.services.iter().find(|one| one.service == name)
    }
}

impl ServiceTrace {
    /// What was found at this target.
    pub fn at(&self, target: &str) -> Option<&Seen<Left<EvidenceV1>>> {
        self.evidence.iter().find(|one| one.target == target).map(|one| &one.found)
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
