//! What the evidence of a backup and of its drills is worth now.
//!
//! Leaves out how it is told: checks and the proof both ask here, so that they never differ.

use jiff::Timestamp;

use crate::backup::drill::{DrillV1, DrillsV1, Outcome};
use crate::backup::evidence::{EvidenceV1, path};
use crate::backup::restore::{Phase, path as journal};
use crate::facts::upkeep::{Left, RestoreTrace, TargetTrace};
use crate::plan::host::Expected;
use crate::seen::Seen;
use crate::text::{milliseconds, moment, printable, span};

/// How far a time may be ahead of the clock before it is no evidence, in seconds.
const AHEAD: i64 = 3600;

/// What something is worth, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Good(String),
    /// Good still, and the newest attempt failed.
    Failing(String),
    Bad(String),
    /// It cannot be told: never as good.
    Unknown(String),
}

/// Judges what the backups of a service left behind at one target.
pub fn saved(
    service: &Expected,
    target: &str,
    found: Option<&TargetTrace>,
    now: Timestamp,
) -> Standing {
    let standing = read_back(service, target, found.map(|found| &found.found), now);
    let Some(failure) = found.and_then(|found| found.failure.as_ref()) else { return standing };
    let failed = format!(
        "the last attempt, {}, failed: {} ({} in a row)",
        moment(failure.at),
        failure.reason,
        failure.count
    );
    match standing {
        Standing::Good(told) => Standing::Failing(format!("{told}, but {failed}")),
        Standing::Bad(told) => Standing::Bad(format!("{told}; {failed}")),
        other => other,
    }
}

/// Judges the last one that was read back.
fn read_back(
    service: &Expected,
    target: &str,
    found: Option<&Seen<Left<EvidenceV1>>>,
    now: Timestamp,
) -> Standing {
    let name = &service.service;
    let file = path(name, target);
    let evidence = match found {
        None => return Standing::Unknown("nobody has looked at its evidence yet".to_owned()),
        Some(Seen::Unseen(reason)) => return Standing::Unknown(reason.clone()),
        Some(Seen::Seen(Left::Nothing)) => {
            return Standing::Bad(format!(
                "its evidence {file} does not exist: no backup was ever made and read back"
            ));
        }
        Some(Seen::Seen(Left::Garbage(why))) => {
            return Standing::Bad(format!("its evidence {file} is none: {why}"));
        }
        Some(Seen::Seen(Left::Whole(evidence))) => evidence,
    };
    if evidence.service != *name || evidence.target != target {
        return Standing::Bad(format!(
            "its evidence {file} is of {} at {}",
            printable(&evidence.service, 63),
            printable(&evidence.target, 63)
        ));
    }
    let age = now.duration_since(evidence.at).as_secs();
    let period = span(u64::from(service.period_hours) * 3600);
    if age < -AHEAD {
        return Standing::Unknown(format!(
            "the time of its evidence {file}, {}, lies {} in the future: its age cannot be told",
            moment(evidence.at),
            span(age.unsigned_abs())
        ));
    }
    // One and a half periods, in whole seconds.
    if age > i64::from(service.period_hours) * 5400 {
        return Standing::Bad(format!(
            "the last backup that was read back is {} old ({}); one is due every {period}",
            span(age.unsigned_abs()),
            moment(evidence.at)
        ));
    }
    Standing::Good(format!("read back {} ago", span(age.max(0).unsigned_abs())))
}

/// Judges what the drills of a service left behind on this host.
pub fn drilled(
    service: &Expected,
    host: &str,
    found: Option<&Seen<Left<DrillsV1>>>,
    now: Timestamp,
) -> Standing {
    let (name, worth) = (&service.service, service.drill.worth());
    let drills: &DrillsV1 = match found {
        None => return Standing::Unknown("nobody has looked for its drills yet".to_owned()),
        Some(Seen::Unseen(reason)) => return Standing::Unknown(reason.clone()),
        Some(Seen::Seen(Left::Nothing)) => {
            return match &service.drill.on {
                Some(on) if on.as_str() != host => Standing::Unknown(format!(
                    "its drills are {on}'s, and what they showed was never brought here"
                )),
                _ => Standing::Bad("its backups were never restored in a drill".to_owned()),
            };
        }
        Some(Seen::Seen(Left::Garbage(why))) => {
            return Standing::Unknown(format!("what its drills left behind cannot be read: {why}"));
        }
        Some(Seen::Seen(Left::Whole(drills))) => drills,
    };
    let newest = &drills.newest;
    let all = [Some(newest), drills.passed.as_ref()].into_iter().flatten();
    if all.chain(drills.proved.values()).any(|one| one.service != *name) {
        return Standing::Unknown("what its drills left behind is of another service".to_owned());
    }
    let age = |at| now.duration_since(at).as_secs();
    let last = match &drills.passed {
        Some(passed) => format!("the last one passed {}", moment(passed.at)),
        None => "none ever passed".to_owned(),
    };
    // One target's good copy does not make another's bad one good.
    let proved = service.targets.iter().filter_map(|target| drills.proved_at(target));
    let bad = proved.filter(|one| one.outcome == Outcome::Fail).max_by_key(|one| one.at);
    let bad = if newest.outcome == Outcome::Fail { Some(newest) } else { bad };
    if let Some(bad) = bad {
        let (began, target) = (moment(bad.at), printable(&bad.target, 63));
        let reason = printable(&bad.reason, 300);
        let told = format!("the newest drill from {target}, {began}: {reason}; {last}");
        return Standing::Bad(told);
    }
    let reason = printable(&newest.reason, 300);
    let began = moment(newest.at);
    match newest.outcome {
        Outcome::Unknown => {
            let told = format!("the newest drill, {began}, could not run: {reason}; {last}");
            let fresh = drills.passed.as_ref().is_some_and(|one| age(one.at) <= worth);
            return if fresh { Standing::Unknown(told) } else { Standing::Bad(told) };
        }
        Outcome::Pass | Outcome::Fail => {}
    }
    let Some(passed) = &drills.passed else {
        return Standing::Unknown("what its drills left behind contradicts itself".to_owned());
    };
    let old = age(passed.at);
    if old < -AHEAD {
        let at = moment(passed.at);
        return Standing::Unknown(format!("its last drill, {at}, lies in the future"));
    }
    if old > worth {
        return Standing::Bad(format!(
            "the last drill that passed is {} old ({}); one is due every {} d",
            span(old.unsigned_abs()),
            moment(passed.at),
            service.drill.every_days
        ));
    }
    // A disk that stays behind can be restored for ever.
    let own = service.targets.iter().filter_map(|target| drills.proved_at(target));
    if let Some(stale) = own.chain([passed]).find(|one| !is_of_then(service, one)) {
        let target = printable(&stale.target, 63);
        let began = moment(stale.at);
        return Standing::Bad(match stale.snapshot_at {
            Some(at) => format!(
                "the drill from {target}, {began}, restored a snapshot of {}: newer ones are not \
                 where it looked",
                moment(at)
            ),
            None => format!("the drill from {target}, {began}, does not say of when its backup is"),
        });
    }
    let is_fresh = |one: &DrillV1| (-AHEAD..=worth).contains(&age(one.at));
    let barred = service.targets.iter().filter_map(|target| drills.barred.get(target));
    let unproved = |target: &str| !drills.proved_at(target).is_some_and(is_fresh);
    if let Some(one) = barred.filter(|one| unproved(&one.target)).min_by_key(|one| one.at) {
        return Standing::Unknown(format!(
            "its backup at {} is not proved: the newest drill from there, {}, could not run: {}",
            printable(&one.target, 63),
            moment(one.at),
            printable(&one.reason, 300)
        ));
    }
    let time = passed.restore_milliseconds.map_or_else(
        || "restored".to_owned(),
        |time| format!("restored in {}", milliseconds(time)),
    );
    Standing::Good(format!("{time}, {} ago", span(old.max(0).unsigned_abs())))
}

/// Judges what the last restore of a service left behind; nothing if there is nothing to tell.
pub fn restored(service: &str, trace: Option<&RestoreTrace>) -> Option<Standing> {
    let unknown = |reason: String| Some(Standing::Unknown(reason));
    let begun = match trace.map(|trace| &trace.found) {
        None => return unknown("nobody has looked for restores of it yet".to_owned()),
        Some(Seen::Unseen(reason)) => return unknown(reason.clone()),
        Some(Seen::Seen(Left::Nothing)) => return None,
        Some(Seen::Seen(Left::Garbage(why))) => {
            return unknown(format!(
                "the journal {} of its restore is none: {why}",
                journal(service)
            ));
        }
        Some(Seen::Seen(Left::Whole(begun))) => begun,
    };
    if begun.service != *service {
        let other = printable(&begun.service, 63);
        return unknown(format!("the journal {} is of {other}", journal(service)));
    }
    let (at, doing) = (moment(begun.at), begun.phase.words());
    let blocks = "no backup is made until it is ended";
    Some(match (begun.phase, trace.and_then(|trace| trace.runs)) {
        (Phase::Kept, _) => Standing::Good(format!(
            "the restore of {at} is done; `{}` lets go of what it replaced",
            begun.phase.again(service)
        )),
        (_, Some(true)) => Standing::Good(format!("the restore of {at} runs: {doing}")),
        (_, Some(false)) => {
            Standing::Bad(format!("the restore of {at} was cut short while {doing}; {blocks}"))
        }
        (_, None) => Standing::Unknown(format!(
            "the restore of {at} runs or was cut short, while {doing}; {blocks}"
        )),
    })
}

/// The way out for what [`restored`] does not find good.
pub fn ends_restore(service: &str, trace: Option<&RestoreTrace>) -> String {
    match trace.map(|trace| &trace.found) {
        Some(Seen::Seen(Left::Whole(begun))) if begun.service == *service => {
            let again = begun.phase.again(service);
            match begun.phase {
                Phase::Making => format!("`{again}` takes away what it made, and then asks anew"),
                _ => format!("`{again}` goes on where it was, and does nothing else"),
            }
        }
        Some(Seen::Seen(_)) => format!(
            "look what it left beside the service's data (`*.before-*`, `*.restored-*`), and move \
             {} away",
            journal(service)
        ),
        _ => "look as root, who may read the journals of restores".to_owned(),
    }
}

/// Whether a drill restored what was a recent backup at its time: not older than a drill's worth,
/// or than two periods where backups are rarer.
fn is_of_then(service: &Expected, drill: &DrillV1) -> bool {
    let longest = service.drill.worth().max(i64::from(service.period_hours) * 2 * 3600);
    drill.snapshot_at.is_some_and(|at| drill.at.duration_since(at).as_secs() <= longest)
}
