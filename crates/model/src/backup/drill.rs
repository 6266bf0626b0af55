//! What a drill has shown: its steps, their times, and whether the backup restores.
//!
//! Leaves out doing one (`host::drill`) and judging how old the last one is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::backup::attempt::FailureV1;

/// The folder of what the last drills have shown, on the host that ran them.
pub const FOLDER: &str = "/var/lib/stead/backup/drills";

/// Where the last drills of this service lie.
pub fn path(service: &str) -> String {
    format!("{FOLDER}/{service}.json")
}

/// What is proved of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was restored, it is what was saved, and the service works with it.
    Pass,
    /// The backup or what comes out of it is bad.
    Fail,
    /// The drill could not run, so nothing is proved.
    Unknown,
}

impl Outcome {
    /// As people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// The steps of a drill, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Taking away what a killed drill left, and finding room.
    Room,
    /// Reading the snapshot from the target, never from a cache.
    Fetch,
    /// What was fetched is all that the service has on a disk, with its owners.
    Files,
    /// The service's own packages, for a host that does not have them.
    Packages,
    /// The sealed machine boots; it has `lo` and nothing else.
    Machine,
    /// A new, empty database server inside.
    Cluster,
    /// The dump is restored into it.
    Database,
    /// All of it is compared with the snapshot's manifest.
    Manifest,
    /// The recipe's commands that turn mail, federation and object storage off.
    Prepare,
    /// The service's units are started.
    Service,
    /// The recipe's checks are asked inside.
    Checks,
    /// The recipe's assertions are run inside.
    Assertions,
    /// The machine still has `lo` and nothing else.
    Sealed,
    /// The machine is taken away.
    Clear,
}

impl Step {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Fetch => "fetch",
            Self::Machine => "machine",
            Self::Files => "files",
            Self::Packages => "packages",
            Self::Cluster => "cluster",
            Self::Database => "database",
            Self::Manifest => "manifest",
            Self::Prepare => "prepare",
            Self::Service => "service",
            Self::Checks => "checks",
            Self::Assertions => "assertions",
            Self::Sealed => "sealed",
            Self::Clear => "clear",
        }
    }

    /// Whether the backup can be to blame for a failure of this step.
    ///
    /// The drill's own machine, its empty cluster, the recipe's preparation and the end say nothing
    /// of the backup, whatever becomes of them.
    pub fn judges(self) -> bool {
        match self {
            Self::Room
            | Self::Packages
            | Self::Machine
            | Self::Cluster
            | Self::Prepare
            | Self::Sealed
            | Self::Clear => false,
            Self::Fetch
            | Self::Files
            | Self::Database
            | Self::Manifest
            | Self::Service
            | Self::Checks
            | Self::Assertions => true,
        }
    }
}

/// The steps without which a drill proves nothing.
///
/// The others may have nothing to do: a service without a database, a recipe without `[drill]`.
const NEEDED: [Step; 7] = [
    Step::Fetch,
    Step::Machine,
    Step::Files,
    Step::Manifest,
    Step::Service,
    Step::Sealed,
    Step::Clear,
];

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    Done,
    /// What was looked at is not as it should be.
    Bad,
    /// It could not be looked at.
    Barred,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepV1 {
    pub step: Step,
    pub ended: Ended,
    pub milliseconds: u64,
    /// What was seen, for people.
    pub evidence: String,
}

impl StepV1 {
    /// What this step alone says of the backup.
    pub fn says(&self) -> Outcome {
        match self.ended {
            Ended::Done => Outcome::Pass,
            Ended::Bad if self.step.judges() => Outcome::Fail,
            Ended::Bad | Ended::Barred => Outcome::Unknown,
        }
    }
}

/// One drill, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillV1 {
    pub service: String,
    /// Where the drill ran.
    pub host: String,
    pub target: String,
    /// restic's snapshot id, 64 hexadecimal digits; none if none was found.
    pub snapshot: Option<String>,
    /// When the snapshot was made.
    pub snapshot_at: Option<Timestamp>,
    pub at: Timestamp,
    pub outcome: Outcome,
    /// One sentence for people: why.
    pub reason: String,
    pub steps: Vec<StepV1>,
    /// From the first byte fetched until the service works, without the time that the proof
    /// takes; none unless it passed.
    pub restore_milliseconds: Option<u64>,
    pub milliseconds: u64,
}

/// Stored at [`path`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillsV1 {
    pub newest: DrillV1,
    /// The last one that passed, which may be the newest.
    pub passed: Option<DrillV1>,
    /// The newest from each target that proved it good or bad.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub proved: BTreeMap<String, DrillV1>,
    /// Those from each target since then that proved nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub barred: BTreeMap<String, FailureV1>,
}

impl DrillsV1 {
    /// What is stored after one more drill.
    pub fn with(before: Option<Self>, newest: DrillV1) -> Self {
        let (mut passed, mut proved, mut barred) = (None, BTreeMap::new(), BTreeMap::new());
        if let Some(before) = before {
            (passed, proved, barred) = (before.passed, before.proved, before.barred);
        }
        if newest.outcome == Outcome::Pass {
            passed = Some(newest.clone());
        }
        if newest.outcome == Outcome::Unknown {
            let names = (newest.service.as_str(), newest.target.as_str());
            let before = barred.get(&newest.target);
            let failure = FailureV1::after(before, names, &newest.reason, newest.at);
            barred.insert(newest.target.clone(), failure);
        } else {
            // What one target proves says nothing of another.
            barred.remove(&newest.target);
            proved.insert(newest.target.clone(), newest.clone());
        }
        Self { newest, passed, proved, barred }
    }

    /// The newest drill from this target that proved it good or bad.
    pub fn proved_at(&self, target: &str) -> Option<&DrillV1> {
        let passed = || self.passed.as_ref().filter(|passed| passed.target == target);
        self.proved.get(target).or_else(passed)
    }
}

/// What the steps of a finished drill prove, and why.
///
/// What is proved bad stays bad, whatever happens to the drill afterwards. A step that could not
/// be taken, or that is missing, makes the rest prove nothing.
pub fn judge(steps: &[StepV1]) -> (Outcome, String) {
    let said = |wanted: Outcome| steps.iter().find(|step| step.says() == wanted);
    let why = |step: &StepV1| format!("{}: {}", step.step.name(), step.evidence);
    if let Some(step) = said(Outcome::Fail) {
        return (Outcome::Fail, why(step));
    }
    if let Some(step) = said(Outcome::Unknown) {
        return (Outcome::Unknown, why(step));
    }
    let missing = NEEDED.into_iter().find(|&one| !steps.iter().any(|step| step.step == one));
    match missing {
        Some(step) => {
            (Outcome::Unknown, format!("{}: this step was not taken; a defect", step.name()))
        }
        None => (Outcome::Pass, "restored, compared, started and asked".to_owned()),
    }
}

/// How long the restore took, without what only proves it, in milliseconds.
pub fn restore_time(steps: &[StepV1]) -> u64 {
    let part = |step: &&StepV1| {
        matches!(
            step.step,
            Step::Fetch | Step::Files | Step::Cluster | Step::Database | Step::Service
        )
    };
    steps.iter().filter(part).map(|step| step.milliseconds).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Step; 14] = [
        Step::Room,
        Step::Fetch,
        Step::Files,
        Step::Packages,
        Step::Machine,
        Step::Cluster,
        Step::Database,
        Step::Manifest,
        Step::Prepare,
        Step::Service,
        Step::Checks,
        Step::Assertions,
        Step::Sealed,
        Step::Clear,
    ];

    fn steps(ended: impl Fn(Step) -> Option<Ended>) -> Vec<StepV1> {
        let made = ALL.into_iter().filter_map(|step| {
            let ended = ended(step)?;
            Some(StepV1 { step, ended, milliseconds: 10, evidence: "seen".to_owned() })
        });
        made.collect()
    }

    fn drill(outcome: Outcome) -> DrillV1 {
        DrillV1 {
            service: "chat".to_owned(),
            host: "runko".to_owned(),
            target: "stick".to_owned(),
            snapshot: None,
            snapshot_at: None,
            at: Timestamp::UNIX_EPOCH,
            outcome,
            reason: String::new(),
            steps: Vec::new(),
            restore_milliseconds: None,
            milliseconds: 0,
        }
    }

    #[test]
    fn a_drill_passes_only_if_every_needed_step_was_done() {
        assert_eq!(judge(&steps(|_| Some(Ended::Done))).0, Outcome::Pass);
        assert_eq!(judge(&[]).0, Outcome::Unknown);
        for left_out in ALL {
            let outcome = judge(&steps(|step| (step != left_out).then_some(Ended::Done))).0;
            let expected =
                if NEEDED.contains(&left_out) { Outcome::Unknown } else { Outcome::Pass };
            assert_eq!(outcome, expected, "{left_out:?}");
        }
    }

    #[test]
    fn a_step_that_could_not_be_taken_is_never_the_backups_fault() {
        for barred in ALL {
            let ended = |step| Some(if step == barred { Ended::Barred } else { Ended::Done });
            assert_eq!(judge(&steps(ended)).0, Outcome::Unknown, "{barred:?}");
        }
    }

    #[test]
    fn the_drills_own_machine_is_never_the_backups_fault() {
        for bad in ALL {
            let ended = |step| Some(if step == bad { Ended::Bad } else { Ended::Done });
            let expected = if bad.judges() { Outcome::Fail } else { Outcome::Unknown };
            assert_eq!(judge(&steps(ended)).0, expected, "{bad:?}");
        }
    }

    #[test]
    fn what_is_proved_bad_stays_bad_when_the_drill_breaks_off_afterwards() {
        let ended = |step| match step {
            Step::Database => Some(Ended::Bad),
            Step::Clear => Some(Ended::Barred),
            step if step > Step::Database => None,
            _ => Some(Ended::Done),
        };
        let (outcome, reason) = judge(&steps(ended));
        assert_eq!((outcome, reason.as_str()), (Outcome::Fail, "database: seen"));
    }

    #[test]
    fn a_failure_does_not_take_the_last_pass_away() {
        let first = DrillsV1::with(None, drill(Outcome::Pass));
        let second = DrillsV1::with(Some(first), drill(Outcome::Unknown));
        assert_eq!(second.newest.outcome, Outcome::Unknown);
        assert_eq!(second.passed, Some(drill(Outcome::Pass)));
    }

    #[test]
    fn only_a_targets_own_proof_ends_what_barred_it() {
        let other = |outcome| DrillV1 { target: "offsite".to_owned(), ..drill(outcome) };
        let all = [drill(Outcome::Unknown), drill(Outcome::Unknown), other(Outcome::Unknown)];
        let both =
            all.into_iter().fold(None, |before, one| Some(DrillsV1::with(before, one))).unwrap();
        assert_eq!((both.barred["stick"].count, both.barred["offsite"].count), (2, 1));
        let proved = DrillsV1::with(Some(both), other(Outcome::Pass));
        assert_eq!(proved.barred.keys().collect::<Vec<_>>(), ["stick"]);
        assert!(DrillsV1::with(Some(proved), drill(Outcome::Fail)).barred.is_empty());
    }

    #[test]
    fn the_measured_restore_leaves_the_proof_out() {
        assert_eq!(restore_time(&steps(|_| Some(Ended::Done))), 50);
    }

    #[test]
    fn the_stored_shape_stays() {
        let mut drill = drill(Outcome::Fail);
        drill.steps = steps(|step| (step == Step::Fetch).then_some(Ended::Bad));
        let (proved, barred) = (BTreeMap::new(), BTreeMap::new());
        let drills = DrillsV1 { newest: drill, passed: None, proved, barred };
        let text = serde_json::to_string(&drills).expect("text");
        assert_eq!(
            text,
            r#"{"newest":{"service":"chat","host":"runko","target":"stick","snapshot":null,"snapshot_at":null,"at":"1970-01-01T00:00:00Z","outcome":"fail","reason":"","steps":[{"step":"fetch","ended":"bad","milliseconds":10,"evidence":"seen"}],"restore_milliseconds":null,"milliseconds":0},"passed":null}"#
        );
    }
}
