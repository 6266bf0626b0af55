//! The kernel's counters of kills, and since when the observer knows of the newest.

use std::collections::BTreeMap;
use std::path::Path;

use model::facts::memory::Memory;
use model::facts::memory::kills::Kills;
use model::seen::Seen;
use serde::{Deserialize, Serialize};

use crate::memory::cgroups::Hierarchies;
use crate::memory::files::{keyed, text};

/// The machine's counter, not dated yet.
pub(crate) fn machine(hierarchies: &Hierarchies, contained: bool) -> Seen<Kills> {
    let count = if contained {
        // Only the group of a container of its own has this file.
        let own = hierarchies.unified.as_ref().map(|root| text(&root.join("memory.events")));
        match own.and_then(|events| keyed(&events, "oom_kill")) {
            Some(count) => count,
            None => {
                return Seen::unseen(
                    "this container shares its kernel's counter of kills with its neighbours",
                );
            }
        }
    } else {
        match keyed(&text(Path::new("/proc/vmstat")), "oom_kill") {
            Some(count) => count,
            None => return Seen::unseen("/proc/vmstat counts no kills"),
        }
    };
    Seen::Seen(Kills { count, ..Kills::default() })
}

/// The counts of earlier looks within this boot. Times are seconds since the boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Past {
    boot: String,
    looked: Option<u64>,
    machine: Option<Mark>,
    units: BTreeMap<String, Mark>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    epoch: u64,
    count: u64,
    /// The last look that saw a lower count, or when counting began.
    after: u64,
    /// The first look that saw this count.
    known: u64,
}

impl Past {
    /// Fills in when kills were, as far as it is known.
    pub(crate) fn date(&mut self, memory: &mut Memory, boot: &str, now: u64) {
        if self.boot != boot || self.looked.is_some_and(|looked| looked > now) {
            *self = Self { boot: boot.to_owned(), ..Self::default() };
        }
        let looked = self.looked.unwrap_or(0);
        if let Seen::Seen(kills) = &mut memory.kills {
            self.machine = Some(mark(self.machine, 0, kills, looked, now));
        }
        let mut marks = BTreeMap::new();
        if let Seen::Seen(units) = &mut memory.units {
            for unit in units {
                let Some(kills) = &mut unit.kills else { continue };
                let before = self.units.get(&unit.name).copied();
                if kills.count > 0 {
                    marks.insert(unit.name.clone(), mark(before, unit.epoch, kills, looked, now));
                }
            }
        }
        self.units = marks;
        self.looked = Some(now);
    }
}

fn mark(before: Option<Mark>, epoch: u64, kills: &mut Kills, looked: u64, now: u64) -> Mark {
    let mark = match before {
        Some(mark) if mark.epoch == epoch && mark.count == kills.count => mark,
        _ => Mark { epoch, count: kills.count, after: looked, known: now },
    };
    kills.within_seconds = now.saturating_sub(mark.after);
    kills.known_seconds = now.saturating_sub(mark.known);
    mark
}

#[cfg(test)]
mod tests {
    use model::facts::memory::unit::{Source, UnitMemory};

    use super::*;

    fn memory(machine: u64, unit: u64, epoch: u64) -> Memory {
        let kills = |count| Kills { count, ..Kills::default() };
        Memory {
            kills: Seen::Seen(kills(machine)),
            units: Seen::Seen(vec![UnitMemory {
                name: "a.service".to_owned(),
                bytes: 0,
                limit_bytes: None,
                kills: Some(kills(unit)),
                source: Source::Unified,
                epoch,
            }]),
            ..Memory::default()
        }
    }

    fn look(past: &mut Past, mut memory: Memory, boot: &str, now: u64) -> (Kills, Kills) {
        past.date(&mut memory, boot, now);
        let unit = memory.units.seen().unwrap()[0].kills.unwrap();
        (*memory.kills.seen().unwrap(), unit)
    }

    #[test]
    fn a_kill_is_dated_between_two_looks() {
        let mut past = Past::default();
        let (machine, _) = look(&mut past, memory(3, 0, 7), "b", 1_000);
        assert_eq!((machine.within_seconds, machine.known_seconds), (1_000, 0));
        let (machine, unit) = look(&mut past, memory(4, 1, 7), "b", 1_060);
        assert_eq!((machine.within_seconds, machine.known_seconds), (60, 0));
        assert_eq!((unit.within_seconds, unit.known_seconds), (60, 0));
        let (machine, unit) = look(&mut past, memory(4, 1, 7), "b", 2_060);
        assert_eq!((machine.within_seconds, machine.known_seconds), (1_060, 1_000));
        assert_eq!(unit, Kills { count: 1, ..machine });
    }

    #[test]
    fn a_boot_begins_anew() {
        let mut past = Past::default();
        look(&mut past, memory(3, 3, 7), "b", 1_000);
        let (machine, _) = look(&mut past, memory(3, 3, 7), "c", 50);
        assert_eq!((machine.within_seconds, machine.known_seconds), (50, 0));
    }
}
