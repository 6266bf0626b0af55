//! Observes the clock: who keeps it, and whether it moved apart from the time since boot.

mod looks;
mod sync;

use std::fs;

use jiff::Timestamp;
use model::facts::clock::{Clock, Witness};
use model::seen::Seen;
use serde::{Deserialize, Serialize};

/// What is remembered from one run to the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    looks: looks::Kept,
    sync: sync::Kept,
}

pub(crate) async fn observe(kept: &mut Kept) -> Clock {
    let looks = looks::Look::now().map(|look| looks::compare(&mut kept.looks, look));
    let services = tokio::task::spawn_blocking(sync::services).await.unwrap_or_default();
    let (source, synchronised) = sync::observe(&mut kept.sync, &services).await;
    Clock { synchronised, source, services, looks, witness: witness() }
}

/// The newest of the files that the system itself writes: the package database, systemd's mark of
/// its own build (systemd-timesyncd.service(8)), and the last time that timesyncd knew.
fn witness() -> Seen<Witness> {
    const FILES: [&str; 4] = [
        "/var/lib/dpkg/status",
        "/usr/lib/clock-epoch",
        "/var/lib/systemd/timesync/clock",
        "/var/lib/private/systemd/timesync/clock",
    ];
    FILES
        .iter()
        .filter_map(|path| {
            let time = fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
            let modified = Timestamp::try_from(time).ok()?;
            Some(Witness { path: (*path).to_owned(), modified })
        })
        .max_by_key(|witness| witness.modified)
        .map_or_else(
            || Seen::unseen("no file tells of an earlier time (no package database)"),
            Seen::Seen,
        )
}
