//! The record's entries: what one signed body says.
//!
//! A released shape is never edited: a new one gets a new version, and views read both.
//! None holds a time that decides anything; the operation's own timestamp is a label.

mod meters;

use serde::{Deserialize, Serialize};

use crate::host_name::HostName;
use crate::reading::{Meter, Window};
use crate::report::Counts;
use crate::verdict::Verdict;

/// One entry. Which views it changes, and how two of them merge, is said at each variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A check's answer on a subject changed. Within a log, the last one holds.
    VerdictV1(VerdictV1),
    /// A slow fact changed. Within a log, the last one of a key holds.
    FactV1(FactV1),
    /// Something was run. All are kept.
    RunV1(RunV1),
    /// Readings of a past hour or day, folded. Of two of one host for one window, the last holds: it
    /// contains what the earlier did.
    ReadingsV1(ReadingsV1),
}

impl Entry {
    /// All kinds that this version knows.
    pub const KINDS: [&'static str; 4] = ["verdict_v1", "fact_v1", "run_v1", "readings_v1"];

    /// The entry's tag, as it is stored; one of [`Entry::KINDS`].
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::VerdictV1(_) => "verdict_v1",
            Self::FactV1(_) => "fact_v1",
            Self::RunV1(_) => "run_v1",
            Self::ReadingsV1(_) => "readings_v1",
        }
    }

    /// The host it is about.
    pub const fn host(&self) -> &HostName {
        match self {
            Self::VerdictV1(entry) => &entry.host,
            Self::FactV1(entry) => &entry.host,
            Self::RunV1(entry) => &entry.host,
            Self::ReadingsV1(entry) => &entry.host,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictV1 {
    pub host: HostName,
    pub check: String,
    pub subject: String,
    /// `None` when the subject was not judged before.
    pub before: Option<Verdict>,
    /// `None` when the subject is gone.
    pub after: Option<Verdict>,
    pub evidence: String,
    pub fix: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FactV1 {
    pub host: HostName,
    pub key: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunV1 {
    pub host: HostName,
    /// What was run: [`RunV1::WHOLE`], or `check` and the names of the only checks asked.
    pub what: String,
    pub counts: Counts,
    pub milliseconds: u64,
}

impl RunV1 {
    /// A run of every check: only such a one tells how the host is.
    pub const WHOLE: &str = "check";
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadingsV1 {
    pub host: HostName,
    /// The windows' length in seconds: 3,600 or 86,400.
    pub window_seconds: u32,
    /// All windows of an entry have the same start.
    #[serde(with = "meters")]
    pub meters: Vec<(Meter, Vec<Window>)>,
}
