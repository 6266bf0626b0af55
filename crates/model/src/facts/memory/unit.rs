//! One unit's memory.

use serde::{Deserialize, Serialize};

use crate::facts::memory::kills::Kills;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitMemory {
    pub name: String,
    /// What its processes hold, without the file cache, which the kernel takes back when needed.
    pub bytes: u64,
    /// The lowest of `MemoryMax=` and `MemoryHigh=` of the unit and the slices around it.
    pub limit_bytes: Option<u64>,
    /// `None` where nothing counts them: without the memory controller.
    pub kills: Option<Kills>,
    pub source: Source,
    /// Changes with each start of the unit.
    pub epoch: u64,
}

/// Where a unit's memory was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The unified hierarchy's `memory.current` and `memory.stat`.
    Unified,
    /// The old hierarchy's `memory.usage_in_bytes` and `memory.stat`.
    Legacy,
    /// The sum of the processes' private pages, where no memory controller is given to units.
    Processes,
}
