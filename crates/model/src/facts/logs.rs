//! The journal folded to templates.
//!
//! Leaves out how lines are folded, which is the [folder](crate::folder)'s, and what is worth
//! telling, which is the checks'.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The digest of the journal: one line per template instead of one per message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// The time of the first line ever folded into this digest: a label of the host's own clock.
    pub read_from: Option<Timestamp>,
    /// The time of the last line read.
    pub read_until: Option<Timestamp>,
    /// Lines read in this run.
    pub lines: u64,
    /// Lines read since the first run.
    pub lines_in_all: u64,
    /// Boots that the lines of this run come from.
    pub boots: u32,
    /// Hours in which the journal had lines, since the first run: what rates are measured by.
    pub hours: u64,
    /// In this run nothing was judged new, because the reader had not yet come to the journal's
    /// end once.
    pub learning: bool,
    /// Seconds between the last line read and now, when the run's time was up before the end of
    /// the journal; the next run goes on from there.
    pub behind_seconds: Option<u64>,
    /// Why only a part of the journal can be read, if so.
    pub limited: Option<String>,
    /// What else a reader should know: lines that were skipped, a journal that does not last.
    pub notes: Vec<String>,
    /// How many templates are known in all.
    pub known: usize,
    /// How many templates were forgotten since the first run, because others came.
    pub forgotten: u64,
    /// How many of the templates are new in this run, and how many came ten times as often.
    pub new: usize,
    pub bursts: usize,
    /// The novel ones first, then the worst, then the latest; at most
    /// [`MOST`](crate::folder::MOST).
    pub templates: Vec<Template>,
}

/// What many lines have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// The service whose output the lines are, else the program that sent them, or `kernel`; what
    /// counts instances is masked (`run-<n>.service`).
    pub source: String,
    /// The unit that sent the last line of which that is known, unless it is the source. Short-lived
    /// senders are gone before journald can tell.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// The program that sent the last line, unless it is the source.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub program: String,
    /// The line with all that varies masked.
    pub text: String,
    /// The first such line, cut, with what looks like a secret masked.
    pub sample: String,
    /// The worst priority seen, as syslog counts: 0 is emergency, 7 is debug.
    pub priority: u8,
    /// Lines since the first run.
    pub count: u64,
    /// Lines in this run.
    pub in_run: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    /// Lines in an hour, as a mean over past hours.
    pub per_hour: f64,
    /// All such lines came from the kernel while the machine started.
    #[serde(default)]
    pub starting: bool,
    pub novelty: Novelty,
}

impl Template {
    /// Whether its lines come from a unit or program whose name contains this.
    pub fn is_from(&self, name: &str) -> bool {
        [&self.source, &self.unit, &self.program].into_iter().any(|known| known.contains(name))
    }
}

/// Whether this run has something to tell about a template. Told once: the next run has it known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Novelty {
    Known,
    /// Never seen before this run.
    New,
    /// So many lines within the hour that starts at `hour`, where `before` was the mean.
    Burst {
        hour: Timestamp,
        count: u64,
        before: f64,
    },
}

/// The name of a syslog priority.
pub const fn priority(level: u8) -> &'static str {
    match level {
        0 => "emerg",
        1 => "alert",
        2 => "crit",
        3 => "err",
        4 => "warning",
        5 => "notice",
        6 => "info",
        _ => "debug",
    }
}

/// A label for microseconds since 1970; the epoch for what lies beyond the calendar's end.
pub fn moment(microseconds: u64) -> Timestamp {
    i64::try_from(microseconds)
        .ok()
        .and_then(|at| Timestamp::from_microsecond(at).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}
