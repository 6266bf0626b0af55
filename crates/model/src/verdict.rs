//! A check's answer about one subject.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::printable;

/// How a check's question was answered. The order is from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    /// The question could not be asked; the evidence says why. Never shown as green.
    Unknown,
    Warn,
    Fail,
}

impl Verdict {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Unknown => "unknown",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The longest evidence or fix that is kept, in characters.
const LONGEST: usize = 600;

/// One check's verdict on one subject, with what was seen and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The check's name.
    pub name: String,
    pub verdict: Verdict,
    /// What was judged: a unit, a mount, a socket. Stable from run to run, so that a change shows.
    pub subject: String,
    /// What was seen, with figures, so that a person can judge the verdict.
    pub evidence: String,
    /// The command or edit that mends it; `None` when there is nothing to mend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    fn new(verdict: Verdict, subject: &str, evidence: &str) -> Self {
        Self {
            // The name is filled in by `Check::findings`: a rule cannot name another check.
            name: String::new(),
            verdict,
            subject: printable(subject, LONGEST),
            evidence: printable(evidence, LONGEST),
            fix: None,
        }
    }

    pub fn pass(subject: impl AsRef<str>, evidence: impl AsRef<str>) -> Self {
        Self::new(Verdict::Pass, subject.as_ref(), evidence.as_ref())
    }

    pub fn warn(subject: impl AsRef<str>, evidence: impl AsRef<str>) -> Self {
        Self::new(Verdict::Warn, subject.as_ref(), evidence.as_ref())
    }

    pub fn fail(subject: impl AsRef<str>, evidence: impl AsRef<str>) -> Self {
        Self::new(Verdict::Fail, subject.as_ref(), evidence.as_ref())
    }

    /// The check could not be run on this subject, for this reason.
    pub fn unknown(subject: impl AsRef<str>, reason: impl AsRef<str>) -> Self {
        Self::new(Verdict::Unknown, subject.as_ref(), reason.as_ref())
    }

    #[must_use]
    pub fn fix(mut self, fix: impl AsRef<str>) -> Self {
        self.fix = Some(printable(fix.as_ref(), LONGEST));
        self
    }
}
