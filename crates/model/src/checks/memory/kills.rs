//! The rule on kills for want of memory.

use std::collections::BTreeSet;

use crate::facts::memory::kills::Kills;
use crate::facts::memory::unit::UnitMemory;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::span;
use crate::verdict::Finding;

const DAY: u64 = 86_400;
/// A kill that has been known for longer than this is history.
const WEEK: u64 = 7 * DAY;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let memory = &scene.facts.memory;
    let units: &[UnitMemory] = memory.units.seen().map_or(&[], Vec::as_slice);
    let mut findings = Vec::new();
    let mut named = BTreeSet::new();
    for failure in scene.facts.units.seen().map_or(&[][..], |units| &units.failed) {
        if failure.ending.result == "oom-kill" {
            named.insert(failure.name.as_str());
            let evidence =
                "its last run ended with `oom-kill`: the kernel killed it for want of memory";
            findings.push(Finding::fail(&failure.name, evidence).fix(fix(&failure.name)));
        }
    }
    let mut counted = 0;
    for unit in units {
        let Some(kills) = unit.kills else { continue };
        counted += kills.count;
        if !named.contains(unit.name.as_str()) {
            findings.extend(finding(&unit.name, kills, "since it was started"));
        }
    }
    let watched = units.iter().filter(|unit| unit.kills.is_some()).count();
    match &memory.kills {
        // Kills that units account for are told there.
        Seen::Seen(kills) if kills.count > counted => {
            findings.extend(finding("host", *kills, "since the boot"));
        }
        Seen::Seen(_) => {}
        Seen::Unseen(reason) if watched == 0 && findings.is_empty() => {
            let units = match &memory.units {
                Seen::Seen(_) => "no unit has a counter of its own".to_owned(),
                Seen::Unseen(reason) => reason.clone(),
            };
            findings.push(Finding::unknown("host", format!("{reason}; {units}")));
        }
        Seen::Unseen(_) => {}
    }
    if findings.is_empty() {
        let total = memory.kills.seen().map_or(counted, |kills| kills.count);
        let evidence = if total == 0 {
            format!(
                "no kill is counted, neither on the machine nor in {}",
                crate::text::counted(watched, "unit")
            )
        } else {
            format!("{} counted, none within 7 days", crate::text::counted(total, "kill"))
        };
        findings.push(Finding::pass("host", evidence));
    }
    findings
}

fn finding(subject: &str, kills: Kills, since: &str) -> Option<Finding> {
    if kills.count == 0 || kills.known_seconds > WEEK {
        return None;
    }
    let evidence = format!(
        "the kernel killed {} of its processes for want of memory {since}, the newest within the last {}",
        kills.count,
        span(kills.within_seconds),
    );
    let finding = if kills.within_seconds <= DAY {
        Finding::fail(subject, evidence)
    } else {
        Finding::warn(subject, evidence)
    };
    Some(finding.fix(fix(subject)))
}

fn fix(subject: &str) -> String {
    let journal = "journalctl -k -g 'oom-kill|Out of memory'";
    if subject == "host" {
        format!("{journal}; add memory or swap, or bound what takes it")
    } else {
        format!(
            "{journal}; give it more: systemctl set-property '{subject}' MemoryMax=…, or bound what it holds; then systemctl restart '{subject}'"
        )
    }
}
