//! The backup job: which service at which target is due, one at a time, and what is left behind.
//!
//! Leaves out how a backup is made, which is the room `backup`'s, and what it is judged by
//! afterwards: its evidence alone.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use backup::places::Places;
use backup::progress::Progress;
use backup::save::{self, Destination};
use backup::whole;
use host::restore::journal::{self, Phase};
use jiff::Timestamp;
use model::backup::attempt::{self, FailureV1};
use model::backup::due::{Due, Past, due, seed};
use model::backup::evidence::{self, EvidenceV1};
use model::text::with_causes;

use crate::ground::{Ground, Place};

/// A service and those of its targets that are meant, by their names: one dump serves them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    pub service: String,
    pub targets: Vec<String>,
}

/// How one backup went at one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub service: String,
    pub target: String,
    /// With what stood in the way, for people.
    pub outcome: Result<EvidenceV1, String>,
}

/// What this host's plan asks to be saved now: the service that has been due for longest, at each
/// of its targets that are due. Not one that rests.
pub fn next(ground: &Ground, now: Timestamp, rests: impl Fn(&str) -> bool) -> Option<Errand> {
    let mut waiting: Vec<(Option<Timestamp>, Errand)> = Vec::new();
    for service in ground.services.on(&ground.host) {
        let Some(expected) = service.expected() else { continue };
        // Half of the data would be of before, half of after.
        if rests(&service.name) || is_restored(&service.name) {
            continue;
        }
        let mut targets = Vec::new();
        let mut since = None;
        for target in expected.targets {
            let last = last(&service.name, &target).map(|evidence| evidence.at);
            let failure = failure(&service.name, &target);
            let past = Past {
                last,
                failure: failure.as_ref(),
                period_hours: expected.period_hours,
                seed: &seed(ground.host.as_str(), &service.name, &target),
            };
            if due(&past, now) == Due::Now {
                // What failed last goes behind what did not: it shall not hold the others up.
                let tried = failure.map(|failure| failure.at).or(last);
                since = if targets.is_empty() { tried } else { since.min(tried) };
                targets.push(target);
            }
        }
        if !targets.is_empty() {
            waiting.push((since, Errand { service: service.name.clone(), targets }));
        }
    }
    waiting.sort_by_key(|(since, _)| *since);
    waiting.into_iter().next().map(|(_, errand)| errand)
}

/// Whether a restore of this service runs, or waits to be ended.
pub(crate) fn is_restored(service: &str) -> bool {
    match journal::of(service) {
        Ok(Some(journal)) => journal.phase != Phase::Kept,
        Ok(None) => false,
        // Whatever it is, it is not over.
        Err(_) => true,
    }
}

/// Saves a service at these targets, and leaves behind how it went. `ready` is asked of each
/// target before anything is dumped.
pub fn save(
    ground: &Ground,
    errand: &Errand,
    ready: impl Fn(&Place) -> Result<(), String>,
    progress: &dyn Progress,
) -> Vec<Ended> {
    let mut places = Vec::new();
    let mut ended = Vec::new();
    let end = |target: &str, outcome| Ended {
        service: errand.service.clone(),
        target: target.to_owned(),
        outcome,
    };
    if is_restored(&errand.service) {
        // Half of the data would be of before, half of after; from here on, a restore that begins
        // is refused for as long as the backup runs.
        let reason = format!(
            "a restore of it runs or was cut short; wait until it is done, or \
             `stead restore {}` ends it",
            errand.service
        );
        ended.extend(errand.targets.iter().map(|target| end(target, Err(reason.clone()))));
        ended.iter().for_each(leave);
        return ended;
    }
    for target in &errand.targets {
        let place = ground
            .here(&errand.service)
            .and_then(|service| ground.place(service, target))
            .map_err(|error| told(&error, error.hint()))
            .and_then(|place| ready(&place).map(|()| place));
        match place {
            Ok(place) => places.push(place),
            Err(reason) => ended.push(end(target, Err(reason))),
        }
    }
    if let Some(first) = places.first() {
        let to: Vec<Destination<'_>> = places
            .iter()
            .map(|place| Destination { name: &place.name, reach: place.reach() })
            .collect();
        let version = version(&first.scope.recipe);
        match save::back_up(&first.scope, version, &to, &Places::default(), progress) {
            Ok(outcomes) => ended.extend(outcomes.into_iter().map(|one| {
                end(&one.target, one.result.map_err(|error| told(&error, error.hint())))
            })),
            Err(refusal) => {
                let reason = told(&refusal, refusal.hint());
                ended.extend(places.iter().map(|place| end(&place.name, Err(reason.clone()))));
            }
        }
    }
    ended.iter().for_each(leave);
    ended
}

/// Leaves a failure behind, or takes the last one away.
fn leave(ended: &Ended) {
    let path = attempt::path(&ended.service, &ended.target);
    let path = Path::new(&path);
    match &ended.outcome {
        // What cannot be taken away tells of a failure that is over: a warning too many.
        Ok(_) => drop(fs::remove_file(path)),
        Err(reason) => {
            let before = failure(&ended.service, &ended.target);
            let names = (ended.service.as_str(), ended.target.as_str());
            let failure = FailureV1::after(before.as_ref(), names, reason, Timestamp::now());
            // Who asked for it sees that nothing was left behind.
            drop(keep(path, &failure));
        }
    }
}

/// Whether how this went, after it was begun at this time, was left behind here.
pub fn is_kept(ended: &Ended, begun: Timestamp) -> bool {
    let failure = || failure(&ended.service, &ended.target);
    ended.outcome.is_ok() || failure().is_some_and(|failure| failure.at >= begun)
}

/// The version of a package, as dpkg has it; none where it is not installed.
fn version(package: &str) -> Option<String> {
    let output = Command::new("dpkg-query")
        .args(["-W", "-f", "${Version}", "--", package])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// An error with its causes and the way out, in one text.
pub fn told(error: &dyn std::error::Error, hint: Option<String>) -> String {
    let causes = with_causes(error);
    hint.map_or_else(|| causes.clone(), |hint| format!("{causes}; {hint}"))
}

/// The evidence that the last backup left behind here, if it is of this service and target.
pub fn last(service: &str, target: &str) -> Option<EvidenceV1> {
    let text = fs::read_to_string(evidence::path(service, target)).ok()?;
    let evidence: EvidenceV1 = serde_json::from_str(&text).ok()?;
    (evidence.service == service && evidence.target == target).then_some(evidence)
}

/// The failure that stands here.
pub fn failure(service: &str, target: &str) -> Option<FailureV1> {
    let text = fs::read_to_string(attempt::path(service, target)).ok()?;
    serde_json::from_str(&text).ok()
}

fn keep(path: &Path, failure: &FailureV1) -> io::Result<()> {
    whole::replace(path, &serde_json::to_vec(failure)?, 0o644)
}
