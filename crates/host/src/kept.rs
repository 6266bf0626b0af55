//! What the observer remembers from one run to the next: cursors, caches, counters.
//!
//! Losing it costs time and the "since last time" of a few facts, never correctness. Where it is
//! kept is the caller's business.

use serde::{Deserialize, Serialize};

/// The observer's memory; empty before the first run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    pub(crate) certificates: crate::certificates::Kept,
    pub(crate) clock: crate::clock::Kept,
    pub(crate) logs: crate::logs::Kept,
    pub(crate) memory: crate::memory::Kept,
    pub(crate) packages: crate::packages::Kept,
    pub(crate) units: crate::units::Kept,
}
