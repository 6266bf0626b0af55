//! Rule: no restart of the machine is due.

use crate::scene::Scene;
use crate::text::span;
use crate::verdict::Finding;

/// How long a restart may be due, in seconds.
const LONGEST: i64 = 30 * 86_400;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let reboot = &scene.facts.packages.reboot;
    if reboot.running_kernel.is_empty() {
        return vec![Finding::unknown("host", "the running kernel is not known")];
    }
    let mut reasons = Vec::new();
    let mut overdue = false;
    if let Some(flag) = &reboot.flag {
        let age = flag.since.map(|since| scene.now.as_second() - since.as_second());
        overdue = age.is_some_and(|age| age >= LONGEST);
        let age = age.and_then(|age| u64::try_from(age).ok());
        let since = age.map_or(String::new(), |age| format!(" since {}", span(age)));
        let packages = match flag.packages.as_slice() {
            [] => "packages".to_owned(),
            names => names.iter().take(10).map(String::as_str).collect::<Vec<_>>().join(", "),
        };
        reasons.push(format!("{packages} ask for a restart{since} (/run/reboot-required)"));
    }
    let own_kernel = reboot.container.is_none();
    if let Some(newer) = reboot.newer_kernel.as_ref().filter(|_| own_kernel) {
        reasons.push(format!("kernel {} runs, {newer} is installed", reboot.running_kernel));
    } else if let (Some(runs), Some(installed), true) =
        (&reboot.running_build, &reboot.installed_build, own_kernel)
        && runs != installed
    {
        reasons.push(format!(
            "build {runs} of kernel {} runs, {installed} is installed",
            reboot.running_kernel
        ));
    }
    if reasons.is_empty() {
        let kernel = match (&reboot.container, reboot.kernels) {
            (Some(kind), _) => {
                format!("this is a container ({kind}), whose kernel is not its own")
            }
            (None, 0) => format!(
                "kernel {} runs, and none is installed in /boot: it comes from outside",
                reboot.running_kernel
            ),
            (None, count) => {
                format!("kernel {} runs, the newest of {count}", reboot.running_kernel)
            }
        };
        return vec![Finding::pass("host", format!("no package asks for a restart; {kernel}"))];
    }
    let evidence = reasons.join("; ");
    let finding =
        if overdue { Finding::fail("host", evidence) } else { Finding::warn("host", evidence) };
    vec![finding.fix("systemctl reboot")]
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::facts::packages::{Flag, Reboot};
    use crate::verdict::Verdict;

    const NOW: i64 = 1_000_000_000;

    fn judged(facts: &Facts) -> Vec<Finding> {
        judge(&Scene::of(facts, Timestamp::from_second(NOW).unwrap()))
    }

    fn verdict(change: impl FnOnce(&mut Reboot)) -> Verdict {
        let mut facts = Facts::default();
        facts.packages.reboot.running_kernel = "6.1.0-28-amd64".to_owned();
        change(&mut facts.packages.reboot);
        judged(&facts)[0].verdict
    }

    fn flag(age: i64) -> Option<Flag> {
        Some(Flag { since: Timestamp::from_second(NOW - age).ok(), packages: Vec::new() })
    }

    #[test]
    fn a_flag_warns_and_after_a_month_fails() {
        assert_eq!(verdict(|_| {}), Verdict::Pass);
        assert_eq!(verdict(|reboot| reboot.flag = flag(3_600)), Verdict::Warn);
        assert_eq!(verdict(|reboot| reboot.flag = flag(31 * 86_400)), Verdict::Fail);
    }

    #[test]
    fn a_newer_kernel_or_build_warns_unless_the_kernel_is_not_ours() {
        let newer = |reboot: &mut Reboot| reboot.newer_kernel = Some("6.1.0-31-amd64".to_owned());
        assert_eq!(verdict(newer), Verdict::Warn);
        let rebuilt = |reboot: &mut Reboot| {
            reboot.running_build = Some("6.1.1-1".to_owned());
            reboot.installed_build = Some("6.1.2-1".to_owned());
        };
        assert_eq!(verdict(rebuilt), Verdict::Warn);
        let contained = |reboot: &mut Reboot| {
            newer(reboot);
            rebuilt(reboot);
            reboot.container = Some("lxc".to_owned());
        };
        assert_eq!(verdict(contained), Verdict::Pass);
        assert_eq!(verdict(|reboot| reboot.running_kernel.clear()), Verdict::Unknown);
    }
}
