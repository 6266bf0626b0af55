//! A rule asked of each timer.

use crate::facts::units::Units;
use crate::facts::units::timer::Timer;
use crate::text::counted;
use crate::verdict::Finding;

/// The findings of a rule, or one pass that counts the timers.
pub(super) fn each(
    units: &Units,
    well: &str,
    rule: impl Fn(&Timer) -> Option<Finding>,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = units.timers.iter().filter_map(rule).collect();
    if findings.is_empty() {
        findings.push(Finding::pass(
            "host",
            match units.timers.len() {
                0 => "there is no timer here".to_owned(),
                count => format!("{}: {well}", counted(count, "timer")),
            },
        ));
    }
    findings
}
