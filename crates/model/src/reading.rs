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

    /// Both windows as one, which starts where `self` does and has the later one's epoch.
    #[must_use]
    pub fn with(self, later: Self) -> Self {
        let count = self.count.saturating_add(later.count);
        let weight = f64::from(later.count) / f64::from(count.max(1));
        Self {
            at: self.at,
            epoch: later.epoch,
            count,
            min: self.min.min(later.min),
            max: self.max.max(later.max),
            mean: self.mean + (later.mean - self.mean) * weight,
        }
    }

    /// At most `most` windows that tell the same story: neighbours are folded together.
    pub fn thin(windows: &[Self], most: usize) -> Vec<Self> {
        let stride = windows.len().div_ceil(most.max(1)).max(1);
        windows
            .chunks(stride)
            .filter_map(|chunk| chunk.iter().copied().reduce(Self::with))
            .collect()
    }
}

/// The kept history of a host, oldest first for each meter.
#[derive(Clone, Debug, Default)]
pub struct History {
    windows: BTreeMap<Meter, Vec<Window>>,
}

impl History {
    pub const fn new(windows: BTreeMap<Meter, Vec<Window>>) -> Self {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn thinned_windows_keep_the_extremes_and_the_mean(
            values in proptest::collection::vec(-1e6..1e6f64, 1..500),
            most in 1usize..50,
        ) {
            let windows: Vec<Window> =
                values.iter().map(|value| Window::raw(Timestamp::UNIX_EPOCH, 0, *value)).collect();
            let thin = Window::thin(&windows, most);
            prop_assert!(thin.len() <= most);
            let whole = thin.into_iter().reduce(Window::with).expect("not empty");
            prop_assert_eq!(whole.count as usize, values.len());
            prop_assert_eq!(whole.min, values.iter().copied().fold(f64::INFINITY, f64::min));
            prop_assert_eq!(whole.max, values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            prop_assert!((whole.mean - mean).abs() < 1e-3);
        }
    }
}
