//! A backup that was tried and did not come to its end: kept until one does.
//!
//! Leaves out the error itself, of which this is the text.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The folder of failed attempts on a host, one file for each service and target.
pub const FOLDER: &str = "/var/lib/stead/backup/attempts";

/// Where the failure of this service at this target lies.
pub fn path(service: &str, target: &str) -> String {
    format!("{FOLDER}/{service}@{target}.json")
}

/// Taken away by the next backup that was read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureV1 {
    pub service: String,
    pub target: String,
    /// Of the last attempt.
    pub at: Timestamp,
    /// Attempts since the last backup that was read back.
    pub count: u32,
    /// For people, printable.
    pub reason: String,
}

impl FailureV1 {
    /// One more failure of this service at this target.
    pub fn after(
        before: Option<&Self>,
        (service, target): (&str, &str),
        reason: &str,
        at: Timestamp,
    ) -> Self {
        Self {
            service: service.to_owned(),
            target: target.to_owned(),
            at,
            count: before.map_or(0, |before| before.count).saturating_add(1),
            reason: crate::text::printable(reason, 1000),
        }
    }
}
