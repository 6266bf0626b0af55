//! Rule: no process runs a program or library that was replaced.

use crate::facts::packages::StaleGroup;
use crate::scene::Scene;
use crate::seen::Seen;
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
                "{} of {} processes may not be looked into; {advice}",
                stale.unreadable,
                stale.unreadable + stale.processes
            ),
        ));
    } else if findings.is_empty() {
        findings.push(Finding::pass(
            "host",
            format!("{} processes, all with their files as on disk", stale.processes),
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
