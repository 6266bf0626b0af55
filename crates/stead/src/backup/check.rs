//! `stead backup check`: whether repositories are whole.

use ::backup::repository::Repository;
use ::backup::snapshot::{Depth, Fault};
use clap::Args;
use node::ground::Ground;
use node::home::Address;
use serde::Serialize;

use crate::backup::opened::Where;
use crate::bytes_bar::BytesBar;
use crate::flags::Json;
use crate::output;

/// Something is wrong with what was saved.
const UNHEALTHY: u8 = 3;

/// Check repositories: keys, snapshots, indexes and trees, and each pack's presence and size.
///
/// That they hold what was saved, and that it works, is shown by `stead drill`. Exits 3 if
/// something that was saved is damaged, 1 if it could not look.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead backup check                       the structure, at every target\n  \
    stead backup check chat --sample 5       and 5 % of the data, chosen by chance\n  \
    stead backup check chat --read-data      and all of it")]
pub struct Check {
    /// Only these services
    pub services: Vec<String>,

    #[command(flatten)]
    at: Where,

    /// Read and decrypt all data as well
    #[arg(long, conflicts_with = "sample")]
    pub read_data: bool,

    /// Read and decrypt so many of a hundred packs as well
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub sample: Option<u8>,

    #[command(flatten)]
    pub json: Json,
}

#[derive(Serialize)]
struct Checked {
    service: String,
    target: String,
    faults: Vec<Fault>,
    /// Why it could not be looked at.
    error: Option<String>,
}

pub fn check(address: &Address, arguments: &Check) -> anyhow::Result<u8> {
    let ground = Ground::open(address)?;
    let depth = match (arguments.read_data, arguments.sample) {
        (true, _) => Depth::All,
        (false, Some(percent)) => Depth::Sample(percent),
        (false, None) => Depth::Structure,
    };
    let mut all = Vec::new();
    for place in arguments.at.places(&ground, &arguments.services)? {
        let bar = BytesBar::new();
        let found = Repository::open(&place.reach()).and_then(|one| one.check(depth, &bar));
        let (faults, error) = match found {
            Ok(faults) => (faults, None),
            Err(error) => (Vec::new(), Some(node::backups::told(&error, error.hint()))),
        };
        all.push(Checked { service: place.scope.service, target: place.name, faults, error });
    }
    if arguments.json.json {
        output::json(&all)?;
    } else {
        output::print(&all.iter().map(shown).collect::<String>())?;
    }
    let harmed = all.iter().any(|one| one.faults.iter().any(|fault| fault.harmful));
    let blind = all.iter().any(|one| one.error.is_some());
    Ok(if harmed { UNHEALTHY } else { u8::from(blind) })
}

fn shown(one: &Checked) -> String {
    let name = format!("{} at {}", one.service, one.target);
    if let Some(error) = &one.error {
        return format!("unknown {name}: {}\n", output::tame(error));
    }
    if one.faults.is_empty() {
        return format!("pass    {name}\n");
    }
    let lines = one.faults.iter().map(|fault| {
        let word = if fault.harmful { "fail" } else { "warn" };
        output::tame(&format!("{word:7} {name}: {}: {}", fault.object, fault.what)) + "\n"
    });
    lines.collect()
}
