//! When a drill is due, and which target's turn it is: decided from what drills left behind.
//!
//! Leaves out making one. What is shared with backups is `due`'s: places, patience, clocks.

use jiff::Timestamp;

use crate::backup::drill::{DrillsV1, Outcome};
use crate::backup::due::{Due, Past, due};

/// What stands for all targets in a seed: a service's drills have one place in their period.
pub const ANY: &str = "*";
/// A backup that failed its drill is drilled again after so many hours, until it passes.
const AGAIN: u32 = 24;

/// The drills of one service, as their schedule sees them.
#[derive(Clone, Copy, Debug)]
pub struct Rota<'a> {
    pub drills: Option<&'a DrillsV1>,
    /// The targets from which it can be restored, in the plan's order.
    pub targets: &'a [String],
    pub every_days: u32,
    /// As in [`Past`].
    pub seed: &'a str,
}

/// Decides for one service: when the next drill is due, and from which target; `None` where there
/// is nothing to restore from.
///
/// The targets take turns: who was proved longest ago comes first, and who could not be drilled
/// goes behind the others and is tried again with patience of its own. Of those that are due at
/// once, a backup that failed comes first.
pub fn next<'a>(rota: &Rota<'a>, now: Timestamp) -> Option<(Due, &'a str)> {
    let proved = |target: &str| rota.drills.and_then(|drills| drills.proved_at(target));
    let barred = |target: &str| rota.drills.and_then(|drills| drills.barred.get(target));
    // A time of a clock that was ahead counts as long ago, or its target would lose its turn.
    let past = |at: Timestamp| (at <= now).then_some(at);
    let turn = |target: &&String| {
        let tried = barred(target).and_then(|one| past(one.at));
        tried.max(proved(target).and_then(|drill| past(drill.at)))
    };
    let newest = rota.targets.iter().filter_map(|target| proved(target)).map(|one| one.at).max();
    let period = rota.every_days.saturating_mul(24);
    let due = |target: &String| {
        let own = proved(target);
        let is_bad = own.is_some_and(|one| one.outcome == Outcome::Fail);
        let failure = barred(target);
        // What another target proves takes nothing away from these two.
        let last = if is_bad || failure.is_some() { own.map(|one| one.at) } else { newest };
        let period_hours = if is_bad { period.min(AGAIN) } else { period };
        (due(&Past { last, failure, period_hours, seed: rota.seed }, now), is_bad)
    };
    let all = rota.targets.iter().map(|target| (due(target), target));
    let ((due, _), target) =
        all.min_by_key(|((due, is_bad), target)| (due.moment(now), !is_bad, turn(target)))?;
    Some((due, target))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::backup::drill::DrillV1;

    const DAY: i64 = 86_400;

    fn now() -> Timestamp {
        Timestamp::from_second(1_790_000_000).expect("in range")
    }

    fn drill(target: &str, outcome: Outcome, days: i64) -> DrillV1 {
        DrillV1 {
            service: "chat".to_owned(),
            host: "runko".to_owned(),
            target: target.to_owned(),
            snapshot: None,
            snapshot_at: None,
            at: now() - SignedDuration::from_secs(days * DAY),
            outcome,
            reason: String::new(),
            steps: Vec::new(),
            restore_milliseconds: None,
            milliseconds: 0,
        }
    }

    fn after(drills: &[DrillV1]) -> Option<DrillsV1> {
        drills.iter().cloned().fold(None, |before, one| Some(DrillsV1::with(before, one)))
    }

    fn turn(drills: &[DrillV1]) -> (Due, String) {
        turn_of(&["disk", "offsite"], drills)
    }

    fn turn_of(targets: &[&str], drills: &[DrillV1]) -> (Due, String) {
        let drills = after(drills);
        let targets: Vec<String> = targets.iter().map(|&target| target.to_owned()).collect();
        let rota =
            Rota { drills: drills.as_ref(), targets: &targets, every_days: 7, seed: "runko/chat" };
        let (due, target) = next(&rota, now()).expect("there are targets");
        (due, target.to_owned())
    }

    #[test]
    fn the_targets_take_turns() {
        assert_eq!(turn(&[]), (Due::Now, "disk".to_owned()));
        let (due, target) = turn(&[drill("disk", Outcome::Pass, 1)]);
        assert!(matches!(due, Due::At(_)) && target == "offsite");
        let two = [drill("disk", Outcome::Pass, 20), drill("offsite", Outcome::Pass, 10)];
        assert_eq!(turn(&two), (Due::Now, "disk".to_owned()));
        let none = Rota { drills: None, targets: &[], every_days: 7, seed: "" };
        assert_eq!(next(&none, now()), None);
    }

    #[test]
    fn what_could_not_be_drilled_is_tried_again_with_patience_and_lets_others_go_first() {
        let once = [drill("disk", Outcome::Unknown, 0)];
        assert_eq!(turn(&once), (Due::Now, "offsite".to_owned()));
        let wait = Due::At(now() + SignedDuration::from_secs(300));
        assert_eq!(turn_of(&["disk"], &once), (wait, "disk".to_owned()));
        let proved = [once[0].clone(), drill("offsite", Outcome::Pass, 0)];
        assert_eq!(turn(&proved), (wait, "disk".to_owned()), "another's proof is not its own");
        let long_ago = [drill("disk", Outcome::Unknown, 3), drill("offsite", Outcome::Unknown, 2)];
        assert_eq!(turn(&long_ago), (Due::Now, "disk".to_owned()));
        // Its own proof takes the wait away.
        let proved = [drill("disk", Outcome::Unknown, 3), drill("disk", Outcome::Pass, 2)];
        assert!(matches!(turn(&proved).0, Due::At(_)));
    }

    #[test]
    fn two_targets_that_cannot_be_drilled_do_not_starve_the_third() {
        let targets = ["disk", "offsite", "stick"];
        let dead = [drill("disk", Outcome::Unknown, 0), drill("offsite", Outcome::Unknown, 0)];
        assert_eq!(turn_of(&targets, &dead), (Due::Now, "stick".to_owned()));
        let later = [
            drill("stick", Outcome::Pass, 9),
            drill("disk", Outcome::Unknown, 2),
            drill("offsite", Outcome::Unknown, 1),
        ];
        assert_eq!(turn_of(&targets, &later), (Due::Now, "stick".to_owned()));
        let proved = [&later[..], &[drill("stick", Outcome::Pass, 0)]].concat();
        assert_eq!(turn_of(&targets, &proved), (Due::Now, "disk".to_owned()));
    }

    #[test]
    fn a_bad_backup_is_drilled_again_within_two_days_until_it_passes() {
        let bad = [drill("disk", Outcome::Fail, 2), drill("offsite", Outcome::Pass, 1)];
        assert_eq!(turn(&bad), (Due::Now, "disk".to_owned()));
        let mended = [bad[0].clone(), bad[1].clone(), drill("disk", Outcome::Pass, 0)];
        assert!(matches!(turn(&mended).0, Due::At(_)));
    }

    #[test]
    fn a_clock_that_was_ahead_takes_nobodys_turn() {
        let ahead = [drill("disk", Outcome::Pass, -300)];
        assert_eq!(turn(&ahead), (Due::Now, "disk".to_owned()));
    }
}
