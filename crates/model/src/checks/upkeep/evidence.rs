//! Whether what `stead backup` left behind of a service is fresh, whole, and of that service.
//!
//! Leaves out backups that other tools make, which `backup` judges by their file's age.

use crate::backup::standing::{Standing, saved};
use crate::plan::host::Expected;
use crate::scene::Scene;
use crate::verdict::Finding;

/// What is wrong with a service's backups at each of its targets; what is right goes to `fresh`.
/// `elsewhere`: the host's own file declares a backup of it that another tool makes.
pub(super) fn judge(
    service: &Expected,
    elsewhere: bool,
    scene: &Scene<'_>,
    fresh: &mut Vec<String>,
) -> Vec<Finding> {
    let name = &service.service;
    if service.targets.is_empty() {
        if elsewhere {
            return Vec::new();
        }
        let finding = Finding::warn(name, "it keeps data, and the plan names no target for it");
        return vec![finding.fix(format!(
            "name a target in stead.toml, and write `backups = [\"…\"]` into services/{name}.toml"
        ))];
    }
    let judged = service.targets.iter().map(|target| {
        let found = scene.facts.upkeep.service(name).and_then(|trace| trace.at(target));
        let subject = format!("{name}@{target}");
        let look =
            format!("`stead backup now {name} --target {target}` says what stands in the way");
        match saved(service, target, found, scene.now) {
            Standing::Good(evidence) => {
                fresh.push(format!("{subject}: {evidence}"));
                None
            }
            Standing::Failing(told) => Some(Finding::warn(&subject, told).fix(look)),
            Standing::Bad(told) => Some(Finding::fail(&subject, told).fix(look)),
            Standing::Unknown(reason) => Some(Finding::unknown(&subject, reason).fix(
                "check the clock (`timedatectl`), and look as root, who may read the evidence",
            )),
        }
    });
    judged.flatten().collect()
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::backup::evidence::EvidenceV1;
    use crate::checks::upkeep::backup::CHECK;
    use crate::facts::Facts;
    use crate::facts::upkeep::{Left, RestoreTrace, ServiceTrace, TargetTrace, Upkeep};
    use crate::plan::drill::DrillPlan;
    use crate::plan::host::{Backup, HostPlan};
    use crate::seen::Seen;
    use crate::verdict::Verdict;

    const NOW: i64 = 1_790_000_000;

    fn evidence(service: &str, target: &str, hours: i64) -> Seen<Left<EvidenceV1>> {
        let now = Timestamp::from_second(NOW).expect("in range");
        Seen::Seen(Left::Whole(Box::new(EvidenceV1 {
            service: service.to_owned(),
            target: target.to_owned(),
            at: now - SignedDuration::from_hours(hours),
            snapshot: "ab".repeat(32),
            files: 3,
            bytes: 4,
            rows: 5,
            added_bytes: 6,
            read_bytes: 7,
            milliseconds: 8,
        })))
    }

    fn plan(targets: &[&str]) -> HostPlan {
        let mut plan = HostPlan::new("runko".parse().expect("a label"));
        plan.services.push(Expected {
            service: "chat".to_owned(),
            targets: targets.iter().map(|&target| target.to_owned()).collect(),
            period_hours: 24,
            drill: DrillPlan::default(),
        });
        plan
    }

    fn judged(plan: &HostPlan, found: Vec<Seen<Left<EvidenceV1>>>) -> Vec<Finding> {
        let targets = plan.services[0].targets.iter().cloned();
        let evidence = targets
            .zip(found)
            .map(|(target, found)| TargetTrace { target, found, failure: None })
            .collect();
        let trace = ServiceTrace {
            service: "chat".to_owned(),
            evidence,
            drills: Seen::Seen(Left::Nothing),
            restore: RestoreTrace::default(),
        };
        let upkeep = Upkeep { services: vec![trace], ..Upkeep::default() };
        let facts = Facts { upkeep, ..Facts::default() };
        let now = Timestamp::from_second(NOW).expect("in range");
        CHECK.findings(&Scene { plan: Some(plan), ..Scene::of(&facts, now) })
    }

    #[test]
    fn only_whole_fresh_evidence_of_this_service_at_this_target_passes() {
        for (found, verdict, says) in [
            (evidence("chat", "disk", 1), Verdict::Pass, "chat@disk: read back 1 h ago"),
            (evidence("chat", "disk", 36), Verdict::Pass, "1 d"),
            (evidence("chat", "disk", 37), Verdict::Fail, "one is due every 1 d"),
            (evidence("chat", "disk", -2), Verdict::Unknown, "in the future"),
            (evidence("wiki", "disk", 1), Verdict::Fail, "is of wiki at disk"),
            (evidence("chat", "stick", 1), Verdict::Fail, "is of chat at stick"),
            (Seen::Seen(Left::Nothing), Verdict::Fail, "no backup was ever made and read back"),
            (Seen::Seen(Left::Garbage("it is empty".into())), Verdict::Fail, "it is empty"),
            (Seen::unseen("permission denied"), Verdict::Unknown, "permission denied"),
        ] {
            let findings = judged(&plan(&["disk"]), vec![found]);
            assert_eq!(findings[0].verdict, verdict, "{findings:?}");
            assert!(findings[0].evidence.contains(says), "{says}: {}", findings[0].evidence);
            let subject = if verdict == Verdict::Pass { "host" } else { "chat@disk" };
            assert_eq!(findings[0].subject, subject);
        }
    }

    #[test]
    fn two_targets_are_judged_apart() {
        let found = vec![evidence("chat", "disk", 1), Seen::Seen(Left::Nothing)];
        let findings = judged(&plan(&["disk", "offsite"]), found);
        assert_eq!(findings.len(), 1);
        assert_eq!(
            (findings[0].verdict, &findings[0].subject[..]),
            (Verdict::Fail, "chat@offsite")
        );
        let fix = findings[0].fix.as_deref().expect("a way out");
        assert!(fix.starts_with("`stead backup now chat --target offsite`"), "{fix}");
    }

    #[test]
    fn data_without_a_target_is_a_warning_unless_another_tool_saves_it() {
        let mut plan = plan(&[]);
        assert_eq!(judged(&plan, Vec::new())[0].verdict, Verdict::Warn);
        plan.backups.push(Backup {
            service: "chat".to_owned(),
            period_hours: 24,
            evidence: "/var/ok".to_owned(),
        });
        let findings = judged(&plan, Vec::new());
        assert!(findings.iter().all(|one| one.verdict != Verdict::Warn), "{findings:?}");
    }

    #[test]
    fn a_file_of_the_plan_that_cannot_be_read_is_unknown_and_not_forgotten() {
        let mut plan = plan(&["disk"]);
        plan.unread.push("services/wiki.toml:1: unknown key `host`".to_owned());
        let findings = judged(&plan, vec![evidence("chat", "disk", 1)]);
        assert_eq!(findings[0].verdict, Verdict::Unknown);
        assert!(findings[0].evidence.contains("services/wiki.toml"));
    }
}
