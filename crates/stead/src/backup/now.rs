//! `stead backup now`: saves services, and reads what was saved back.

use ::backup::error::Error;
use ::backup::repository::Repository;
use anyhow::bail;
use clap::Args;
use model::text::{bytes, counted, milliseconds};
use node::backups::{self, Ended, Errand};
use node::ground::{Ground, Place};
use node::home::Address;
use serde::Serialize;

use crate::bytes_bar::BytesBar;
use crate::flags::Json;
use crate::output;

/// Save services at their targets now, and read each snapshot back.
///
/// Each target is on its own: that one cannot be reached does not keep the other from being
/// written. It needs root, who may read what is saved. `stead up` as root does the same by itself,
/// as often as the recipe says.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead backup now                          every service of this host\n  \
    stead backup now chat --target offsite\n  \
    stead backup now chat --found             make the repository where there is none")]
pub struct Now {
    /// Only these services
    pub services: Vec<String>,

    /// Only at this target
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,

    /// Make a new repository where there is none. Not by itself: an unmounted disk has none either
    #[arg(long)]
    pub found: bool,

    /// Say what would be saved and where, and save nothing
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub json: Json,
}

/// What one backup came to, as `--json` prints it.
#[derive(Serialize)]
struct Came {
    service: String,
    target: String,
    evidence: Option<model::backup::evidence::EvidenceV1>,
    error: Option<String>,
}

pub fn now(address: &Address, arguments: &Now) -> anyhow::Result<u8> {
    let ground = Ground::open(address)?;
    let errands = errands(&ground, arguments)?;
    if arguments.dry_run {
        return rehearse(&ground, &errands);
    }
    crate::root::needed("read what is to be saved")?;
    let mut all = Vec::new();
    for errand in &errands {
        let bar = BytesBar::new();
        let ready = |place: &Place| if arguments.found { found(&ground, place) } else { Ok(()) };
        let ended = backups::save(&ground, errand, ready, &bar);
        drop(bar);
        for Ended { service, target, outcome } in ended {
            match &outcome {
                Ok(evidence) if !arguments.json.json => output::print(&format!(
                    "Saved {service} at {target}: {}, {}, {} of them new, in {}; read back.\n",
                    counted(evidence.files, "file"),
                    bytes(evidence.bytes),
                    bytes(evidence.added_bytes),
                    milliseconds(evidence.milliseconds)
                ))?,
                Ok(_) => {}
                Err(reason) => output::say(&output::tame(&format!(
                    "error: {service} was not saved at {target}: {reason}"
                ))),
            }
            let (evidence, error) = match outcome {
                Ok(evidence) => (Some(evidence), None),
                Err(error) => (None, Some(error)),
            };
            all.push(Came { service, target, evidence, error });
        }
    }
    if arguments.json.json {
        output::json(&all)?;
    }
    Ok(u8::from(all.iter().any(|came| came.error.is_some())))
}

/// The services and targets that are meant, at least one.
fn errands(ground: &Ground, arguments: &Now) -> anyhow::Result<Vec<Errand>> {
    let mut errands = Vec::new();
    for service in ground.chosen(&arguments.services)? {
        let targets = service.plan.backups.iter();
        let only = |target: &&String| arguments.target.as_ref().is_none_or(|one| one == *target);
        let targets: Vec<String> = targets.filter(only).cloned().collect();
        if !targets.is_empty() {
            errands.push(Errand { service: service.name.clone(), targets });
        }
    }
    if errands.is_empty() {
        for fault in &ground.services.faults {
            output::say(&fault.to_string());
        }
        bail!(
            "there is nothing to save: no service of {} names {} in its `backups`",
            ground.host,
            arguments.target.as_deref().map_or("a target".to_owned(), |name| format!("`{name}`"))
        );
    }
    Ok(errands)
}

fn rehearse(ground: &Ground, errands: &[Errand]) -> anyhow::Result<u8> {
    let mut text = String::new();
    for errand in errands {
        let service = ground.here(&errand.service)?;
        let scope = ground.scope(service)?;
        for target in &errand.targets {
            let place = ground.stead.targets.get(target);
            let place = place.map(|target| target.repository(&errand.service)).unwrap_or_default();
            text.push_str(&format!("would save {} at {place}\n", errand.service));
        }
        if let Some(database) = &scope.database {
            text.push_str(&format!("  the database {}\n", database.name));
        }
        for path in &scope.paths {
            text.push_str(&format!("  {path}\n"));
        }
        for path in &scope.exclude {
            text.push_str(&format!("  without {path}\n"));
        }
        if !scope.quiesce.is_empty() {
            let longest = scope.quiesce_seconds;
            let longest = longest.map_or(String::new(), |seconds| format!(", at most {seconds} s"));
            text.push_str(&format!("  {} rest meanwhile{longest}\n", scope.quiesce.join(", ")));
        }
    }
    text.push_str("nothing was saved\n");
    output::print(&text)?;
    Ok(0)
}

/// Makes the repository where there is none.
fn found(ground: &Ground, place: &Place) -> Result<(), String> {
    match Repository::open(&place.reach()) {
        Ok(_) => Ok(()),
        Err(Error::NoRepository { place: path }) => {
            ground.openable(place).map_err(|error| backups::told(&error, error.hint()))?;
            Repository::found(&place.reach())
                .map_err(|error| backups::told(&error, error.hint()))?;
            output::say(&format!("Made a new repository at {path}."));
            Ok(())
        }
        Err(error) => Err(backups::told(&error, error.hint())),
    }
}
