//! A check: a question asked of a host, and the pure rule that answers it.

use crate::scene::Scene;
use crate::verdict::Finding;

/// A question asked of a host.
///
/// All text is for a person who has never seen this program; `stead check explain` prints it.
pub struct Check {
    /// Lower case, words joined by hyphens; never changes once released.
    pub name: &'static str,
    /// One line for lists.
    pub title: &'static str,
    /// What is asked, why it matters and when the answer is fail, warn, pass and unknown.
    pub asks: &'static str,
    /// The exact commands a person would type to see the same.
    pub commands: &'static [&'static str],
    /// How to mend it.
    pub mend: &'static str,
    /// Answers the question: one finding per subject that is not well, and at least one in all,
    /// so that no check is ever silent.
    pub judge: fn(&Scene<'_>) -> Vec<Finding>,
}

impl Check {
    /// Runs the rule; the findings carry this check's name, the worst first.
    pub fn findings(&self, scene: &Scene<'_>) -> Vec<Finding> {
        let mut findings = (self.judge)(scene);
        if findings.is_empty() {
            findings.push(Finding::unknown(
                "host",
                "the check gave no answer; this is a defect of stead",
            ));
        }
        for finding in &mut findings {
            finding.name = self.name.to_owned();
        }
        findings.sort_by(|a, b| b.verdict.cmp(&a.verdict).then_with(|| a.subject.cmp(&b.subject)));
        findings
    }
}
