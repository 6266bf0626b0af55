//! systemd's units: timers with their wiring, failed units, services that restart.
//!
//! Leaves out the units that are well and ordinary: they are only counted. Memory of units is
//! [`memory`](crate::facts::memory)'s.

pub mod failure;
pub mod restarts;
pub mod timer;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facts::units::failure::Failure;
use crate::facts::units::restarts::Restarts;
use crate::facts::units::timer::Timer;
use crate::reading::{Meter, Reading};

/// What systemd, asked over D-Bus, and its unit directories say together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Units {
    /// The manager's `SystemState`: `running`, `degraded`, `starting`, …
    pub state: String,
    /// The unit that a boot starts, aliases resolved: `graphical.target`.
    pub default_target: String,
    /// Units in memory.
    pub loaded: usize,
    /// Services that are active.
    pub services: usize,
    /// Every timer on disk or in memory that is neither a template nor an alias, by name.
    pub timers: Vec<Timer>,
    /// Units of any kind that are in the state `failed`, by name.
    pub failed: Vec<Failure>,
    /// Services that systemd has started again by itself, by name.
    pub restarts: Vec<Restarts>,
    /// Services and timers that are enabled: linked from under /etc/systemd/system, by name.
    pub enabled: Vec<String>,
    /// Seconds since the boot.
    pub uptime_seconds: u64,
}

impl Units {
    /// Whether the boot is not over yet, so that what is down may just not be up yet.
    pub fn starting(&self) -> bool {
        matches!(self.state.as_str(), "initializing" | "starting")
    }

    /// What changes seldom, as lines `key = value`.
    pub(crate) fn lines(&self, lines: &mut BTreeMap<String, String>) {
        lines.insert("units.default".to_owned(), self.default_target.clone());
        for name in &self.enabled {
            lines.insert(format!("unit.{name}"), "enabled".to_owned());
        }
    }

    /// The numbers that are worth a history.
    pub(crate) fn readings(&self, readings: &mut Vec<Reading>) {
        readings.push(Reading {
            meter: Meter::new("units_failed", "host"),
            epoch: 0,
            value: self.failed.len() as f64,
        });
    }
}
