//! Memory of the machine and of each unit, pressure, and out-of-memory kills.
//!
//! Leaves out the history of these numbers: they are readings.

pub mod kills;
pub mod pressure;
pub mod unit;

use serde::{Deserialize, Serialize};

use crate::facts::memory::kills::Kills;
use crate::facts::memory::pressure::Pressure;
use crate::facts::memory::unit::UnitMemory;
use crate::reading::{Meter, Reading};
use crate::seen::Seen;

/// The series of readings of each unit's memory, by unit.
pub const UNIT_SERIES: &str = "unit_memory_bytes";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    pub sizes: Seen<Sizes>,
    pub pressure: Seen<Pressure>,
    /// Kills on the whole machine since the boot; in a container, within the container.
    pub kills: Seen<Kills>,
    /// The services that run, and the containers that systemd knows as scopes, by name.
    pub units: Seen<Vec<UnitMemory>>,
}

/// Sizes as proc_meminfo(5) has them, in bytes. A container without lxcfs sees its host's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    pub total_bytes: u64,
    /// What can be given to programs without swapping; in a container at most what its own limit
    /// leaves.
    pub available_bytes: u64,
    pub swap_total_bytes: u64,
    pub swap_used_bytes: u64,
    /// The limit of the container that this machine is, if it is one and has one.
    pub limit_bytes: Option<u64>,
}

impl Memory {
    /// The numbers that are worth a history.
    pub(crate) fn readings(&self, readings: &mut Vec<Reading>) {
        let mut put = |series: &str, subject: &str, epoch: u64, value: f64| {
            readings.push(Reading { meter: Meter::new(series, subject), epoch, value });
        };
        if let Seen::Seen(sizes) = &self.sizes {
            put("memory_available_bytes", "host", 0, sizes.available_bytes as f64);
            put("swap_used_bytes", "host", 0, sizes.swap_used_bytes as f64);
        }
        if let Seen::Seen(pressure) = &self.pressure {
            put("pressure_cpu_some_ratio", "host", 0, pressure.cpu.some.avg60 / 100.0);
            put("pressure_memory_full_ratio", "host", 0, pressure.memory.full.avg60 / 100.0);
            put("pressure_io_full_ratio", "host", 0, pressure.io.full.avg60 / 100.0);
        }
        for unit in self.units.seen().into_iter().flatten() {
            put(UNIT_SERIES, &unit.name, unit.epoch, unit.bytes as f64);
        }
    }
}
