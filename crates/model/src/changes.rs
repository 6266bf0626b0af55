//! What a new report or observation changes of what was known: the entries worth writing.
//!
//! Leaves out where the known is kept. Evidence that merely varies in its figures is no change.

use std::collections::{BTreeMap, BTreeSet};

use crate::entry::{FactV1, VerdictV1};
use crate::host_name::HostName;
use crate::report::Report;
use crate::verdict::{Finding, Verdict};

/// The known verdicts of a host, by check and subject.
pub type Known = BTreeMap<(String, String), Verdict>;

/// The verdicts that a report changes, those that are gone last.
///
/// Only checks that ran are compared: those with a finding in the report, as every check that runs
/// has at least one. Of two findings of one check on one subject, the worse counts. A subject that
/// its check mentions no more is gone.
pub fn verdicts(host: &HostName, known: &Known, report: &Report) -> Vec<VerdictV1> {
    let found = by_subject(report);
    let mut changes = Vec::new();
    for (&(check, subject), finding) in &found {
        let before = known.get(&(check.to_owned(), subject.to_owned())).copied();
        if before != Some(finding.verdict) {
            changes.push(VerdictV1 {
                host: host.clone(),
                check: check.to_owned(),
                subject: subject.to_owned(),
                before,
                after: Some(finding.verdict),
                evidence: finding.evidence.clone(),
                fix: finding.fix.clone(),
            });
        }
    }
    let ran: BTreeSet<&str> = found.keys().map(|(check, _)| *check).collect();
    for ((check, subject), verdict) in known {
        if ran.contains(check.as_str()) && !found.contains_key(&(check, subject)) {
            changes.push(VerdictV1 {
                host: host.clone(),
                check: check.clone(),
                subject: subject.clone(),
                before: Some(*verdict),
                after: None,
                evidence: why_gone(check, report),
                fix: None,
            });
        }
    }
    changes
}

/// The findings of a report by check and subject, the worst of each.
pub fn by_subject(report: &Report) -> BTreeMap<(&str, &str), &Finding> {
    let mut found: BTreeMap<(&str, &str), &Finding> = BTreeMap::new();
    for finding in &report.findings {
        let worst = found.entry((&finding.name, &finding.subject)).or_insert(finding);
        if finding.verdict > worst.verdict {
            *worst = finding;
        }
    }
    found
}

/// A subject may be gone because it is well, or because its check could not look.
fn why_gone(check: &str, report: &Report) -> String {
    let blind = report
        .findings
        .iter()
        .find(|finding| finding.name == check && finding.verdict == Verdict::Unknown);
    match blind {
        Some(finding) => format!("no longer judged; {}: {}", finding.subject, finding.evidence),
        None => "no longer reported".to_owned(),
    }
}

/// The facts that a complete set of new lines changes; a missing key is gone.
pub fn facts(
    host: &HostName,
    known: &BTreeMap<String, String>,
    lines: &BTreeMap<String, String>,
) -> Vec<FactV1> {
    let keys: BTreeSet<&String> = known.keys().chain(lines.keys()).collect();
    keys.into_iter()
        .filter(|key| known.get(*key) != lines.get(*key))
        .map(|key| FactV1 {
            host: host.clone(),
            key: key.clone(),
            before: known.get(key).cloned(),
            after: lines.get(key).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::report::Counts;

    fn report(findings: Vec<(&str, Finding)>) -> Report {
        let findings: Vec<Finding> = findings
            .into_iter()
            .map(|(check, finding)| Finding { name: check.to_owned(), ..finding })
            .collect();
        Report { at: Timestamp::UNIX_EPOCH, counts: Counts::of(&findings), findings }
    }

    fn host() -> HostName {
        HostName::nearest("a")
    }

    fn after(known: &Known, changes: &[VerdictV1]) -> Known {
        let mut known = known.clone();
        for change in changes {
            let key = (change.check.clone(), change.subject.clone());
            match change.after {
                Some(verdict) => known.insert(key, verdict),
                None => known.remove(&key),
            };
        }
        known
    }

    #[test]
    fn new_figures_in_the_evidence_are_no_change() {
        let known = Known::from([(("disk".into(), "/".into()), Verdict::Warn)]);
        let report = report(vec![("disk", Finding::warn("/", "91.2 % used"))]);
        assert_eq!(verdicts(&host(), &known, &report), []);
    }

    #[test]
    fn a_partial_run_leaves_other_checks_alone() {
        let known = Known::from([
            (("disk".into(), "/".into()), Verdict::Fail),
            (("timer".into(), "x.timer".into()), Verdict::Fail),
        ]);
        let changes =
            verdicts(&host(), &known, &report(vec![("disk", Finding::pass("host", "fine"))]));
        let told: Vec<_> = changes.iter().map(|c| (c.subject.as_str(), c.after)).collect();
        assert_eq!(told, [("host", Some(Verdict::Pass)), ("/", None)]);
        assert_eq!(changes[1].before, Some(Verdict::Fail));
    }

    #[test]
    fn a_subject_that_went_because_its_check_was_blind_says_so() {
        let known = Known::from([(("timer".into(), "x.timer".into()), Verdict::Fail)]);
        let changes =
            verdicts(&host(), &known, &report(vec![("timer", Finding::unknown("host", "no bus"))]));
        assert_eq!(changes[1].evidence, "no longer judged; host: no bus");
    }

    #[test]
    fn of_two_findings_on_one_subject_the_worse_counts() {
        let findings = vec![("c", Finding::fail("x", "bad")), ("c", Finding::pass("x", "good"))];
        let changes = verdicts(&host(), &Known::new(), &report(findings));
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].after, Some(Verdict::Fail));
    }

    proptest! {
        #[test]
        fn what_was_told_once_is_not_told_again(
            old in prop::collection::vec((0..3u8, 0..4u8, 0..4u8), 0..12),
            new in prop::collection::vec((0..3u8, 0..4u8, 0..4u8), 0..12),
        ) {
            let build = |list: &[(u8, u8, u8)]| {
                let all = [Verdict::Pass, Verdict::Unknown, Verdict::Warn, Verdict::Fail];
                let names = ["a", "b", "c"];
                report(list.iter().map(|(check, subject, verdict)| {
                    let finding = Finding::pass(subject.to_string(), "e");
                    let verdict = all[*verdict as usize];
                    (names[*check as usize], Finding { verdict, ..finding })
                }).collect())
            };
            let mut known = Known::new();
            for report in [build(&old), build(&new)] {
                known = after(&known, &verdicts(&host(), &known, &report));
                prop_assert_eq!(verdicts(&host(), &known, &report), vec![]);
                for ((check, subject), finding) in by_subject(&report) {
                    let key = (check.to_owned(), subject.to_owned());
                    prop_assert_eq!(known.get(&key), Some(&finding.verdict));
                }
            }
        }

        #[test]
        fn facts_become_what_was_observed(
            old in prop::collection::btree_map("[a-c]", "[x-z]", 0..4),
            new in prop::collection::btree_map("[a-c]", "[x-z]", 0..4),
        ) {
            let mut known = old.clone();
            for change in facts(&host(), &old, &new) {
                prop_assert_eq!(known.get(&change.key), change.before.as_ref());
                match change.after {
                    Some(value) => known.insert(change.key, value),
                    None => known.remove(&change.key),
                };
            }
            prop_assert_eq!(known, new);
        }
    }
}
