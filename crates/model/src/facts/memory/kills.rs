//! Processes that the kernel killed for want of memory.

use serde::{Deserialize, Serialize};

/// A counter of kills, and what is known of when the newest was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kills {
    /// Since the counter began: with the boot, or with the unit's start.
    pub count: u64,
    /// The newest kill is at most this old, in seconds: it was after the last look that still saw
    /// a lower count, or after the counter began.
    pub within_seconds: u64,
    /// For how long the observer has known of the newest, in seconds.
    pub known_seconds: u64,
}
