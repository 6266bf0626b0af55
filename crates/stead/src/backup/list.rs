//! `stead backup list`: the snapshots of services, read from their targets.

use ::backup::repository::Repository;
use ::backup::snapshot::Snapshot;
use clap::Args;
use model::text::{bytes, counted, moment};
use node::ground::Ground;
use node::home::Address;
use serde::Serialize;

use crate::backup::opened::Where;
use crate::flags::Json;
use crate::output;

/// List what was saved, the newest last, as the targets have it.
#[derive(Debug, Args)]
pub struct List {
    /// Only these services
    pub services: Vec<String>,

    #[command(flatten)]
    at: Where,

    #[command(flatten)]
    pub json: Json,
}

#[derive(Serialize)]
struct Listed {
    service: String,
    target: String,
    place: String,
    snapshots: Vec<Snapshot>,
    /// Why they cannot be listed.
    error: Option<String>,
}

pub fn list(address: &Address, arguments: &List) -> anyhow::Result<u8> {
    let ground = Ground::open(address)?;
    let mut all = Vec::new();
    for place in arguments.at.places(&ground, &arguments.services)? {
        let found = Repository::open(&place.reach()).and_then(|one| one.snapshots());
        let (snapshots, error) = match found {
            Ok(snapshots) => (snapshots, None),
            Err(error) => (Vec::new(), Some(node::backups::told(&error, error.hint()))),
        };
        let repository = place.target.repository(&place.scope.service);
        let (service, target) = (place.scope.service, place.name);
        all.push(Listed { service, target, place: repository, snapshots, error });
    }
    if arguments.json.json {
        output::json(&all)?;
    } else {
        output::print(&all.iter().map(shown).collect::<String>())?;
    }
    for one in &all {
        if let Some(error) = &one.error {
            output::say(&output::tame(&format!(
                "error: {} at {}: {error}",
                one.service, one.target
            )));
        }
    }
    Ok(u8::from(all.iter().any(|one| one.error.is_some())))
}

fn shown(one: &Listed) -> String {
    let mut text = format!("{} at {} ({})\n", one.service, one.target, one.place);
    for snapshot in &one.snapshots {
        let files = snapshot.files.map_or_else(String::new, |files| counted(files, "file"));
        let size = snapshot.bytes.map(bytes).unwrap_or_default();
        let note = if snapshot.is_incomplete() { "  incomplete" } else { "" };
        text.push_str(&format!(
            "  {}  {}  {files:>14}  {size:>10}  {}{note}\n",
            snapshot.id.short(),
            moment(snapshot.at),
            snapshot.host
        ));
    }
    if one.snapshots.is_empty() && one.error.is_none() {
        text.push_str("  no snapshot yet\n");
    }
    text
}
