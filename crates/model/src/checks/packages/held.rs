//! Rule: no package is kept from being upgraded.

use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::counted;
use crate::verdict::Finding;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let packages = &scene.facts.packages;
    let dpkg = match &packages.dpkg {
        Seen::Seen(dpkg) => dpkg,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let held = dpkg
        .held
        .iter()
        .map(|package| (package, "on hold".to_owned(), format!("apt-mark unhold {package}")));
    let pinned = dpkg.pinned.iter().map(|(package, preference)| {
        let fix = format!("grep -rl {package} /etc/apt/preferences /etc/apt/preferences.d");
        (package, format!("bound by apt's preferences ({preference})"), fix)
    });
    let mut findings: Vec<Finding> = held
        .chain(pinned)
        .map(|(package, why, fix)| {
            let version = dpkg.installed.get(package).map_or("?", String::as_str);
            let waiting = packages.security.seen().and_then(|security| {
                security
                    .pending
                    .iter()
                    .find(|pending| pending.package.split(':').next() == package.split(':').next())
            });
            match waiting {
                Some(pending) => Finding::fail(
                    package,
                    format!("{version} is {why}, and security update {} waits", pending.available),
                ),
                None => Finding::warn(package, format!("{version} is {why}")),
            }
            .fix(fix)
        })
        .collect();
    if findings.is_empty() {
        findings.push(Finding::pass(
            "host",
            format!(
                "none of {} is on hold or bound to a version",
                counted(dpkg.installed.len(), "package")
            ),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::facts::packages::{Dpkg, Pending, Security};
    use crate::verdict::Verdict;

    const NOW: i64 = 1_000_000_000;

    fn judged(facts: &Facts) -> Vec<Finding> {
        judge(&Scene::of(facts, Timestamp::from_second(NOW).unwrap()))
    }

    #[test]
    fn a_held_package_warns_and_fails_when_a_security_update_waits_for_it() {
        let mut facts = Facts::default();
        let mut dpkg = Dpkg { held: vec!["bash".to_owned()], ..Dpkg::default() };
        dpkg.installed.insert("bash".to_owned(), "5.2".to_owned());
        dpkg.pinned.insert("nginx".to_owned(), "version 1.22, priority 1001".to_owned());
        facts.packages.dpkg = Seen::Seen(dpkg);
        let findings = judged(&facts);
        assert_eq!(findings[0].evidence, "5.2 is on hold");
        assert_eq!(findings[1].subject, "nginx");
        assert!(findings.iter().all(|finding| finding.verdict == Verdict::Warn));
        facts.packages.security = Seen::Seen(Security {
            pending: vec![Pending {
                package: "bash".to_owned(),
                installed: "5.2".to_owned(),
                available: "5.3".to_owned(),
                since: Timestamp::UNIX_EPOCH,
            }],
            ..Security::default()
        });
        assert_eq!(judged(&facts)[0].verdict, Verdict::Fail);
        facts.packages.dpkg = Seen::Seen(Dpkg::default());
        assert_eq!(judged(&facts)[0].verdict, Verdict::Pass);
    }
}
