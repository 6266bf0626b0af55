//! Observes memory: the machine's, each unit's, pressure and kills.
//!
//! Reads files of the kernel only, no bus: a look takes milliseconds and may be taken each minute.

mod cgroups;
mod files;
mod kills;
mod meminfo;
mod pressure;
mod scan;

use std::path::Path;

use model::facts::memory::Memory;
use model::seen::Seen;
use serde::{Deserialize, Serialize};

use crate::memory::cgroups::Hierarchies;
use crate::memory::scan::Detail;

/// What is remembered from one run to the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    kills: kills::Past,
}

/// Looks at everything.
pub(crate) async fn observe(kept: &mut Kept) -> Memory {
    let (memory, past) = {
        let past = std::mem::take(&mut kept.kills);
        tokio::task::spawn_blocking(move || look(past)).await.unwrap_or_default()
    };
    kept.kills = past;
    memory
}

/// Looks only at what is a reading.
pub(crate) async fn measure() -> Memory {
    tokio::task::spawn_blocking(|| {
        let hierarchies = Hierarchies::find();
        Memory {
            sizes: meminfo::sizes(&hierarchies),
            pressure: pressure::observe(contained(), hierarchies.pressure.as_deref()),
            kills: Seen::unseen("not looked at in passing"),
            units: scan::units(&hierarchies, Detail::Readings),
        }
    })
    .await
    .unwrap_or_default()
}

fn look(mut past: kills::Past) -> (Memory, kills::Past) {
    let hierarchies = Hierarchies::find();
    let mut memory = Memory {
        sizes: meminfo::sizes(&hierarchies),
        pressure: pressure::observe(contained(), hierarchies.pressure.as_deref()),
        kills: kills::machine(&hierarchies, contained()),
        units: scan::units(&hierarchies, Detail::All),
    };
    past.date(&mut memory, &files::boot_id(), files::uptime());
    (memory, past)
}

/// Whether this is a container, which shares its kernel's counters with others.
fn contained() -> bool {
    ["/run/systemd/container", "/.dockerenv", "/run/.containerenv"]
        .into_iter()
        .any(|path| Path::new(path).exists())
}
