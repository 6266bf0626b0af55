//! How often systemd started a service again by itself.

use serde::{Deserialize, Serialize};

/// The automatic restarts of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restarts {
    pub name: String,
    /// The unit's `SubState`; `auto-restart` while systemd waits to try again.
    pub sub: String,
    /// The unit's `Result`; `start-limit-hit` when systemd gave up.
    pub result: String,
    /// `NRestarts`: since the service was last started by hand or by the boot.
    pub total: u32,
    /// How many of them fell into the last `window_seconds`.
    pub recent: u32,
    /// How far back the observer remembers: about an hour; to the boot when it looks for the first
    /// time.
    pub window_seconds: u64,
    /// Whether this is the observer's first look since the boot.
    pub first_look: bool,
    /// For how long the service has been in its present state.
    pub state_seconds: u64,
}
