//! Everything that can be asked of a node.

use model::host_name::HostName;
use model::reading::Meter;
use serde::{Deserialize, Serialize};

/// A question. Each has the one [`Reply`](crate::reply::Reply) of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Request {
    /// All hosts, the worst first.
    Overview,
    /// One host with all that is known of it.
    Host { host: HostName },
    /// The kept readings of one meter, to plot.
    History { host: HostName, meter: Meter, span: Span },
    /// The journal folded to templates.
    Digest { host: HostName },
    /// Timers and what they start.
    Timers { host: HostName },
    /// What changed last, the newest first; of one host or of all.
    Changes { host: Option<HostName>, limit: u32 },
    /// The numbers behind `/metrics`.
    Metrics,
    /// A new one-time URL for the page.
    Link,
    /// The answering process itself.
    Status,
}

/// How far back a history reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Span {
    #[default]
    Day,
    Week,
    Month,
    Year,
}

impl Span {
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Year];

    pub const fn seconds(self) -> i64 {
        86_400
            * match self {
                Self::Day => 1,
                Self::Week => 7,
                Self::Month => 30,
                Self::Year => 365,
            }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The span of that word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.word() == word)
    }
}
