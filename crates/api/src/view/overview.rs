//! All hosts of the stead, the worst first.

use std::cmp::Reverse;

use jiff::Timestamp;
use model::host_name::HostName;
use model::report::Counts;
use model::verdict::Verdict;
use serde::{Deserialize, Serialize};

use crate::view::standing::Standing;

/// The whole stead at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// The stead's name.
    pub stead: String,
    /// When this was answered.
    pub at: Timestamp,
    /// The host that answers.
    pub this: Option<HostName>,
    pub hosts: Vec<Line>,
}

/// One host at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub host: HostName,
    pub tier: Option<String>,
    /// The operating system's own name; empty when it was never observed.
    pub system: String,
    /// The label of the last report; `None` when there was none.
    pub seen: Option<Timestamp>,
    /// Whether nothing was heard for so long that its verdicts may be true no more.
    pub stale: bool,
    pub counts: Counts,
    /// At most [`Line::WORST`] findings that are not a pass, the worst first.
    pub worst: Vec<Standing>,
}

impl Line {
    /// How many findings a line carries.
    pub const WORST: usize = 5;

    /// The verdict on the host as a whole: its worst, and unknown where nothing recent is known.
    pub const fn verdict(&self) -> Verdict {
        if self.counts.fail > 0 {
            Verdict::Fail
        } else if self.counts.warn > 0 {
            Verdict::Warn
        } else if self.counts.unknown > 0 || self.counts.pass == 0 || self.stale {
            Verdict::Unknown
        } else {
            Verdict::Pass
        }
    }
}

impl Overview {
    /// Puts the worst host first; among equals those with more faults, then by name.
    pub fn sort(&mut self) {
        self.hosts.sort_by(|a, b| {
            let key = |line: &Line| {
                let counts = line.counts;
                Reverse((line.verdict(), counts.fail, counts.warn, counts.unknown, line.stale))
            };
            key(a).cmp(&key(b)).then_with(|| a.host.cmp(&b.host))
        });
    }

    /// The counts of all hosts together.
    pub fn counts(&self) -> Counts {
        self.hosts.iter().fold(Counts::default(), |sum, line| Counts {
            pass: sum.pass + line.counts.pass,
            warn: sum.warn + line.counts.warn,
            fail: sum.fail + line.counts.fail,
            unknown: sum.unknown + line.counts.unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, counts: Counts, stale: bool) -> Line {
        Line {
            host: HostName::nearest(name),
            tier: None,
            system: String::new(),
            seen: None,
            stale,
            counts,
            worst: Vec::new(),
        }
    }

    #[test]
    fn the_worst_host_comes_first_and_a_silent_one_is_never_green() {
        let good = Counts { pass: 9, ..Counts::default() };
        let mut overview = Overview {
            stead: "s".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            this: None,
            hosts: vec![
                line("good", good, false),
                line("silent", good, true),
                line("new", Counts::default(), false),
                line("warm", Counts { warn: 9, ..good }, false),
                line("bad", Counts { fail: 1, ..good }, false),
            ],
        };
        overview.sort();
        let order: Vec<(&str, Verdict)> =
            overview.hosts.iter().map(|line| (line.host.as_str(), line.verdict())).collect();
        assert_eq!(
            order,
            [
                ("bad", Verdict::Fail),
                ("warm", Verdict::Warn),
                ("silent", Verdict::Unknown),
                ("new", Verdict::Unknown),
                ("good", Verdict::Pass),
            ]
        );
    }
}
