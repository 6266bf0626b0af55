//! Numbers that are measured again and again, and their history.
//!
//! Leaves out where they are kept: that is `commons`'.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is measured: a series (`unit_memory_bytes`) of a subject (`ssh.service`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Meter {
    /// Lower case with the unit at the end, as OpenMetrics names are.
    pub series: String,
    pub subject: String,
}

impl Meter {
    pub fn new(series: impl Into<String>, subject: impl Into<String>) -> Self {
        Self { series: series.into(), subject: subject.into() }
    }
}

/// One measured number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub meter: Meter,
    /// Changes when the subject starts afresh (a unit's restart), so that no trend spans it.
    pub epoch: u64,
    pub value: f64,
}

/// The readings of one meter within one window of time, folded. A raw reading is a window of one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// When the window starts (raw: when it was read).
    pub at: Timestamp,
    pub epoch: u64,
    pub count: u32,
    pub min: f64,
    pub max: f64,
    pub mean: f64,
}

impl Window {
    pub const fn raw(at: Timestamp, epoch: u64, value: f64) -> Self {
        Self { at, epoch, count: 1, min: value, max: value, mean: value }
    }
}

/// The kept history of a host, oldest first for each meter.
#[derive(Clone, Debug, Default)]
pub struct History {
    windows: BTreeMap<Meter, Vec<Window>>,
}

impl History {
    pub fn new(windows: BTreeMap<Meter, Vec<Window>>) -> Self {
        Self { windows }
    }

    /// The windows of a meter, oldest first; empty if it was never read.
    pub fn of(&self, series: &str, subject: &str) -> &[Window] {
        self.windows.get(&Meter::new(series, subject)).map_or(&[], Vec::as_slice)
    }

    pub fn meters(&self) -> impl Iterator<Item = (&Meter, &[Window])> {
        self.windows.iter().map(|(meter, windows)| (meter, windows.as_slice()))
    }
}
