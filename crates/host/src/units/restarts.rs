//! The count of automatic restarts, seen against what it was up to an hour ago.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How far back counts are remembered, in seconds.
const WINDOW: u64 = 3_600;
/// How far apart remembered counts lie at least, in seconds.
const STEP: u64 = 300;

/// The counts of earlier looks within this boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Past {
    boot: String,
    /// When the first look of this boot was, in seconds since the boot.
    first: Option<u64>,
    /// By unit: seconds since the boot and the count then, oldest first.
    counts: BTreeMap<String, Vec<(u64, u32)>>,
}

impl Past {
    /// Whether nobody has looked since this boot.
    pub(crate) fn first_look(&self, boot: &str) -> bool {
        self.boot != boot || self.first.is_none()
    }

    /// Takes in the counts of this look, and gives for each unit how many restarts fell into the
    /// remembered window and how long that is in seconds. `began` is when systemd started; all
    /// times are in seconds of one clock.
    pub(crate) fn take(
        &mut self,
        boot: &str,
        began: u64,
        now: u64,
        counts: &BTreeMap<String, u32>,
    ) -> BTreeMap<String, (u32, u64)> {
        if self.boot != boot || self.first.is_some_and(|first| first > now) {
            *self = Self { boot: boot.to_owned(), ..Self::default() };
        }
        let first = *self.first.get_or_insert(now);
        self.counts.retain(|unit, _| counts.contains_key(unit));
        let mut recent = BTreeMap::new();
        for (unit, count) in counts {
            let past = self.counts.entry(unit.clone()).or_default();
            // A lower count than before means that the service was started afresh.
            if past.last().is_some_and(|(_, before)| before > count) {
                past.clear();
                past.push((now, 0));
            }
            // A unit that was not there at an earlier look had no restarts then.
            if past.is_empty() && first < now {
                past.push((first.max(now.saturating_sub(WINDOW)), 0));
            }
            // Of those older than the window the youngest stays: it is the count at its start.
            while past.len() > 1 && now.saturating_sub(past[1].0) >= WINDOW {
                past.remove(0);
            }
            let (since, base) = past.first().copied().unwrap_or((began, 0));
            recent
                .insert(unit.clone(), (count - base.min(*count), now.saturating_sub(since).max(1)));
            if past.last().is_none_or(|(at, _)| now.saturating_sub(*at) >= STEP) {
                past.push((now, *count));
            }
        }
        recent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(count: u32) -> BTreeMap<String, u32> {
        BTreeMap::from([("a.service".to_owned(), count)])
    }

    #[test]
    fn the_first_look_takes_the_whole_uptime() {
        let mut past = Past::default();
        assert_eq!(past.take("b", 100, 5_100, &counts(7))["a.service"], (7, 5_000));
    }

    #[test]
    fn later_looks_count_within_the_hour() {
        let mut past = Past::default();
        past.take("b", 0, 1_000, &counts(7));
        assert_eq!(past.take("b", 0, 1_060, &counts(9))["a.service"], (2, 60));
        for minute in 2..200 {
            past.take("b", 0, 1_000 + minute * 60, &counts(9));
        }
        let (count, window) = past.take("b", 0, 13_000, &counts(10))["a.service"];
        assert_eq!(count, 1);
        assert!((WINDOW..WINDOW + STEP + 60).contains(&window), "{window}");
        assert!(past.counts["a.service"].len() < 16);
    }

    #[test]
    fn a_fresh_start_and_a_boot_forget() {
        let mut past = Past::default();
        past.take("b", 0, 1_000, &counts(7));
        assert_eq!(past.take("b", 0, 1_100, &counts(2))["a.service"].0, 2);
        assert_eq!(past.take("c", 0, 50, &counts(1))["a.service"], (1, 50));
    }
}
