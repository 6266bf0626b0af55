//! A whole run of checks: the findings, worst first, and their counts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::check::Check;
use crate::scene::Scene;
use crate::verdict::{Finding, Verdict};

/// How many findings have each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub pass: usize,
    pub warn: usize,
    pub fail: usize,
    pub unknown: usize,
}

impl Counts {
    pub fn of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        let mut counts = Self::default();
        for finding in findings {
            *counts.of_mut(finding.verdict) += 1;
        }
        counts
    }

    /// The count of one verdict.
    pub const fn of_mut(&mut self, verdict: Verdict) -> &mut usize {
        match verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Warn => &mut self.warn,
            Verdict::Fail => &mut self.fail,
            Verdict::Unknown => &mut self.unknown,
        }
    }
}

/// The answers of a run of checks, the worst first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The observing host's clock: a label.
    pub at: Timestamp,
    pub counts: Counts,
    pub findings: Vec<Finding>,
}

impl Report {
    /// Runs the given checks over one scene.
    pub fn of<'a>(checks: impl IntoIterator<Item = &'a Check>, scene: &Scene<'_>) -> Self {
        let mut findings: Vec<Finding> =
            checks.into_iter().flat_map(|check| check.findings(scene)).collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
        Self { at: scene.now, counts: Counts::of(&findings), findings }
    }

    pub fn worst(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Unknown)
    }
}
