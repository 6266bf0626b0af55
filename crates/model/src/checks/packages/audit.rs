//! Rule: every package is wholly installed.

use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::counted;
use crate::verdict::Finding;

/// How many packages are told one by one.
const TOLD: usize = 20;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let dpkg = match &scene.facts.packages.dpkg {
        Seen::Seen(dpkg) => dpkg,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    if dpkg.broken.is_empty() && !dpkg.interrupted {
        let packages = counted(dpkg.installed.len(), "package");
        return vec![Finding::pass("host", format!("{packages}, all wholly installed"))];
    }
    if let Some(pid) = dpkg.at_work {
        return vec![Finding::unknown(
            "host",
            format!(
                "dpkg is at work (its lock is held by process {pid}): ask again when it is done"
            ),
        )];
    }
    let mut findings = Vec::new();
    if dpkg.interrupted {
        findings.push(
            Finding::fail("dpkg", "dpkg was stopped in the middle of its work")
                .fix("dpkg --configure -a"),
        );
    }
    for broken in dpkg.broken.iter().take(TOLD) {
        let (package, version, state) = (&broken.package, &broken.version, &broken.state);
        let fix = if broken.reinstall || state.contains("missing") || state == "half-installed" {
            format!("apt-get install --reinstall {package}")
        } else {
            "dpkg --configure -a".to_owned()
        };
        let reinstall = if broken.reinstall { ", reinstallation required" } else { "" };
        findings.push(Finding::fail(package, format!("{version} is {state}{reinstall}")).fix(fix));
    }
    if let Some(more) = dpkg.broken.len().checked_sub(TOLD).filter(|more| *more > 0) {
        findings.push(Finding::fail("others", format!("{more} more packages")).fix("dpkg --audit"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::facts::packages::{Broken, Dpkg};
    use crate::verdict::Verdict;

    const NOW: i64 = 1_000_000_000;

    fn judged(facts: &Facts) -> Vec<Finding> {
        judge(&Scene::of(facts, Timestamp::from_second(NOW).unwrap()))
    }

    fn facts(broken: usize, at_work: Option<u32>, interrupted: bool) -> Facts {
        let mut facts = Facts::default();
        let broken = (0..broken)
            .map(|number| Broken {
                package: format!("p{number}"),
                version: "1".to_owned(),
                state: "half-configured".to_owned(),
                reinstall: number == 0,
            })
            .collect();
        facts.packages.dpkg = Seen::Seen(Dpkg { broken, at_work, interrupted, ..Dpkg::default() });
        facts
    }

    #[test]
    fn broken_packages_fail_each_and_many_are_cut() {
        assert_eq!(judged(&facts(0, None, false))[0].verdict, Verdict::Pass);
        let findings = judged(&facts(25, None, false));
        assert_eq!(findings.len(), 21);
        assert_eq!(findings[0].evidence, "1 is half-configured, reinstallation required");
        assert_eq!(findings[1].fix.as_deref(), Some("dpkg --configure -a"));
        assert_eq!(findings[20].evidence, "5 more packages");
        assert_eq!(judged(&facts(0, None, true))[0].verdict, Verdict::Fail);
    }

    #[test]
    fn while_dpkg_works_nothing_is_said_and_without_it_neither() {
        assert_eq!(judged(&facts(1, Some(7), true))[0].verdict, Verdict::Unknown);
        assert_eq!(judged(&facts(0, Some(7), false))[0].verdict, Verdict::Pass);
        assert_eq!(judged(&Facts::default())[0].verdict, Verdict::Unknown);
    }
}
