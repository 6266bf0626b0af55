//! Whether a restore was cut short.

use crate::backup::standing::{Standing, ends_restore, restored};
use crate::check::Check;
use crate::plan::host::Expected;
use crate::scene::Scene;
use crate::verdict::Finding;

pub(super) const CHECK: Check = Check {
    name: "restore-ended",
    title: "restores come to their end",
    asks: "Looks for the journal that `stead restore` keeps while it puts a service's data back in \
           its own place: of each service that the plan places here. A restore that was killed \
           leaves it behind, and with it half-made files beside the service, or the service \
           itself stopped between its old and its new state; no backup of it is made meanwhile.\n\
           fail: a journal is not at its end, and no process is at it.\n\
           unknown: the journal could not be read, is of another service, or it cannot be told \
           whether a process is at it.\n\
           pass: there is none, a restore runs right now, or it is done and the old state is kept.",
    commands: &["cat /var/lib/stead/backup/restore/SERVICE.json", "stead proof SERVICE"],
    mend: "Run the command again that was cut short: `stead restore SERVICE`, with `--undo` or \
           `--forget-old` if it was that. It goes on where the journal says it was.",
    judge,
};

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let services = scene.plan.map_or(&[][..], |plan| &plan.services);
    let mut well = Vec::new();
    let mut findings: Vec<Finding> =
        services.iter().filter_map(|service| sick(service, scene, &mut well)).collect();
    if findings.is_empty() {
        let evidence = match well.as_slice() {
            [] => "no restore was cut short".to_owned(),
            well => well.join("; "),
        };
        findings.push(Finding::pass("host", evidence));
    }
    findings
}

fn sick(service: &Expected, scene: &Scene<'_>, well: &mut Vec<String>) -> Option<Finding> {
    let name = &service.service;
    let trace = scene.facts.upkeep.service(name).map(|trace| &trace.restore);
    let finding = match restored(name, trace)? {
        Standing::Good(evidence) => {
            well.push(format!("{name}: {evidence}"));
            return None;
        }
        Standing::Failing(evidence) => Finding::warn(name, evidence),
        Standing::Bad(evidence) => Finding::fail(name, evidence),
        Standing::Unknown(reason) => Finding::unknown(name, reason),
    };
    Some(finding.fix(ends_restore(name, trace)))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::backup::restore::{BegunV1, Phase};
    use crate::facts::Facts;
    use crate::facts::upkeep::{Left, RestoreTrace, ServiceTrace, Upkeep};
    use crate::plan::drill::DrillPlan;
    use crate::plan::host::HostPlan;
    use crate::seen::Seen;
    use crate::verdict::Verdict;

    fn judged(found: Seen<Left<BegunV1>>, runs: Option<bool>) -> Finding {
        let mut plan = HostPlan::new("runko".parse().expect("a label"));
        let (service, targets) = ("chat".to_owned(), vec!["disk".to_owned()]);
        let drill = DrillPlan::default();
        plan.services.push(Expected { service: service.clone(), targets, period_hours: 24, drill });
        let trace = ServiceTrace {
            service,
            evidence: Vec::new(),
            drills: Seen::Seen(Left::Nothing),
            restore: RestoreTrace { found, runs },
        };
        let upkeep = Upkeep { services: vec![trace], ..Upkeep::default() };
        let facts = Facts { upkeep, ..Facts::default() };
        let scene = Scene { plan: Some(&plan), ..Scene::of(&facts, Timestamp::UNIX_EPOCH) };
        CHECK.findings(&scene).remove(0)
    }

    fn begun(service: &str, phase: Phase) -> Seen<Left<BegunV1>> {
        let (service, at) = (service.to_owned(), Timestamp::UNIX_EPOCH);
        Seen::Seen(Left::Whole(Box::new(BegunV1 { service, at, phase })))
    }

    #[test]
    fn only_a_restore_that_nobody_is_at_any_longer_was_cut_short() {
        for (found, runs, verdict) in [
            (Seen::Seen(Left::Nothing), None, Verdict::Pass),
            (begun("chat", Phase::Kept), None, Verdict::Pass),
            (begun("chat", Phase::Swapping), Some(true), Verdict::Pass),
            (begun("chat", Phase::Swapping), Some(false), Verdict::Fail),
            (begun("chat", Phase::Making), Some(false), Verdict::Fail),
            (begun("chat", Phase::Making), None, Verdict::Unknown),
            (begun("wiki", Phase::Making), Some(false), Verdict::Unknown),
            (Seen::Seen(Left::Garbage("it is empty".to_owned())), None, Verdict::Unknown),
            (Seen::unseen("permission denied"), None, Verdict::Unknown),
        ] {
            let finding = judged(found.clone(), runs);
            assert_eq!(finding.verdict, verdict, "{found:?}: {}", finding.evidence);
            assert_eq!(finding.fix.is_some(), verdict != Verdict::Pass, "{finding:?}");
        }
    }

    #[test]
    fn without_a_service_there_is_nothing_to_restore() {
        let facts = Facts::default();
        let scene = Scene::of(&facts, Timestamp::UNIX_EPOCH);
        assert_eq!(CHECK.findings(&scene)[0].verdict, Verdict::Pass);
    }
}
