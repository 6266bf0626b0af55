//! `stead backup restore`: files of a snapshot, into an empty place.
//!
//! Leaves out putting a service back into use, which is `stead restore`'s.

use std::path::PathBuf;

use ::backup::repository::Repository;
use clap::Args;
use model::text::{bytes, counted, milliseconds, moment};
use node::ground::Ground;
use node::home::Address;
use serde::Serialize;

use crate::backup::opened::{Where, Which, within};
use crate::bytes_bar::BytesBar;
use crate::flags::Json;
use crate::output;

/// Bring files of a snapshot back into an empty place; nothing that is in use is touched.
///
/// A file that was /etc/x is then PLACE/etc/x, with owner, mode and time. The database's dump and
/// the manifest are below var/lib/stead/backup/staging. `stead restore` puts a whole service back
/// into use.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead backup restore chat --to /srv/back\n  \
    stead backup restore chat --to /srv/back --at '2026-11-20 12:00' /etc/synapse\n  \
    stead backup restore chat --to /srv/back --snapshot 1a2b3c4d --target offsite")]
pub struct Restore {
    pub service: String,

    /// Only these, as they were on the host, and the folders above them; nothing else is fetched
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,

    /// An empty or new folder
    #[arg(long, value_name = "PLACE")]
    pub to: PathBuf,

    #[command(flatten)]
    at: Where,

    #[command(flatten)]
    which: Which,

    /// Say what would be restored, and restore nothing
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub json: Json,
}

#[derive(Serialize)]
struct Came {
    service: String,
    target: String,
    snapshot: String,
    at: jiff::Timestamp,
    files: u64,
    bytes: u64,
    /// What is not as the snapshot says: an owner, a mode, a time.
    faults: Vec<String>,
}

pub fn restore(address: &Address, arguments: &Restore) -> anyhow::Result<u8> {
    let ground = Ground::open(address)?;
    let wanted: Vec<PathBuf> =
        arguments.paths.iter().map(|path| within(path)).collect::<anyhow::Result<_>>()?;
    let place = arguments.at.place(&ground, &arguments.service)?;
    let repository = Repository::open(&place.reach())?;
    let snapshots = repository.snapshots()?;
    let snapshot = arguments.which.of(&snapshots)?;
    let named = format!(
        "snapshot {} of {}, {}",
        snapshot.id.short(),
        arguments.service,
        moment(snapshot.at)
    );
    if arguments.dry_run {
        let size = snapshot.bytes.map(bytes).unwrap_or_default();
        output::print(&format!(
            "would restore {named}, {size}, into {}\nnothing was restored\n",
            arguments.to.display()
        ))?;
        return Ok(0);
    }
    let to = std::path::absolute(&arguments.to)?;
    let bar = BytesBar::new();
    let restored = repository.restore_only(&snapshot.id, &to, &wanted, &bar)?;
    drop(bar);
    for fault in &restored.faults {
        output::say(&output::tame(&format!("warning: {fault}")));
    }
    if arguments.json.json {
        output::json(&Came {
            service: arguments.service.clone(),
            target: place.name.clone(),
            snapshot: snapshot.id.to_string(),
            at: snapshot.at,
            files: restored.files,
            bytes: restored.bytes,
            faults: restored.faults,
        })?;
        return Ok(0);
    }
    let took = u64::try_from(restored.took.as_millis()).unwrap_or(u64::MAX);
    output::print(&format!(
        "Restored {named} into {}: {}, {}, in {}.\n",
        to.display(),
        counted(restored.files, "file"),
        bytes(restored.bytes),
        milliseconds(took)
    ))?;
    Ok(0)
}
