//! Rule: no process runs a program or library that was replaced.

use crate::facts::packages::StaleGroup;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::counted_as;
use crate::verdict::Finding;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let stale = match &scene.facts.packages.stale {
        Seen::Seen(stale) => stale,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let mut findings: Vec<Finding> = stale.groups.iter().map(sick).collect();
    if stale.unreadable > 0 {
        let advice = if scene.facts.machine.privileged {
            "not even by root: the kernel or a security module forbids it"
        } else {
            "run it as root"
        };
        findings.push(Finding::unknown(
            "host",
            format!(
                "{} of {} may not be looked into; {advice}",
                stale.unreadable,
                counted_as(stale.unreadable + stale.processes, "process", "processes")
            ),
        ));
    } else if findings.is_empty() {
        findings.push(Finding::pass(
            "host",
            format!(
                "{}, all with their files as on disk",
                counted_as(stale.processes, "process", "processes")
            ),
        ));
    }
    findings
}

fn sick(group: &StaleGroup) -> Finding {
    let noun = if group.processes == 1 { "process runs" } else { "processes run" };
    let evidence = format!(
        "{} {noun} deleted files ({}): {}",
        group.processes,
        group.examples.join(", "),
        group.files.join(", ")
    );
    let name = &group.name;
    let fix = if !group.unit {
        format!("restart the program `{name}`")
    } else if name == "init.scope" {
        "systemctl daemon-reexec".to_owned()
    } else if matches!(name.as_str(), "dbus.service" | "dbus-broker.service") {
        "systemctl reboot   # restarting the bus alone breaks what is connected to it".to_owned()
    } else if name.starts_with("user@") || name.starts_with("session-") {
        "log out and in again".to_owned()
    } else if name.ends_with(".scope") {
        format!("restart what runs in {name}")
    } else {
        format!("systemctl restart {name}")
    };
    Finding::warn(name, evidence).fix(fix)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::facts::packages::Stale;
    use crate::verdict::Verdict;

    const NOW: i64 = 1_000_000_000;

    fn judged(facts: &Facts) -> Vec<Finding> {
        judge(&Scene::of(facts, Timestamp::from_second(NOW).unwrap()))
    }

    #[test]
    fn each_stale_unit_warns_with_what_restarts_it() {
        let group = |name: &str, unit| StaleGroup {
            name: name.to_owned(),
            unit,
            processes: 1,
            examples: vec!["x 1".to_owned()],
            files: vec!["/usr/lib/a.so".to_owned()],
        };
        let mut facts = Facts::default();
        let groups = vec![
            group("ssh.service", true),
            group("init.scope", true),
            group("session-3.scope", true),
            group("mysqld", false),
        ];
        facts.packages.stale = Seen::Seen(Stale { processes: 9, unreadable: 0, groups });
        let fixes: Vec<_> = judged(&facts).into_iter().filter_map(|f| f.fix).collect();
        assert_eq!(
            fixes,
            [
                "systemctl restart ssh.service",
                "systemctl daemon-reexec",
                "log out and in again",
                "restart the program `mysqld`"
            ]
        );
    }

    #[test]
    fn processes_that_may_not_be_seen_are_unknown() {
        let mut facts = Facts::default();
        facts.packages.stale =
            Seen::Seen(Stale { processes: 9, unreadable: 2, groups: Vec::new() });
        let finding = judged(&facts).remove(0);
        assert_eq!(finding.verdict, Verdict::Unknown);
        assert!(finding.evidence.contains("2 of 11"), "{finding:?}");
        facts.packages.stale = Seen::Seen(Stale { processes: 9, ..Stale::default() });
        assert_eq!(judged(&facts)[0].verdict, Verdict::Pass);
    }
}
