//! A report as text for a terminal: worst first, short.

use std::collections::BTreeMap;

use model::report::{Counts, Report};
use model::verdict::{Finding, Verdict};

use crate::output;

/// `2 fail, 1 warn, 5 unknown, 30 pass`.
pub fn counts(counts: Counts) -> String {
    let parts = [
        (counts.fail, Verdict::Fail),
        (counts.warn, Verdict::Warn),
        (counts.unknown, Verdict::Unknown),
        (counts.pass, Verdict::Pass),
    ];
    let words: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, verdict)| format!("{count} {verdict}"))
        .collect();
    if words.is_empty() { "nothing was asked".to_owned() } else { words.join(", ") }
}

/// The whole report. Unless `all`, unknowns with the same reason share a line and passes are
/// only counted.
pub fn report(report: &Report, all: bool) -> String {
    let width = output::width();
    let mut text = String::new();
    let shown =
        |finding: &&Finding| all || matches!(finding.verdict, Verdict::Fail | Verdict::Warn);
    for finding in report.findings.iter().filter(shown) {
        text.push_str(&one(finding, width));
    }
    if !all {
        text.push_str(&unknowns(report, width));
    }
    text.push_str(&format!("{}\n", counts(report.counts)));
    text
}

/// One finding: verdict, check and subject, then evidence and fix below.
fn one(finding: &Finding, width: usize) -> String {
    let mut text =
        format!("{} {}: {}\n", output::verdict(finding.verdict, 7), finding.name, finding.subject);
    text.push_str(&output::wrap(&finding.evidence, 8, width));
    if let Some(fix) = &finding.fix {
        text.push_str(&output::wrap(&format!("fix: {fix}"), 8, width));
    }
    text.push('\n');
    text
}

/// The unknowns, those with one reason together.
fn unknowns(report: &Report, width: usize) -> String {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.verdict == Verdict::Unknown) {
        reasons.entry(&finding.evidence).or_default().push(&finding.name);
    }
    let mut text = String::new();
    for (reason, mut names) in reasons {
        names.dedup();
        text.push_str(&format!("{} {}\n", output::verdict(Verdict::Unknown, 7), names.join(", ")));
        text.push_str(&output::wrap(reason, 8, width));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn unknowns_with_one_reason_share_a_line_and_passes_are_counted() {
        let named = |name: &str, mut finding: Finding| {
            finding.name = name.to_owned();
            finding
        };
        let findings = vec![
            named("disk-space", Finding::fail("/", "97 % used").fix("make room")),
            named("unit-failed", Finding::unknown("host", "systemd is not running here")),
            named("timer-unwanted", Finding::unknown("host", "systemd is not running here")),
            named("disk-inodes", Finding::pass("host", "3 filesystems, all well")),
        ];
        let counts = Counts::of(&findings);
        let text = report(&Report { at: Timestamp::UNIX_EPOCH, counts, findings }, false);
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(
            plain,
            "fail    disk-space: /\n        97 % used\n        fix: make room\n\n\
             unknown unit-failed, timer-unwanted\n        systemd is not running here\n\n\
             1 fail, 2 unknown, 1 pass\n"
        );
    }
}
