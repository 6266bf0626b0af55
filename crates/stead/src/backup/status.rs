//! `stead backup status`: what this host knows of its backups, without asking a target.

use clap::Args;
use host::drill::store;
use jiff::Timestamp;
use model::backup::attempt::FailureV1;
use model::backup::due::{Past, due, seed};
use model::backup::evidence::EvidenceV1;
use model::plan::service::Service;
use model::text::{moment, span};
use node::backups::{failure, last};
use node::drills;
use node::ground::Ground;
use node::home::Address;
use serde::Serialize;

use crate::flags::Json;
use crate::{due_text, output};

/// Show when each service was last saved at each target, what failed since, and when it is due.
///
/// No target is asked: `stead backup list` does that, and `stead proof` says what is proved.
#[derive(Debug, Args)]
pub struct Status {
    /// Only these services
    pub services: Vec<String>,

    #[command(flatten)]
    pub json: Json,
}

#[derive(Serialize)]
struct Standing {
    service: String,
    target: String,
    place: String,
    period_hours: u32,
    last: Option<EvidenceV1>,
    failure: Option<FailureV1>,
    /// When the next is due; the past if it is due now.
    due: Timestamp,
}

pub fn status(address: &Address, arguments: &Status) -> anyhow::Result<u8> {
    let ground = Ground::open(address)?;
    crate::root::needed("read what backups left behind")?;
    let now = Timestamp::now();
    let mut all = Vec::new();
    for service in ground.chosen(&arguments.services)? {
        let Some(expected) = service.expected() else { continue };
        for target in &expected.targets {
            let last = last(&service.name, target);
            let failure = failure(&service.name, target);
            let past = Past {
                last: last.as_ref().map(|last| last.at),
                failure: failure.as_ref(),
                period_hours: expected.period_hours,
                seed: &seed(ground.host.as_str(), &service.name, target),
            };
            let due = due(&past, now).moment(now);
            let place = ground.stead.targets.get(target);
            let place = place.map(|found| found.repository(&service.name)).unwrap_or_default();
            let period_hours = expected.period_hours;
            let (service, target) = (service.name.clone(), target.clone());
            all.push(Standing { service, target, place, period_hours, last, failure, due });
        }
    }
    if arguments.json.json {
        output::json(&all)?;
        return Ok(0);
    }
    for fault in &ground.services.faults {
        output::say(&fault.to_string());
    }
    let mut text: String = all.iter().map(|one| shown(one, now)).collect();
    for service in ground.chosen(&arguments.services)? {
        text.push_str(&drilled(&ground, service, now));
    }
    if all.is_empty() {
        text.push_str("no service of this host names a target in its `backups`\n");
    }
    output::print(&text)?;
    Ok(0)
}

/// The last drill of a service and the next, in a line; nothing if it has no backup.
fn drilled(ground: &Ground, service: &Service, now: Timestamp) -> String {
    if service.plan.backups.is_empty() {
        return String::new();
    }
    let last = store::last(&service.name).ok().flatten().map(|drills| drills.newest);
    let last = last.map_or("never drilled".to_owned(), |last| {
        let word = last.outcome.word();
        let ago = output::ago(last.at, now);
        output::tame(&format!("drilled {ago} ago from {} on {}: {word}", last.target, last.host))
    });
    let next = match (drills::rota(ground, service, now), &service.plan.drill.on) {
        (Some((due, target)), _) => {
            format!("next from {target} {}", due_text::when(due.moment(now), now))
        }
        (None, Some(host)) if *host != ground.host => format!("{host} drills it"),
        (None, _) => "the next once it is saved".to_owned(),
    };
    format!("{}: {last}; {next}\n", service.name)
}

fn shown(one: &Standing, now: Timestamp) -> String {
    let last = match &one.last {
        Some(last) => format!("saved {} ago ({})", output::ago(last.at, now), moment(last.at)),
        None => "never saved".to_owned(),
    };
    let next = if one.due <= now {
        "due now".to_owned()
    } else {
        format!("due in {}", span(one.due.duration_since(now).as_secs().unsigned_abs()))
    };
    let mut text = format!("{} at {}: {last}; {next}\n", one.service, one.target);
    if let Some(failure) = &one.failure {
        text.push_str(&output::wrap(
            &format!(
                "failed {} ago ({} in a row): {}",
                output::ago(failure.at, now),
                failure.count,
                failure.reason
            ),
            2,
            output::width(),
        ));
    }
    text
}
