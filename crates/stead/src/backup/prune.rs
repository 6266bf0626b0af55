//! `stead backup prune`: takes old snapshots away, as far as the recipe and caution allow.
//!
//! Leaves out which ones go, which `model::backup::retention` decides.

use std::fs;
use std::path::{Path, PathBuf};

use ::backup::repository::{Pruning, Repository};
use ::backup::snapshot::{Snapshot, SnapshotId};
use ::backup::whole;
use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use model::backup::drill::{self, DrillsV1};
use model::backup::manifest::ManifestV1;
use model::backup::retention::{Candidate, Consent, Plan, plan};
use model::text::{bytes, counted, moment};
use node::ground::{Ground, Place};
use node::home::Address;
use serde::Serialize;

use crate::ask::agreed;
use crate::backup::opened::Where;
use crate::bytes_bar::BytesBar;
use crate::flags::Json;
use crate::output;

/// What people have accepted on a host: falls up to these times, a file for each repository.
const CONSENT: &str = "/var/lib/stead/backup/consent";

/// Take snapshots away that the recipe's `keep` no longer asks for, and the data that nothing
/// needs any longer.
///
/// Never the newest, never the last that a drill has proved, and nothing at all after size or rows
/// fell by more than a fifth, until a person says that this is right. It shows what goes and why,
/// and asks. A host that may only add to its target cannot do this: then run it elsewhere, with
/// credentials that may remove.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead backup prune --dry-run              what would go, and why each other stays\n  \
    stead backup prune chat --target disk --yes\n  \
    stead backup prune chat --accept-fall     it is right that there is less than before")]
pub struct Prune {
    /// Only these services
    pub services: Vec<String>,

    #[command(flatten)]
    at: Where,

    /// Say what would go and why, and remove nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Do not ask
    #[arg(long)]
    pub yes: bool,

    /// What fell by more than a fifth fell for a good reason
    #[arg(long)]
    pub accept_fall: bool,

    #[command(flatten)]
    pub json: Json,
}

#[derive(Serialize)]
struct Came {
    service: String,
    target: String,
    plan: Plan,
    /// Packs that go, and bytes that this frees or would free.
    packs: u64,
    freed_bytes: u64,
    removed: bool,
}

pub fn prune(address: &Address, arguments: &Prune) -> anyhow::Result<u8> {
    let ground = Ground::open(address)?;
    crate::root::needed("remove what was saved")?;
    let mut all = Vec::new();
    let mut held = false;
    for place in arguments.at.places(&ground, &arguments.services)? {
        let came = one(arguments, &place)
            .with_context(|| format!("cannot prune {} at {}", place.scope.service, place.name))?;
        held |= !came.plan.falls.is_empty();
        all.push(came);
    }
    if arguments.json.json {
        output::json(&all)?;
    }
    Ok(u8::from(held))
}

fn one(arguments: &Prune, place: &Place) -> anyhow::Result<Came> {
    let (service, target) = (&place.scope.service, &place.name);
    let repository = Repository::open(&place.reach())?;
    let snapshots = repository.snapshots()?;
    let proved = proved(service);
    let copies: Vec<Candidate> = snapshots
        .iter()
        .map(|snapshot| candidate(&repository, service, snapshot, proved.as_deref()))
        .collect();
    drop(repository);
    let newest = copies.iter().map(|copy| copy.at).max();
    let consent =
        Consent { until: if arguments.accept_fall { newest } else { accepted(service, target) } };
    let decided = plan(&place.scope.keep, &copies, consent);
    let dropped: Vec<SnapshotId> = snapshots
        .iter()
        .filter(|one| decided.dropped().any(|id| id == one.id.as_str()))
        .map(|one| one.id.clone())
        .collect();
    if !arguments.json.json {
        output::print(&shown(service, target, &decided))?;
    }
    let mut came = Came {
        service: service.clone(),
        target: target.clone(),
        plan: decided,
        packs: 0,
        freed_bytes: 0,
        removed: false,
    };
    if !came.plan.falls.is_empty() {
        output::say(&format!(
            "hint: look whether something was lost; if it is right, \
             `stead backup prune {service} --target {target} --accept-fall`"
        ));
        return Ok(came);
    }
    let pruning = Pruning::open(&place.reach())?;
    let would = pruning.plan(&dropped)?;
    (came.packs, came.freed_bytes) = (would.packs, would.freed_bytes);
    if arguments.dry_run {
        output::say(&format!("It would free {}; nothing was removed.", bytes(would.freed_bytes)));
        return Ok(came);
    }
    if dropped.is_empty() && would.packs == 0 {
        keep_accepted(service, target, newest)?;
        return Ok(came);
    }
    let count = u32::try_from(dropped.len())?;
    let question = format!(
        "Remove {} of {service} at {target}, which frees {}?",
        counted(count, "snapshot"),
        bytes(would.freed_bytes)
    );
    if !arguments.yes && !agreed(&question)? {
        output::say("Nothing was removed.");
        return Ok(came);
    }
    let bar = BytesBar::new();
    let pruned = pruning.prune(&dropped, &bar)?;
    drop(bar);
    (came.packs, came.freed_bytes, came.removed) = (pruned.packs, pruned.freed_bytes, true);
    keep_accepted(service, target, newest)?;
    if !arguments.json.json {
        output::print(&format!(
            "Removed {}, freed {}.\n",
            counted(pruned.snapshots, "snapshot"),
            bytes(pruned.freed_bytes)
        ))?;
    }
    Ok(came)
}

fn candidate(
    repository: &Repository,
    service: &str,
    snapshot: &Snapshot,
    proved: Option<&str>,
) -> Candidate {
    let path = format!("{}/{service}/manifest.json", ::backup::staging::FOLDER);
    let manifest = repository.read(&snapshot.id, Path::new(&path)).ok();
    let manifest = manifest.and_then(|text| serde_json::from_slice::<ManifestV1>(&text).ok());
    let database = manifest.and_then(|manifest| manifest.database);
    Candidate {
        id: snapshot.id.to_string(),
        at: snapshot.at,
        bytes: snapshot.bytes,
        rows: database.map(|database| database.tables.values().map(|table| table.rows).sum()),
        verified: proved == Some(snapshot.id.as_str()),
        complete: !snapshot.is_incomplete(),
    }
}

/// The snapshot that the last drill proved that passed, if one did here.
fn proved(service: &str) -> Option<String> {
    let text = fs::read_to_string(drill::path(service)).ok()?;
    let drills: DrillsV1 = serde_json::from_str(&text).ok()?;
    drills.passed.filter(|passed| passed.service == service)?.snapshot
}

fn consent_path(service: &str, target: &str) -> PathBuf {
    Path::new(CONSENT).join(format!("{service}@{target}"))
}

/// Until when all falls of this repository were accepted, or none were found.
fn accepted(service: &str, target: &str) -> Option<Timestamp> {
    fs::read_to_string(consent_path(service, target)).ok()?.trim().parse().ok()
}

fn keep_accepted(service: &str, target: &str, until: Option<Timestamp>) -> anyhow::Result<()> {
    let Some(until) = until else { return Ok(()) };
    let path = consent_path(service, target);
    whole::replace(&path, format!("{until}\n").as_bytes(), 0o644)
        .with_context(|| format!("cannot write `{}`", path.display()))
}

fn shown(service: &str, target: &str, plan: &Plan) -> String {
    let mut text = format!("{service} at {target}: {plan}\n");
    for decision in &plan.decisions {
        let word = if decision.keeps { "keep" } else { "drop" };
        text.push_str(&format!(
            "  {word}  {}  {}  {}\n",
            decision.id.get(..8).unwrap_or(&decision.id),
            moment(decision.at),
            decision.reasons.join("; ")
        ));
    }
    text
}
