//! Whether each backup was restored lately, and worked.

use crate::backup::standing::{Standing, drilled};
use crate::check::Check;
use crate::plan::host::Expected;
use crate::scene::Scene;
use crate::verdict::Finding;

pub(super) const CHECK: Check = Check {
    name: "drill-evidence",
    title: "backups restore, and the service works with them",
    asks: "Looks at what the drills of each service left behind that the plan places here with \
           `backups`: a drill restores the newest snapshot into a sealed machine, compares it with \
           what was saved, starts the service there and asks it. A backup that was never restored \
           is a hope. Services of other hosts that the plan lets this one drill count here, too.\n\
           fail: no drill ever passed, the last that passed is more than two periods old (a \
           period is a week, or `every_days` of `[drill]` in the service's file), the newest \
           one from a target showed that the backup there is bad, or it restored a snapshot that \
           was already older than two periods.\n\
           unknown: what the drills left behind could not be read, the newest one could not run, \
           the newest one from a target could not and none proved that target within two periods, \
           its time lies in the future, or another host drills and brought nothing here.\n\
           pass: each service's newest drill passed within two periods.",
    commands: &["cat /var/lib/stead/backup/drills/SERVICE.json", "stead proof SERVICE"],
    mend: "`stead up` as root drills by itself; `stead drill SERVICE` runs one now and says of each step what it saw. If a drill fails, \
           the backup is not to be relied on: mend what it names, `stead backup now SERVICE`, and \
           drill again.",
    judge,
};

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let services = scene.plan.into_iter().flat_map(|plan| plan.services.iter().chain(&plan.drills));
    let saved: Vec<&Expected> = services.filter(|one| !one.targets.is_empty()).collect();
    if saved.is_empty() {
        return vec![Finding::unknown(
            "host",
            "the plan places no service with `backups` here, so there is nothing to drill",
        )];
    }
    let mut proved = Vec::new();
    let mut findings: Vec<Finding> =
        saved.iter().filter_map(|service| sick(service, scene, &mut proved)).collect();
    if findings.is_empty() {
        findings.push(Finding::pass("host", proved.join("; ")));
    }
    findings
}

fn sick(service: &Expected, scene: &Scene<'_>, proved: &mut Vec<String>) -> Option<Finding> {
    let name = &service.service;
    let host = scene.plan.map_or("", |plan| plan.name.as_str());
    let on = service.drill.on.as_ref().filter(|on| on.as_str() != host);
    let on = on.map_or_else(String::new, |on| format!(" --on {on}"));
    let found = scene.facts.upkeep.service(name).map(|trace| &trace.drills);
    let look = format!("`stead drill {name}{on}` says of each step what it saw");
    match drilled(service, host, found, scene.now) {
        Standing::Good(evidence) => {
            proved.push(format!("{name}: {evidence}"));
            None
        }
        Standing::Failing(evidence) => Some(Finding::warn(name, evidence).fix(look)),
        Standing::Bad(evidence) => Some(Finding::fail(name, evidence).fix(look)),
        Standing::Unknown(reason) => {
            let fix = format!("`stead drill {name}{on}` runs one now");
            Some(Finding::unknown(name, reason).fix(fix))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::backup::drill::{DrillV1, DrillsV1, Outcome};
    use crate::facts::Facts;
    use crate::facts::upkeep::{Left, RestoreTrace, ServiceTrace, Upkeep};
    use crate::plan::drill::DrillPlan;
    use crate::plan::host::HostPlan;
    use crate::seen::Seen;
    use crate::verdict::Verdict;

    fn drill(outcome: Outcome, days: i64) -> DrillV1 {
        let now = Timestamp::from_second(1_790_000_000).expect("in range");
        DrillV1 {
            service: "chat".to_owned(),
            host: "runko".to_owned(),
            target: "disk".to_owned(),
            snapshot: None,
            snapshot_at: Some(now - SignedDuration::from_hours(24 * days + 12)),
            at: now - SignedDuration::from_hours(24 * days),
            outcome,
            reason: "manifest: users is empty".to_owned(),
            steps: Vec::new(),
            restore_milliseconds: Some(4200),
            milliseconds: 9000,
        }
    }

    fn judged(drills: Seen<Left<DrillsV1>>) -> Finding {
        judged_at(&["disk"], drills)
    }

    fn judged_at(targets: &[&str], drills: Seen<Left<DrillsV1>>) -> Finding {
        let now = Timestamp::from_second(1_790_000_000).expect("in range");
        let mut plan = HostPlan::new("runko".parse().expect("a label"));
        let service = "chat".to_owned();
        let targets = targets.iter().map(|&target| target.to_owned()).collect();
        let drill = DrillPlan::default();
        plan.services.push(Expected { service: service.clone(), targets, period_hours: 24, drill });
        let (evidence, restore) = (Vec::new(), RestoreTrace::default());
        let services = vec![ServiceTrace { service, evidence, drills, restore }];
        let facts = Facts { upkeep: Upkeep { services, ..Upkeep::default() }, ..Facts::default() };
        CHECK.findings(&Scene { plan: Some(&plan), ..Scene::of(&facts, now) }).remove(0)
    }

    fn drills(newest: DrillV1, passed: Option<DrillV1>) -> DrillsV1 {
        DrillsV1 { newest, passed, proved: BTreeMap::new(), barred: BTreeMap::new() }
    }

    fn whole(newest: DrillV1, passed: Option<DrillV1>) -> Seen<Left<DrillsV1>> {
        Seen::Seen(Left::Whole(Box::new(drills(newest, passed))))
    }

    #[test]
    fn only_a_drill_that_passed_lately_is_green() {
        let pass = |days| drill(Outcome::Pass, days);
        let stranger = DrillV1 { service: "wiki".to_owned(), ..pass(1) };
        for (found, verdict) in [
            (whole(pass(1), Some(pass(1))), Verdict::Pass),
            (whole(pass(14), Some(pass(14))), Verdict::Pass),
            (whole(pass(15), Some(pass(15))), Verdict::Fail),
            (whole(drill(Outcome::Fail, 1), Some(pass(2))), Verdict::Fail),
            (whole(drill(Outcome::Unknown, 1), Some(pass(2))), Verdict::Unknown),
            (whole(drill(Outcome::Unknown, 1), Some(pass(20))), Verdict::Fail),
            (whole(drill(Outcome::Unknown, 1), None), Verdict::Fail),
            (whole(pass(1), None), Verdict::Unknown),
            (whole(pass(-1), Some(pass(-1))), Verdict::Unknown),
            (whole(stranger.clone(), Some(stranger)), Verdict::Unknown),
            (Seen::Seen(Left::Nothing), Verdict::Fail),
            (Seen::Seen(Left::Garbage("x".into())), Verdict::Unknown),
            (Seen::unseen("permission denied"), Verdict::Unknown),
        ] {
            let finding = judged(found.clone());
            assert_eq!(finding.verdict, verdict, "{found:?}: {}", finding.evidence);
        }
        let said = judged(whole(pass(1), Some(pass(1)))).evidence;
        assert_eq!(said, "chat: restored in 4.2 s, 1 d ago");
    }

    #[test]
    fn an_old_disk_that_passes_for_ever_is_red() {
        let aged = |hours| {
            let at = drill(Outcome::Pass, 1).at - SignedDuration::from_hours(hours);
            DrillV1 { snapshot_at: Some(at), ..drill(Outcome::Pass, 1) }
        };
        for (one, verdict) in [
            (aged(14 * 24), Verdict::Pass),
            (aged(14 * 24 + 1), Verdict::Fail),
            (DrillV1 { snapshot_at: None, ..aged(0) }, Verdict::Fail),
        ] {
            let finding = judged(whole(one.clone(), Some(one)));
            assert_eq!(finding.verdict, verdict, "{}", finding.evidence);
        }
        // Also where another target's is fresh.
        let other = DrillV1 { target: "offsite".to_owned(), ..drill(Outcome::Pass, 0) };
        let both = DrillsV1::with(Some(DrillsV1::with(None, aged(400))), other);
        let finding = judged(Seen::Seen(Left::Whole(Box::new(both))));
        assert_eq!(finding.verdict, Verdict::Fail, "{}", finding.evidence);
    }

    #[test]
    fn a_target_that_cannot_be_drilled_is_not_green_while_another_passes() {
        let other =
            |outcome, days| DrillV1 { target: "offsite".to_owned(), ..drill(outcome, days) };
        let after = |all: Vec<DrillV1>| {
            let all = all.into_iter().fold(None, |before, one| Some(DrillsV1::with(before, one)));
            let targets = ["disk", "offsite"];
            judged_at(&targets, Seen::Seen(Left::Whole(Box::new(all.expect("drills")))))
        };
        let never = after(vec![other(Outcome::Unknown, 2), drill(Outcome::Pass, 1)]);
        assert_eq!(never.verdict, Verdict::Unknown, "{}", never.evidence);
        assert!(never.evidence.contains("its backup at offsite is not proved"));
        for (days, verdict) in [(20, Verdict::Unknown), (10, Verdict::Pass)] {
            let before = other(Outcome::Pass, days);
            let all = vec![before, other(Outcome::Unknown, 2), drill(Outcome::Pass, 1)];
            let finding = after(all);
            assert_eq!(finding.verdict, verdict, "{days} d: {}", finding.evidence);
        }
    }

    #[test]
    fn a_bad_backup_stays_red_while_another_targets_passes() {
        let bad = DrillsV1::with(None, drill(Outcome::Fail, 2));
        let other = DrillV1 { target: "offsite".to_owned(), ..drill(Outcome::Pass, 1) };
        let both = DrillsV1::with(Some(bad), other);
        let finding = judged(Seen::Seen(Left::Whole(Box::new(both.clone()))));
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(finding.evidence.contains("the newest drill from disk"), "{}", finding.evidence);
        let mended = DrillsV1::with(Some(both), drill(Outcome::Pass, 0));
        assert_eq!(judged(Seen::Seen(Left::Whole(Box::new(mended)))).verdict, Verdict::Pass);
    }
}
