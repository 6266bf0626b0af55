//! What the record answers: the rows of its views.
//!
//! Every time in here is the label some machine's clock gave.

use jiff::Timestamp;
use model::entry::Entry;
use model::host_name::HostName;
use model::report::Counts;
use model::verdict::Finding;

/// A verdict that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub host: HostName,
    /// With the newest evidence.
    pub finding: Finding,
    /// When the verdict last changed.
    pub since: Timestamp,
}

/// A host at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub host: HostName,
    pub counts: Counts,
    /// The worst verdicts that are no pass, the worst first.
    pub worst: Vec<Standing>,
    /// When all checks last ran.
    pub run: Option<Timestamp>,
    /// The fact that was asked for.
    pub fact: Option<String>,
}

/// A fact that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub key: String,
    pub value: String,
    pub since: Timestamp,
}

/// An entry and when its writer says it wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dated<E> {
    pub at: Timestamp,
    pub entry: E,
}

/// Which changes are asked for. `default()` asks for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Which {
    pub host: Option<HostName>,
    /// A check's name or a fact's key.
    pub name: Option<String>,
    /// A verdict's subject; no fact has one.
    pub subject: Option<String>,
}

/// How much of the history is asked for; what is older is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// How many of the newest hours, besides the readings that are in no window yet.
    pub hours: u32,
    /// How many of the newest days.
    pub days: u32,
    /// Only readings of this series and subject.
    pub meter: Option<model::reading::Meter>,
}

impl Reach {
    /// What checks look at: a week by the hour, a month by the day. Some 300 windows a meter.
    pub const CHECKS: Self = Self { hours: 168, days: 30, meter: None };
}

/// One log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The writing device's public key, in hexadecimal digits.
    pub author: String,
    pub name: String,
    pub entries: u64,
}

/// An operation as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its number in this copy of the record, in the order of arrival.
    pub place: i64,
    pub author: String,
    pub log: String,
    /// Its number in its log.
    pub number: u64,
    pub hash: String,
    pub at: Timestamp,
    /// As its writer labelled it.
    pub kind: String,
    pub content: Content,
}

/// What is left of an operation's body.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Entry(Entry),
    /// Written by a newer stead.
    Unknown {
        bytes: usize,
    },
    /// Deleted after another entry has taken its place.
    Deleted,
}

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Hours folded from readings.
    pub hours: usize,
    /// Days folded from hours.
    pub days: usize,
    /// Days forgotten.
    pub forgotten: usize,
}

/// What a walk over all logs found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    pub logs: u64,
    pub entries: u64,
    /// Entries whose body was deleted; their headers still verify.
    pub deleted: u64,
    /// Entries written by a newer stead.
    pub unknown: u64,
    /// The first fault, with its place; `None` when all is well.
    pub fault: Option<String>,
}
