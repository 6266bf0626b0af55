//! A unit's ill end.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How a unit last ended, as systemd keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The unit's `Result`: `success`, `exit-code`, `signal`, `oom-kill`, `timeout`, …; empty for
    /// kinds of unit that have none.
    pub result: String,
    /// The exit status, or the signal's number, of the main process; `None` if none ran.
    pub status: Option<i32>,
    /// Whether `status` is a signal's number.
    pub signalled: bool,
    /// When the unit last changed its state, by this host's clock.
    pub since: Option<Timestamp>,
}

impl Ending {
    /// Whether systemd counts this as an ill end. A service that `ExecCondition=` told not to run
    /// did as it was told.
    pub fn ill(&self) -> bool {
        !matches!(self.result.as_str(), "" | "success" | "exec-condition")
    }

    /// The ending in words: `exit-code, status 1`.
    pub fn words(&self) -> String {
        match self.status {
            Some(number) if self.signalled => format!("{}, signal {number}", self.result),
            Some(number) if number != 0 => format!("{}, status {number}", self.result),
            _ => self.result.clone(),
        }
    }
}

/// A unit in the state `failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub name: String,
    pub ending: Ending,
}
