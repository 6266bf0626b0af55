//! Folding readings into windows of an hour or a day, and which of them to fold or forget.
//!
//! Leaves out where they are kept. What counts as old is told by the order in which windows were
//! written and by how many there are, not by a clock that may jump.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::reading::{Meter, Window};

/// An hour, in seconds.
pub const HOUR: u32 = 3_600;
/// A day (of UTC), in seconds.
pub const DAY: u32 = 86_400;

/// Where the window of this length that holds `at` starts.
pub fn start(at: Timestamp, seconds: u32) -> Timestamp {
    let length = i64::from(seconds);
    let whole = at.as_microsecond().div_euclid(1_000_000).div_euclid(length) * length;
    Timestamp::from_second(whole).unwrap_or(Timestamp::MIN)
}

/// Folds windows into longer ones, one for each start and epoch, oldest first.
///
/// The mean is weighted by count and rounded to seven digits, which halves what is stored.
pub fn fold(windows: &[Window], seconds: u32) -> Vec<Window> {
    let mut folded: Vec<Window> = Vec::new();
    let mut places: BTreeMap<(Timestamp, u64), usize> = BTreeMap::new();
    for window in windows {
        let at = start(window.at, seconds);
        match places.get(&(at, window.epoch)) {
            Some(place) => folded[*place] = joined(&folded[*place], window),
            None => {
                places.insert((at, window.epoch), folded.len());
                folded.push(Window { at, ..*window });
            }
        }
    }
    folded.sort_by_key(|window| window.at);
    folded
}

fn joined(a: &Window, b: &Window) -> Window {
    let (many, more) = (f64::from(a.count), f64::from(b.count));
    let (min, max) = (a.min.min(b.min), a.max.max(b.max));
    let share = more / (many + more).max(1.0);
    // In this form the sum of two huge means cannot overflow.
    let mean = a.mean * (1.0 - share) + b.mean * share;
    let short = f64::from(mean as f32);
    let mean = if short.is_finite() { short } else { mean };
    Window { count: a.count.saturating_add(b.count), min, max, mean: mean.max(min).min(max), ..*a }
}

/// Folds all that is known of several meters; each meter once, in order.
pub fn fold_meters(
    parts: impl IntoIterator<Item = (Meter, Vec<Window>)>,
    seconds: u32,
) -> Vec<(Meter, Vec<Window>)> {
    let mut all: BTreeMap<Meter, Vec<Window>> = BTreeMap::new();
    for (meter, windows) in parts {
        all.entry(meter).or_default().extend(windows);
    }
    all.into_iter()
        .map(|(meter, mut windows)| {
            windows.sort_by_key(|window| window.at);
            let folded = fold(&windows, seconds);
            (meter, folded)
        })
        .collect()
}

/// Which days' hours to fold into a day: all but the `keep` days written to last.
///
/// `hours` are the starts of the kept hours, in the order in which they were written.
pub fn days_to_fold(hours: &[Timestamp], keep: usize) -> Vec<Timestamp> {
    let mut recent = BTreeSet::new();
    let mut old = BTreeSet::new();
    for hour in hours.iter().rev() {
        let day = start(*hour, DAY);
        if recent.contains(&day) {
            continue;
        }
        if recent.len() < keep {
            recent.insert(day)
        } else {
            old.insert(day)
        };
    }
    old.into_iter().collect()
}

/// Which days to forget: all but the `keep` last written.
///
/// `days` are the starts of the kept days, in the order in which they were written.
pub fn days_to_forget(days: &[Timestamp], keep: usize) -> Vec<Timestamp> {
    days[..days.len().saturating_sub(keep)].to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_restart_starts_a_window_of_its_own() {
        let raw = [
            Window::raw(at(10), 1, 4.0),
            Window::raw(at(20), 1, 8.0),
            Window::raw(at(30), 2, 1.0),
            Window::raw(at(3_600), 2, 2.0),
        ];
        let folded = fold(&raw, HOUR);
        assert_eq!(folded.len(), 3);
        assert_eq!(
            folded[0],
            Window { at: at(0), epoch: 1, count: 2, min: 4.0, max: 8.0, mean: 6.0 }
        );
        assert_eq!(folded[1], Window { at: at(0), ..Window::raw(at(0), 2, 1.0) });
        assert_eq!(folded[2].at, at(3_600));
    }

    #[test]
    fn windows_before_1970_start_before_their_readings() {
        assert_eq!(start(at(-1), HOUR), at(-3_600));
        assert_eq!(start(at(7_199), HOUR), at(3_600));
    }

    #[test]
    fn a_clock_that_was_once_far_ahead_pushes_nothing_out() {
        let day = i64::from(DAY);
        let hours = [at(900 * day), at(day), at(2 * day), at(3 * day)];
        assert_eq!(days_to_fold(&hours, 2), [at(day), at(900 * day)]);
        assert_eq!(days_to_fold(&hours, 9), []);
        assert_eq!(days_to_forget(&[at(0), at(day)], 1), [at(0)]);
        assert_eq!(days_to_forget(&[at(0)], 5), []);
    }

    proptest! {
        #[test]
        fn folding_keeps_count_bounds_and_mean(
            raw in prop::collection::vec((0i64..40_000, 0u64..3, -1e6f64..1e6), 1..60)
        ) {
            let windows: Vec<Window> =
                raw.iter().map(|(second, epoch, value)| Window::raw(at(*second), *epoch, *value)).collect();
            let folded = fold(&windows, HOUR);
            prop_assert_eq!(folded.iter().map(|w| w.count).sum::<u32>() as usize, raw.len());
            for window in &folded {
                prop_assert!(window.min <= window.mean && window.mean <= window.max);
                let own: Vec<f64> = windows
                    .iter()
                    .filter(|w| start(w.at, HOUR) == window.at && w.epoch == window.epoch)
                    .map(|w| w.mean)
                    .collect();
                let mean = own.iter().sum::<f64>() / own.len() as f64;
                prop_assert!((mean - window.mean).abs() <= 1.0 + mean.abs() * 1e-5);
                prop_assert_eq!(own.len(), window.count as usize);
            }
            // Folding in two steps loses none either.
            let days = fold(&folded, DAY);
            prop_assert_eq!(days.iter().map(|w| w.count).sum::<u32>() as usize, raw.len());
        }
    }
}
