//! Pressure: the share of time in which work stood still for want of a resource.
//!
//! As the kernel's "PSI - Pressure Stall Information" describes `/proc/pressure`.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pressure {
    /// Whether these are the figures of a whole machine of which this container is a part.
    pub shared: bool,
    pub cpu: Stall,
    pub memory: Stall,
    pub io: Stall,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stall {
    /// At least one task waited.
    pub some: Averages,
    /// Every task that was not idle waited.
    pub full: Averages,
}

/// In percent of the time, over the last 10, 60 and 300 seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Averages {
    pub avg10: f64,
    pub avg60: f64,
    pub avg300: f64,
}
