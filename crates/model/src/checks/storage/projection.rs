//! When something that grows will be full.
//!
//! Leaves out what growing thing it is.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::reading::Window;
use crate::trend::Trend;

const HOUR: i64 = 3_600;

/// How far back the history counts, in seconds.
const LONGEST: i64 = 7 * 24 * HOUR;

/// How much history a projection needs at least, in seconds.
const SHORTEST: i64 = 6 * HOUR;

/// A projection reaches this many times as far as the history it stands on: six hours tell of two
/// days, 21 hours of a week.
const REACH: f64 = 8.0;

/// The share of pairs that must rise for it to be called growth.
const RISING: f64 = 0.6;

/// A fail or a warning, by the time that is left.
pub(super) const FAIL: u64 = 2 * 24 * 3_600;
pub(super) const WARN: u64 = 7 * 24 * 3_600;

/// Seconds until `available` is used up at the pace of the last seven days; `None` if it does not
/// grow, or the history is too short to say.
pub(super) fn until_full(windows: &[Window], available: u64, now: Timestamp) -> Option<u64> {
    let epoch = windows.last()?.epoch;
    let start = now.as_second() - LONGEST;
    // One point an hour, the latest: a trend takes the square of its points.
    let mut points: BTreeMap<i64, f64> = BTreeMap::new();
    for window in windows.iter().rev() {
        if window.epoch != epoch || window.at.as_second() < start {
            break;
        }
        points.entry(window.at.as_second().div_euclid(HOUR)).or_insert(window.mean);
    }
    let span = (points.keys().next_back()? - points.keys().next()?) * HOUR;
    if span < SHORTEST {
        return None;
    }
    let points: Vec<(f64, f64)> =
        points.into_iter().map(|(hour, value)| ((hour * HOUR) as f64, value)).collect();
    let trend = Trend::of(&points)?;
    if trend.slope <= 0.0 || trend.rising < RISING {
        return None;
    }
    let seconds = available as f64 / trend.slope;
    (seconds <= span as f64 * REACH).then_some(seconds as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000_000;

    fn windows(hours: i64, value: impl Fn(i64) -> f64) -> Vec<Window> {
        (0..hours)
            .map(|hour| {
                let at = Timestamp::from_second(NOW - (hours - 1 - hour) * HOUR).unwrap();
                Window::raw(at, 1, value(hour))
            })
            .collect()
    }

    fn until(windows: &[Window], available: u64) -> Option<u64> {
        until_full(windows, available, Timestamp::from_second(NOW).unwrap())
    }

    #[test]
    fn steady_growth_is_projected_as_far_as_history_allows() {
        let grows = windows(7, |hour| hour as f64 * 100.0);
        assert_eq!(until(&grows, 4_000), Some(40 * 3_600));
        assert_eq!(until(&grows, 10_000), None);
        assert_eq!(until(&windows(48, |hour| hour as f64 * 100.0), 10_000), Some(100 * 3_600));
    }

    #[test]
    fn what_is_short_level_or_swings_is_not_projected() {
        assert_eq!(until(&[], 1), None);
        assert_eq!(until(&windows(5, |hour| hour as f64), 1), None);
        assert_eq!(until(&windows(48, |_| 7.0), 1), None);
        assert_eq!(until(&windows(48, |hour| -hour as f64), 1), None);
        assert_eq!(until(&windows(48, |hour| (hour % 2) as f64), 1), None);
    }

    #[test]
    fn another_disk_in_its_place_starts_afresh() {
        let mut grows = windows(48, |hour| hour as f64 * 100.0);
        for window in &mut grows[..45] {
            window.epoch = 0;
        }
        assert_eq!(until(&grows, 100), None);
    }

    #[test]
    fn one_large_download_is_no_trend() {
        let jump = windows(48, |hour| if hour < 30 { 0.0 } else { 5_000.0 });
        assert_eq!(until(&jump, 1_000), None);
    }
}
