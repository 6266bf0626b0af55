//! What is left behind by a backup that was read back: the only proof that it happened.
//!
//! Leaves out judging its age, which `checks::upkeep::backup` does.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The folder of the evidence files on a host.
pub const FOLDER: &str = "/var/lib/stead/backup/evidence";

/// Written last, by rename, after the snapshot was read back from the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceV1 {
    pub service: String,
    pub target: String,
    pub at: Timestamp,
    /// restic's snapshot id, 64 hexadecimal digits.
    pub snapshot: String,
    pub files: u64,
    pub bytes: u64,
    /// Over all tables.
    pub rows: u64,
    /// Added to the repository by this backup.
    pub added_bytes: u64,
    /// Read back from the target and compared.
    pub read_bytes: u64,
    pub milliseconds: u64,
}

/// Where the evidence of this service at this target lies.
pub fn path(service: &str, target: &str) -> String {
    format!("{FOLDER}/{service}@{target}.json")
}
