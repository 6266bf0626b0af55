//! Rules on units that failed and services that restart over and over.

use crate::facts::units::Units;
use crate::facts::units::restarts::Restarts;
use crate::text::{counted, span};
use crate::verdict::Finding;

/// The fewest restarts within the window that count as a loop.
const LOOP: u32 = 3;
/// The mean distance in seconds at which a loop is a failure.
const FAST: u64 = 300;
/// The mean distance in seconds beyond which it is none.
const SLOW: u64 = 1_200;
/// A service that has been in its state for this long, in seconds, is out of its loop.
const SETTLED: u64 = 600;
/// A restart this many seconds ago was just now.
const FRESH: u64 = 120;

pub(super) fn failed(units: &Units) -> Vec<Finding> {
    if units.failed.is_empty() {
        return vec![Finding::pass(
            "host",
            format!("none of {} in memory has failed", counted(units.loaded, "unit")),
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
    // systemd keeps the first cause as the result: mostly not `start-limit-hit` but `exit-code`.
    if restarts.result == "start-limit-hit" || (restarts.sub == "failed" && restarts.total >= LOOP)
    {
        let evidence = format!(
            "systemd gave `{name}` up after {} restarts in a row ({})",
            restarts.total, restarts.result
        );
        return Some(Finding::fail(name, evidence).fix(fix));
    }
    if restarts.recent < LOOP {
        return None;
    }
    let distance = restarts.window_seconds / u64::from(restarts.recent);
    if restarts.first_look && distance > SLOW && restarts.state_seconds < FRESH {
        // A loop may be younger than the boot; that a rare restart was just now is not likely.
        let evidence = format!(
            "{} since it was started, the last {} ago; another look will tell whether it goes on",
            counted(restarts.total, "restart"),
            span(restarts.state_seconds)
        );
        return Some(Finding::warn(name, evidence).fix(fix));
    }
    if distance > SLOW || restarts.state_seconds > SETTLED.max(2 * distance) {
        return None;
    }
    let evidence = format!(
        "{} within {}, {} in all; now `{}` for {}",
        counted(restarts.recent, "restart"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    fn verdict(name: &str, recent: u32, window_seconds: u64, state_seconds: u64) -> Verdict {
        let restarts = Restarts {
            name: name.to_owned(),
            sub: "running".to_owned(),
            total: recent,
            recent,
            window_seconds,
            state_seconds,
            ..Restarts::default()
        };
        loops(&restarts).map_or(Verdict::Pass, |finding| finding.verdict)
    }

    #[test]
    fn a_loop_is_told_by_its_pace() {
        assert_eq!(verdict("a.service", 2, 60, 1), Verdict::Pass);
        assert_eq!(verdict("a.service", 3, 600, 1), Verdict::Fail);
        assert_eq!(verdict("a.service", 4, 3_600, 1), Verdict::Warn);
        assert_eq!(verdict("a.service", 40, 3_600, 3_000), Verdict::Pass);
        assert_eq!(verdict("a.service", 40, 30 * 86_400, 1), Verdict::Pass);
        assert_eq!(verdict("getty@tty1.service", 40, 3_600, 1), Verdict::Pass);
    }

    #[test]
    fn at_a_first_look_a_restart_just_now_is_suspect() {
        let mut restarts = Restarts {
            name: "a.service".to_owned(),
            total: 9,
            recent: 9,
            window_seconds: 30 * 86_400,
            first_look: true,
            state_seconds: 3,
            ..Restarts::default()
        };
        assert_eq!(loops(&restarts).unwrap().verdict, Verdict::Warn);
        restarts.state_seconds = 4_000;
        assert_eq!(loops(&restarts), None);
    }

    #[test]
    fn what_systemd_gave_up_fails() {
        let restarts = Restarts {
            name: "a.service".to_owned(),
            sub: "failed".to_owned(),
            result: "exit-code".to_owned(),
            total: 5,
            ..Restarts::default()
        };
        assert_eq!(loops(&restarts).unwrap().verdict, Verdict::Fail);
    }
}
