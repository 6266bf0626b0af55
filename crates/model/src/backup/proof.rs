//! The proof card of a service: what is known of its backups, and what is missing.
//!
//! Leaves out finding it out. What is not known is never shown as good.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::backup::due::{Past, due, seed};
use crate::backup::rota::{self, Rota};
use crate::backup::standing::{Standing, drilled, ends_restore, restored, saved};
use crate::facts::upkeep::{Left, ServiceTrace};
use crate::plan::host::Expected;
use crate::seen::Seen;
use crate::text::printable;
use crate::verdict::Verdict;

/// So many members are to be able to open a service's backups.
pub const ENOUGH: usize = 3;

/// All that is known of one service's backups on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub service: String,
    pub host: String,
    /// When it was put together.
    pub at: Timestamp,
    /// The worst of all below.
    pub verdict: Verdict,
    pub backups: Vec<Saved>,
    pub drill: Drilled,
    pub readers: Readers,
    /// What is to be known of its last restore, good as it is: that it runs, or what is kept.
    #[serde(default)]
    pub restore: Option<String>,
    /// What is to be done, the worst first; empty if all is proved.
    pub missing: Vec<Missing>,
}

/// The last backup at one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    pub target: String,
    /// As restic's `-r` takes it.
    pub place: String,
    pub verdict: Verdict,
    pub evidence: String,
    /// Of the last one that was read back.
    pub last: Option<Timestamp>,
    pub snapshot: Option<String>,
    pub files: Option<u64>,
    pub bytes: Option<u64>,
    pub rows: Option<u64>,
    /// When the next is due, if root watches here; the past if it is due now.
    #[serde(default)]
    pub next: Option<Timestamp>,
}

/// The last drills.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drilled {
    pub verdict: Verdict,
    pub evidence: String,
    /// Of the last that passed.
    pub passed: Option<Timestamp>,
    /// From which target it was restored, and where.
    pub target: Option<String>,
    pub host: Option<String>,
    /// Measured by the last drill that passed.
    pub restore_milliseconds: Option<u64>,
    /// When the next is due, as for backups; none if another host drills, or nothing is saved.
    #[serde(default)]
    pub next: Option<Timestamp>,
    /// The other host that drills, by the plan.
    #[serde(default)]
    pub by: Option<String>,
}

/// Who can act when the host is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readers {
    pub verdict: Verdict,
    pub evidence: String,
    /// Members whose age key opens the backups' key.
    pub able: Vec<String>,
    /// Members who could not.
    pub unable: Vec<String>,
}

/// Something that is missing, and the way there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    pub verdict: Verdict,
    pub what: String,
    pub fix: String,
}

/// What the plan says and what was found, of which the proof is made.
#[derive(Clone, Debug)]
pub struct Ground<'a> {
    pub service: &'a Expected,
    pub host: &'a str,
    /// `target → repository`, as restic names it.
    pub places: &'a BTreeMap<String, String>,
    pub found: Option<&'a ServiceTrace>,
    /// Each member, and whether they can open the sealed key; why that is not known, else.
    /// `None` if there is no key.
    pub readers: Seen<Option<BTreeMap<String, bool>>>,
}

impl Proof {
    /// Puts the card together.
    pub fn of(ground: &Ground<'_>, now: Timestamp) -> Self {
        let service = &ground.service.service;
        let targets = ground.service.targets.iter();
        let backups: Vec<Saved> = targets.map(|target| place(ground, target, now)).collect();
        let drill = drill(ground, now);
        let readers = readers(ground);
        let mut missing = Vec::new();
        let mut lacks = |verdict: Verdict, what: &str, fix: String| {
            if verdict != Verdict::Pass {
                missing.push(Missing { verdict, what: what.to_owned(), fix });
            }
        };
        if backups.is_empty() {
            lacks(
                Verdict::Fail,
                "the plan names no target for it",
                format!("write `backups = [\"…\"]` into services/{service}.toml"),
            );
        }
        for one in &backups {
            let fix = format!("`stead backup now {service} --target {}`", one.target);
            lacks(one.verdict, &format!("{}: {}", one.target, one.evidence), fix);
        }
        if backups.len() == 1 {
            lacks(
                Verdict::Warn,
                "it is saved in one place only",
                format!("name a second target in services/{service}.toml, on another machine"),
            );
        }
        let on = drill.by.as_ref().map_or_else(String::new, |by| format!(" --on {by}"));
        lacks(drill.verdict, &drill.evidence, format!("`stead drill {service}{on}`"));
        let seal =
            if readers.able.is_empty() && readers.unable.is_empty() { "make" } else { "seal" };
        lacks(
            readers.verdict,
            &readers.evidence,
            format!("`stead member key` for each, then `stead backup keys {seal} {service}`"),
        );
        let trace = ground.found.map(|found| &found.restore);
        let restore = match restored(service, trace).map(told) {
            Some((Verdict::Pass, evidence)) => Some(evidence),
            Some((verdict, evidence)) => {
                lacks(verdict, &evidence, ends_restore(service, trace));
                None
            }
            None => None,
        };
        missing.sort_by_key(|one| std::cmp::Reverse(one.verdict));
        // Good is only what nothing is missing of.
        let verdict = missing.first().map_or(Verdict::Pass, |worst| worst.verdict);
        Self {
            service: service.clone(),
            host: ground.host.to_owned(),
            at: now,
            verdict,
            backups,
            drill,
            readers,
            restore,
            missing,
        }
    }

    /// One line of it, for a record of changes: no ages, which change all the time.
    pub fn line(&self) -> String {
        let moment = |at: Option<Timestamp>| at.map_or("never".to_owned(), crate::text::moment);
        let saved: Vec<String> =
            self.backups.iter().map(|one| format!("{} {}", one.target, moment(one.last))).collect();
        let time = self.drill.restore_milliseconds.map(crate::text::milliseconds);
        format!(
            "saved: {}; drill passed: {}{}; can act: {}",
            if saved.is_empty() { "never".to_owned() } else { saved.join(", ") },
            moment(self.drill.passed),
            time.map_or_else(String::new, |time| format!(", restored in {time}")),
            if self.readers.able.is_empty() {
                "nobody known".to_owned()
            } else {
                self.readers.able.join(", ")
            }
        )
    }
}

fn told(standing: Standing) -> (Verdict, String) {
    match standing {
        Standing::Good(evidence) => (Verdict::Pass, evidence),
        Standing::Failing(evidence) => (Verdict::Warn, evidence),
        Standing::Bad(evidence) => (Verdict::Fail, evidence),
        Standing::Unknown(reason) => (Verdict::Unknown, reason),
    }
}

fn place(ground: &Ground<'_>, target: &str, now: Timestamp) -> Saved {
    let trace = ground.found.and_then(|found| found.at(target));
    let (verdict, evidence) = told(saved(ground.service, target, trace, now));
    let found = trace.map(|trace| &trace.found);
    let last = match found {
        Some(Seen::Seen(Left::Whole(last)))
            if last.service == ground.service.service && last.target == target =>
        {
            Some(last)
        }
        _ => None,
    };
    let name = &ground.service.service;
    let past = Past {
        last: last.map(|last| last.at),
        failure: trace.and_then(|trace| trace.failure.as_ref()),
        period_hours: ground.service.period_hours,
        seed: &seed(ground.host, name, target),
    };
    Saved {
        target: target.to_owned(),
        place: ground.places.get(target).cloned().unwrap_or_default(),
        verdict,
        evidence,
        last: last.map(|last| last.at),
        snapshot: last.map(|last| printable(&last.snapshot, 64)),
        files: last.map(|last| last.files),
        bytes: last.map(|last| last.bytes),
        rows: last.map(|last| last.rows),
        // What cannot be read decides nothing.
        next: matches!(found, Some(Seen::Seen(_))).then(|| due(&past, now).moment(now)),
    }
}

fn drill(ground: &Ground<'_>, now: Timestamp) -> Drilled {
    let name = &ground.service.service;
    let found = ground.found.map(|found| &found.drills);
    let (verdict, evidence) = told(drilled(ground.service, ground.host, found, now));
    let drills = match found {
        Some(Seen::Seen(Left::Whole(drills))) => Some(&**drills),
        _ => None,
    };
    let passed =
        drills.and_then(|drills| drills.passed.as_ref()).filter(|passed| passed.service == *name);
    let saved = |target: &&String| {
        let found = ground.found.and_then(|found| found.at(target));
        found.is_some_and(|found| matches!(found.found, Seen::Seen(Left::Whole(_))))
    };
    let targets: Vec<String> = ground.service.targets.iter().filter(saved).cloned().collect();
    let rota = Rota {
        drills,
        targets: &targets,
        every_days: ground.service.drill.every_days,
        seed: &seed(ground.host, name, rota::ANY),
    };
    let by = ground.service.drill.on.as_ref().filter(|on| on.as_str() != ground.host);
    let next = rota::next(&rota, now).map(|(due, _)| due.moment(now));
    Drilled {
        verdict,
        evidence,
        passed: passed.map(|passed| passed.at),
        target: passed.map(|passed| printable(&passed.target, 63)),
        host: passed.map(|passed| printable(&passed.host, 63)),
        restore_milliseconds: passed.and_then(|passed| passed.restore_milliseconds),
        next: next.filter(|_| by.is_none() && matches!(found, Some(Seen::Seen(_)))),
        by: by.map(ToString::to_string),
    }
}

fn readers(ground: &Ground<'_>) -> Readers {
    let none = |verdict, evidence: &str| Readers {
        verdict,
        evidence: evidence.to_owned(),
        able: Vec::new(),
        unable: Vec::new(),
    };
    let members = match &ground.readers {
        Seen::Unseen(reason) => return none(Verdict::Unknown, reason),
        Seen::Seen(None) => {
            return none(Verdict::Fail, "its key is sealed to nobody: with the host goes the key");
        }
        Seen::Seen(Some(members)) => members,
    };
    let those = |able: bool| {
        let those = members.iter().filter(move |(_, can)| **can == able);
        those.map(|(member, _)| member.clone()).collect::<Vec<String>>()
    };
    let (able, unable) = (those(true), those(false));
    let (verdict, evidence) = match able.len() {
        0 => (Verdict::Fail, "no member can open its key".to_owned()),
        count if count < ENOUGH => {
            (Verdict::Warn, format!("{} can open its key, {ENOUGH} should", able.join(" and ")))
        }
        _ => (Verdict::Pass, format!("{} can open its key", able.join(", "))),
    };
    Readers { verdict, evidence, able, unable }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::backup::attempt::FailureV1;
    use crate::backup::drill::{DrillV1, DrillsV1, Outcome};
    use crate::backup::evidence::EvidenceV1;
    use crate::backup::restore::{BegunV1, Phase};
    use crate::facts::upkeep::{RestoreTrace, TargetTrace};
    use crate::plan::drill::DrillPlan;

    fn now() -> Timestamp {
        Timestamp::from_second(1_790_000_000).expect("in range")
    }

    fn expected(targets: &[&str]) -> Expected {
        Expected {
            service: "chat".to_owned(),
            targets: targets.iter().map(|&target| target.to_owned()).collect(),
            period_hours: 24,
            drill: DrillPlan::default(),
        }
    }

    fn trace() -> ServiceTrace {
        let evidence = |target: &str| TargetTrace {
            target: target.to_owned(),
            found: Seen::Seen(Left::Whole(Box::new(EvidenceV1 {
                service: "chat".to_owned(),
                target: target.to_owned(),
                at: now() - SignedDuration::from_hours(2),
                snapshot: "ab".repeat(32),
                files: 3,
                bytes: 4,
                rows: 5,
                added_bytes: 6,
                read_bytes: 7,
                milliseconds: 8,
            }))),
            failure: None,
        };
        let passed = DrillV1 {
            service: "chat".to_owned(),
            host: "runko".to_owned(),
            target: "disk".to_owned(),
            snapshot: None,
            snapshot_at: Some(now() - SignedDuration::from_hours(25)),
            at: now() - SignedDuration::from_hours(24),
            outcome: Outcome::Pass,
            reason: String::new(),
            steps: Vec::new(),
            restore_milliseconds: Some(4200),
            milliseconds: 9000,
        };
        let drills = DrillsV1::with(None, passed);
        ServiceTrace {
            service: "chat".to_owned(),
            evidence: vec![evidence("disk"), evidence("offsite")],
            drills: Seen::Seen(Left::Whole(Box::new(drills))),
            restore: RestoreTrace { found: Seen::Seen(Left::Nothing), runs: None },
        }
    }

    fn able(names: &[&str]) -> Seen<Option<BTreeMap<String, bool>>> {
        Seen::Seen(Some(names.iter().map(|&name| (name.to_owned(), true)).collect()))
    }

    fn proof(
        service: &Expected,
        found: Option<&ServiceTrace>,
        readers: Seen<Option<BTreeMap<String, bool>>>,
    ) -> Proof {
        let places = BTreeMap::from([("disk".to_owned(), "/mnt/backup/chat".to_owned())]);
        let ground = Ground { service, host: "runko", places: &places, found, readers };
        Proof::of(&ground, now())
    }

    #[test]
    fn all_that_is_proved_is_good_and_says_who_can_act() {
        let service = expected(&["disk", "offsite"]);
        let card = proof(&service, Some(&trace()), able(&["al", "el", "im"]));
        assert_eq!((card.verdict, card.missing.len()), (Verdict::Pass, 0), "{card:?}");
        assert_eq!(card.drill.restore_milliseconds, Some(4200));
        assert_eq!(card.backups[0].place, "/mnt/backup/chat");
        assert!(card.backups[0].next > Some(now()) && card.drill.next > Some(now()));
        assert_eq!(
            card.line(),
            "saved: disk 2026-09-21 12:13:20 UTC, offsite 2026-09-21 12:13:20 UTC; drill passed: \
             2026-09-20 14:13:20 UTC, restored in 4.2 s; can act: al, el, im"
        );
    }

    #[test]
    fn whatever_is_missing_is_named_the_worst_first() {
        let one = proof(&expected(&["disk"]), Some(&trace()), able(&["el"]));
        assert_eq!(one.verdict, Verdict::Warn);
        let told: Vec<&str> = one.missing.iter().map(|one| &one.what[..]).collect();
        assert_eq!(told, ["it is saved in one place only", "el can open its key, 3 should"]);
        let none = proof(&expected(&[]), Some(&trace()), Seen::Seen(None));
        assert_eq!(none.verdict, Verdict::Fail);
        assert_eq!(none.missing[0].what, "the plan names no target for it");
        assert!(none.missing[1].what.contains("with the host goes the key"));
    }

    #[test]
    fn a_backup_that_fails_now_is_not_good_because_an_older_one_was() {
        let mut trace = trace();
        let (service, target) = ("chat".to_owned(), "offsite".to_owned());
        let reason = "no answer".to_owned();
        trace.evidence[1].failure =
            Some(FailureV1 { service, target, at: now(), count: 2, reason });
        let card = proof(&expected(&["disk", "offsite"]), Some(&trace), able(&["al", "el", "im"]));
        assert_eq!((card.verdict, card.missing.len()), (Verdict::Warn, 1));
        assert!(card.missing[0].what.ends_with("failed: no answer (2 in a row)"));
    }

    fn begun(phase: Phase, runs: Option<bool>) -> ServiceTrace {
        let at = now() - SignedDuration::from_hours(3);
        let begun = BegunV1 { service: "chat".to_owned(), at, phase };
        let found = Seen::Seen(Left::Whole(Box::new(begun)));
        ServiceTrace { restore: RestoreTrace { found, runs }, ..trace() }
    }

    fn after_a_restore(phase: Phase, runs: Option<bool>) -> Proof {
        let service = expected(&["disk", "offsite"]);
        proof(&service, Some(&begun(phase, runs)), able(&["al", "el", "im"]))
    }

    #[test]
    fn a_restore_that_was_cut_short_is_named_with_its_way_out() {
        let card = after_a_restore(Phase::Swapping, Some(false));
        assert_eq!((card.verdict, card.missing.len()), (Verdict::Fail, 1));
        assert_eq!(
            card.missing[0].what,
            "the restore of 2026-09-21 11:13:20 UTC was cut short while swapping the old state for \
             the new one; no backup is made until it is ended"
        );
        for (phase, fix) in [
            (Phase::Making, "`stead restore chat` takes away what it made, and then asks anew"),
            (Phase::Swapping, "`stead restore chat` goes on where it was, and does nothing else"),
            (Phase::Starting, "`stead restore chat` goes on"),
            (Phase::Reverting, "`stead restore --undo chat` goes on"),
            (Phase::Forgetting, "`stead restore --forget-old chat` goes on"),
        ] {
            let card = after_a_restore(phase, Some(false));
            assert_eq!((card.verdict, &card.restore), (Verdict::Fail, &None));
            assert!(card.missing[0].fix.starts_with(fix), "{}", card.missing[0].fix);
        }
    }

    #[test]
    fn a_restore_that_runs_and_one_that_is_done_are_noted_and_nothing_is_missing() {
        for (phase, runs, note) in [
            (Phase::Starting, Some(true), "runs: starting the service with the new state"),
            (
                Phase::Kept,
                None,
                "is done; `stead restore --forget-old chat` lets go of what it replaced",
            ),
        ] {
            let card = after_a_restore(phase, runs);
            assert_eq!((card.verdict, card.missing.len()), (Verdict::Pass, 0));
            assert!(card.restore.as_ref().is_some_and(|said| said.ends_with(note)), "{card:?}");
        }
        let card = after_a_restore(Phase::Making, None);
        assert_eq!(card.verdict, Verdict::Unknown);
        assert!(card.missing[0].what.contains("runs or was cut short"), "{card:?}");
    }

    #[test]
    fn a_card_and_a_trace_of_before_are_still_read() {
        let mut card = serde_json::to_value(after_a_restore(Phase::Kept, None)).expect("a value");
        card.as_object_mut().expect("an object").remove("restore");
        assert_eq!(serde_json::from_value::<Proof>(card).expect("a card").restore, None);
        let mut trace = serde_json::to_value(trace()).expect("a value");
        trace.as_object_mut().expect("an object").remove("restore");
        let trace: ServiceTrace = serde_json::from_value(trace).expect("a trace");
        assert!(matches!(trace.restore.found, Seen::Unseen(_)));
    }

    #[test]
    fn what_is_not_known_is_never_good() {
        let service = expected(&["disk", "offsite"]);
        let three = || able(&["al", "el", "im"]);
        let mut unseen = trace();
        unseen.evidence[1].found = Seen::unseen("permission denied");
        let mut undrilled = trace();
        undrilled.drills = Seen::unseen("permission denied");
        let unread =
            |found| ServiceTrace { restore: RestoreTrace { found, runs: None }, ..trace() };
        let unasked = unread(Seen::unseen("permission denied"));
        let garbage = unread(Seen::Seen(Left::Garbage("it is empty".to_owned())));
        for card in [
            proof(&service, None, three()),
            proof(&service, Some(&unseen), three()),
            proof(&service, Some(&undrilled), three()),
            proof(&service, Some(&unasked), three()),
            proof(&service, Some(&garbage), three()),
            proof(&service, Some(&trace()), Seen::unseen("no plan")),
        ] {
            assert_eq!(card.verdict, Verdict::Unknown, "{card:?}");
            assert!(!card.missing.is_empty());
        }
    }
}
