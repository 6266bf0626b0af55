//! Time synchronisation and jumps of the clock.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::seen::Seen;

/// The machine's clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// Whether the kernel holds the clock for synchronised.
    pub synchronised: Seen<bool>,
    /// Where that was read.
    pub source: String,
    /// The processes that set clocks and run here (`chronyd`), sorted.
    pub services: Vec<String>,
    /// Where this look and the last one stand.
    pub looks: Seen<Looks>,
    /// The newest time that the installed system itself bears witness of.
    pub witness: Seen<Witness>,
}

/// The clock now, and as it was at the last look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Looks {
    pub now: Timestamp,
    /// `None` when this is the first look.
    pub last: Option<Timestamp>,
    /// By how many seconds the clock moved against the time since boot between the two looks;
    /// `None` when they are not of one boot.
    pub shift_seconds: Option<f64>,
    /// The last jump that a look found; kept for a day.
    pub jump: Option<Jump>,
}

/// A jump of the clock, as found between two looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jump {
    /// What the clock said after it.
    pub at: Timestamp,
    /// Forward is positive.
    pub seconds: f64,
    /// How long before now, by the time since boot or, across boots, by the clock.
    pub ago_seconds: u64,
}

/// A file whose time the clock cannot rightly be before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Witness {
    pub path: String,
    pub modified: Timestamp,
}
