//! Rule: no package is kept from being upgraded.

use crate::scene::Scene;
use crate::seen::Seen;
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
            format!("none of {} packages is on hold or bound to a version", dpkg.installed.len()),
        ));
    }
    findings
}
