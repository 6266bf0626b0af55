//! Rule: every package is wholly installed.

use crate::scene::Scene;
use crate::seen::Seen;
use crate::verdict::Finding;

/// How many packages are told one by one.
const TOLD: usize = 20;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let dpkg = match &scene.facts.packages.dpkg {
        Seen::Seen(dpkg) => dpkg,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    if dpkg.broken.is_empty() && !dpkg.interrupted {
        let count = dpkg.installed.len();
        return vec![Finding::pass("host", format!("{count} packages, all wholly installed"))];
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
