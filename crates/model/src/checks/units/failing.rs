//! Rules on units that failed and services that restart over and over.

use crate::facts::units::Units;
use crate::facts::units::restarts::Restarts;
use crate::text::span;
use crate::verdict::Finding;

/// The fewest restarts within the window that count as a loop.
const LOOP: u32 = 3;
/// The mean distance in seconds at which a loop is a failure.
const FAST: u64 = 300;
/// The mean distance in seconds beyond which it is none.
const SLOW: u64 = 1_200;
/// A service that has been in its state for this long, in seconds, is out of its loop.
const SETTLED: u64 = 600;

pub(super) fn failed(units: &Units) -> Vec<Finding> {
    if units.failed.is_empty() {
        return vec![Finding::pass(
            "host",
            format!("none of {} units in memory has failed", units.loaded),
        )];
    }
    units
        .failed
        .iter()
        .map(|failure| {
            let name = &failure.name;
            let result = match failure.ending.words() {
                words if words.is_empty() => String::new(),
                words => format!(" ({words})"),
            };
            let since = match failure.ending.since {
                Some(time) => format!(" since {time:.0}"),
                None => String::new(),
            };
            Finding::fail(name, format!("`{name}` is in the state `failed`{result}{since}")).fix(
                format!(
                    "journalctl -u '{name}' -e; mend the cause, then systemctl restart '{name}'"
                ),
            )
        })
        .collect()
}

pub(super) fn restart_loop(units: &Units) -> Vec<Finding> {
    let mut findings: Vec<Finding> = units.restarts.iter().filter_map(loops).collect();
    if findings.is_empty() {
        let restarted = units.restarts.iter().filter(|restarts| restarts.total > 0).count();
        findings.push(Finding::pass(
            "host",
            format!(
                "of {} active services {restarted} restarted by themselves at some time, none over and over",
                units.services
            ),
        ));
    }
    findings
}

fn loops(restarts: &Restarts) -> Option<Finding> {
    let name = &restarts.name;
    if name.contains("getty@") || name.contains("getty.") {
        return None;
    }
    let fix = format!("journalctl -u '{name}' -e; systemctl stop '{name}' ends the loop");
    if restarts.result == "start-limit-hit" {
        let evidence = format!(
            "systemd gave `{name}` up after {} restarts in a row (start-limit-hit)",
            restarts.total
        );
        return Some(Finding::fail(name, evidence).fix(fix));
    }
    if restarts.recent < LOOP {
        return None;
    }
    let distance = restarts.window_seconds / u64::from(restarts.recent);
    if distance > SLOW || restarts.state_seconds > SETTLED.max(2 * distance) {
        return None;
    }
    let evidence = format!(
        "{} restarts within {}, {} in all; now `{}` for {}",
        restarts.recent,
        span(restarts.window_seconds),
        restarts.total,
        restarts.sub,
        span(restarts.state_seconds),
    );
    let finding = if distance <= FAST {
        Finding::fail(name, evidence)
    } else {
        Finding::warn(name, evidence)
    };
    Some(finding.fix(fix))
}
