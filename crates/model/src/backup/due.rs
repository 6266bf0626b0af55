//! When a backup is due: decided from what the last one left behind, not from a timer's state.
//!
//! Leaves out making it. A clock that jumps costs one backup too many, never one too few.

use jiff::{SignedDuration, Timestamp};

use crate::backup::attempt::FailureV1;

/// The first wait after a failure, in seconds; doubled with each further one.
const FIRST_WAIT: i64 = 300;
/// The longest wait after failures, in seconds, if the period is not shorter.
const LONGEST_WAIT: i64 = 6 * 3600;
/// How far a time may be ahead of the clock before it is another clock's, in seconds.
const AHEAD: i64 = 300;

/// One service at one target, as its schedule sees it.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// When the last backup was begun that was read back.
    pub last: Option<Timestamp>,
    /// What failed since.
    pub failure: Option<&'a FailureV1>,
    pub period_hours: u32,
    /// Anything that differs from host to host and from target to target: it spreads them over
    /// the period.
    pub seed: &'a str,
}

/// Whether a backup is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Now,
    /// Not before this time, by this host's clock.
    At(Timestamp),
}

impl Due {
    /// From when on it is due, by the clock that says `now`.
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Now => now,
            Self::At(at) => at,
        }
    }
}

/// What spreads a host's backups and drills over their periods.
pub fn seed(host: &str, service: &str, target: &str) -> String {
    format!("{host}/{service}@{target}")
}

/// Decides for one service at one target.
///
/// A host's backups have their own place within the period, by the seed, so that thirty hosts do
/// not come to one target at once; the time between two is three quarters to five quarters of the
/// period. What was missed, asleep or off, is made up for once and at once.
pub fn due(past: &Past<'_>, now: Timestamp) -> Due {
    let period = i64::from(past.period_hours.max(1)) * 3600;
    if let Some(failure) = past.failure
        && let Some(until) = patience(failure, period, now)
    {
        return Due::At(until);
    }
    let Some(last) = past.last else { return Due::Now };
    let (last, now) = (last.as_second(), now.as_second());
    // Of a clock that was ahead: how old it really is, nobody can say.
    if last > now + AHEAD {
        return Due::Now;
    }
    let place = place(past.seed, period);
    let earliest = last + period * 3 / 4;
    // The first of this host's places that is not too soon; they are half a period apart, and so
    // at most half a period later.
    let step = (period / 2).max(1);
    let next = earliest + (place - earliest).rem_euclid(step);
    if now >= next { Due::Now } else { at(next) }
}

/// Until when nothing is tried again; `None` if it may be.
fn patience(failure: &FailureV1, period: i64, now: Timestamp) -> Option<Timestamp> {
    let doubled = FIRST_WAIT.saturating_mul(1 << failure.count.saturating_sub(1).min(20));
    let wait = doubled.min(LONGEST_WAIT).min(period / 4);
    let since = now.duration_since(failure.at).as_secs();
    // A failure in the future is of a clock that jumped: it holds nothing up.
    let waiting = (-AHEAD..wait).contains(&since);
    waiting.then(|| now.saturating_add(SignedDuration::from_secs(wait - since)).unwrap_or(now))
}

/// A place within the period, in seconds, always the same for the same seed (FNV-1a).
fn place(seed: &str, period: i64) -> i64 {
    let hash = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    i64::try_from(hash % period.unsigned_abs()).unwrap_or(0)
}

fn at(second: i64) -> Due {
    Timestamp::from_second(second).map_or(Due::Now, Due::At)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400;
    const NOW: i64 = 1_790_000_000;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn past<'a>(last: Option<i64>, failure: Option<&'a FailureV1>, seed: &'a str) -> Past<'a> {
        Past { last: last.map(time), failure, period_hours: 24, seed }
    }

    fn failed(at: i64, count: u32) -> FailureV1 {
        let (service, target) = ("chat".to_owned(), "disk".to_owned());
        FailureV1 { service, target, at: time(at), count, reason: String::new() }
    }

    #[test]
    fn the_first_is_due_at_once() {
        assert_eq!(due(&past(None, None, "a"), time(NOW)), Due::Now);
    }

    #[test]
    fn a_month_asleep_is_made_up_for_once() {
        assert_eq!(due(&past(Some(NOW - 30 * DAY), None, "a"), time(NOW)), Due::Now);
        // It left its evidence: nothing more is due.
        assert!(matches!(due(&past(Some(NOW), None, "a"), time(NOW + 60)), Due::At(_)));
    }

    #[test]
    fn a_clock_that_jumped_costs_one_backup_and_not_a_year_without() {
        // The evidence was left while the clock was a year ahead.
        assert_eq!(due(&past(Some(NOW + 365 * DAY), None, "a"), time(NOW)), Due::Now);
        let failure = failed(NOW + 365 * DAY, 9);
        assert_eq!(due(&past(None, Some(&failure), "a"), time(NOW)), Due::Now);
    }

    #[test]
    fn after_failures_it_waits_longer_each_time_and_never_for_good() {
        let mut waits = Vec::new();
        for count in [1, 2, 3, 40, u32::MAX] {
            let failure = failed(NOW, count);
            let Due::At(until) = due(&past(None, Some(&failure), "a"), time(NOW)) else {
                panic!("it waits");
            };
            waits.push(until.as_second() - NOW);
            assert_eq!(due(&past(None, Some(&failure), "a"), until), Due::Now);
        }
        assert_eq!(waits, [300, 600, 1200, 6 * 3600, 6 * 3600]);
        let failure = failed(NOW, 40);
        let hourly = Past { period_hours: 1, ..past(None, Some(&failure), "a") };
        assert_eq!(due(&hourly, time(NOW)), Due::At(time(NOW + 900)), "within the period");
    }

    #[test]
    fn hosts_are_spread_over_the_period() {
        let mut hours: Vec<i64> = (0..30)
            .map(|host| {
                let seed = format!("host{host}/chat@disk");
                match due(&past(Some(NOW), None, &seed), time(NOW)) {
                    Due::At(next) => (next.as_second() - NOW) / 3600,
                    Due::Now => panic!("too soon"),
                }
            })
            .collect();
        hours.sort_unstable();
        hours.dedup();
        assert!(hours.len() >= 8, "{hours:?}");
    }

    proptest! {
        #[test]
        fn the_next_is_never_far_from_a_period_away(last in 0i64..2_000_000_000, hours in 1u32..2000, seed in ".{0,20}") {
            let past = Past { last: Some(time(last)), failure: None, period_hours: hours, seed: &seed };
            let period = i64::from(hours) * 3600;
            let Due::At(next) = due(&past, time(last)) else { panic!("too soon") };
            let between = next.as_second() - last;
            prop_assert!(between >= period * 3 / 4 && between <= period * 5 / 4, "{between}");
            prop_assert_eq!(due(&past, next), Due::Now);
        }
    }
}
