//! The rule on growth: a trend of hourly minima, and when it meets a limit.

use std::collections::BTreeMap;

use crate::facts::memory::UNIT_SERIES;
use crate::facts::memory::unit::UnitMemory;
use crate::reading::Window;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::{bytes, counted, span};
use crate::trend::Trend;
use crate::verdict::Finding;

/// The shortest history that shows a trend, in hours: a day's ebb and flow must be in it.
const SHORTEST: i64 = 24;
/// The longest history that is looked at, in hours: what was before is past.
const LONGEST: i64 = 72;
/// The fewest hours with readings.
const HOURS: usize = 18;
/// The smallest share of rising pairs.
const RISING: f64 = 0.7;
/// Limits that are met sooner than this, in hours, are told; sooner than that, at once.
const SOON: f64 = 72.0;
const AT_ONCE: f64 = 24.0;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let memory = &scene.facts.memory;
    let units = match &memory.units {
        Seen::Seen(units) => units,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let available = memory.sizes.seen().map(|sizes| sizes.available_bytes);
    let (mut long, mut longest) = (0, 0);
    let mut findings = Vec::new();
    for unit in units {
        let series = Series::of(scene.history.of(UNIT_SERIES, &unit.name), unit.epoch);
        longest = longest.max(series.seconds);
        if series.long_enough() {
            long += 1;
            findings.extend(finding(unit, &series, available));
        }
    }
    if long == 0 {
        let reason = if units.is_empty() {
            "no running service's memory can be read".to_owned()
        } else if longest == 0 {
            format!("no readings of {} yet; a trend needs 24 h", counted(units.len(), "service"))
        } else {
            format!(
                "only {} of readings since any of {} was started; a trend needs 24 h",
                span(longest),
                counted(units.len(), "service")
            )
        };
        return vec![Finding::unknown("host", reason)];
    }
    if findings.is_empty() {
        let young = match units.len() - long {
            0 => String::new(),
            count => format!("; {count} more were started less than 24 h of readings ago"),
        };
        findings.push(Finding::pass(
            "host",
            format!(
                "none of {} grows towards a limit within 72 h{young}",
                counted(long, "service")
            ),
        ));
    }
    findings
}

/// The hourly minima of one unit since its start.
struct Series {
    /// Hours since 1970 and bytes.
    minima: Vec<(f64, f64)>,
    /// From the first reading to the last.
    seconds: u64,
}

impl Series {
    fn of(windows: &[Window], epoch: u64) -> Self {
        let same = windows.iter().rev().take_while(|window| window.epoch == epoch);
        let mut minima: BTreeMap<i64, f64> = BTreeMap::new();
        let (mut first, mut last) = (None, None);
        for window in same {
            let second = window.at.as_second();
            let last = *last.get_or_insert(second);
            if last - second > LONGEST * 3_600 {
                break;
            }
            first = Some(second);
            minima
                .entry(second.div_euclid(3_600))
                .and_modify(|least| *least = least.min(window.min))
                .or_insert(window.min);
        }
        let seconds = last.zip(first).map_or(0, |(last, first)| last - first);
        Self {
            minima: minima.into_iter().map(|(hour, least)| (hour as f64, least)).collect(),
            seconds: u64::try_from(seconds).unwrap_or(0),
        }
    }

    /// Whether they tell a trend. The last hour is counted from its start, so one is given.
    fn long_enough(&self) -> bool {
        self.minima.len() >= HOURS && self.seconds >= (SHORTEST as u64 - 1) * 3_600
    }
}

fn finding(unit: &UnitMemory, series: &Series, available: Option<u64>) -> Option<Finding> {
    let trend = Trend::of(&series.minima)?;
    // A cache that has filled up rose in the first half only.
    let lately = Trend::of(&series.minima[series.minima.len() / 2..])?;
    let slope = trend.slope.min(lately.slope);
    if slope <= 0.0 || trend.rising < RISING {
        return None;
    }
    let own = unit.limit_bytes.map(|limit| (limit.saturating_sub(unit.bytes), Some(limit)));
    let (room, limit) =
        own.into_iter().chain(available.map(|room| (room, None))).min_by_key(|(room, _)| *room)?;
    let hours = room as f64 / slope;
    if hours >= SOON {
        return None;
    }
    let (_, first) = series.minima.first()?;
    let goal = match limit {
        Some(limit) => format!("reaches its limit of {}", bytes(limit)),
        None => format!("takes all {} available", bytes(room)),
    };
    let evidence = format!(
        "grew from {} to {} in {}, {} an hour; at this rate it {goal} in {}",
        bytes(*first as u64),
        bytes(unit.bytes),
        span(series.seconds),
        bytes(slope as u64),
        span((hours * 3_600.0) as u64),
    );
    let name = &unit.name;
    let finding =
        if hours < AT_ONCE { Finding::fail(name, evidence) } else { Finding::warn(name, evidence) };
    Some(finding.fix(format!(
        "systemctl restart '{name}' at a quiet hour; bound it: systemctl set-property '{name}' MemoryMax=…"
    )))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::facts::memory::Sizes;
    use crate::facts::memory::unit::Source;
    use crate::reading::{History, Meter};
    use crate::verdict::Verdict;

    const MIB: f64 = 1_048_576.0;
    const GIB: u64 = 1 << 30;

    fn unit(megabytes: f64, limit_bytes: Option<u64>) -> UnitMemory {
        UnitMemory {
            name: "leak.service".to_owned(),
            bytes: (megabytes * MIB) as u64,
            limit_bytes,
            kills: None,
            source: Source::Unified,
            epoch: 1,
        }
    }

    /// Judges readings of (minute, epoch, MiB) of a unit on a machine with 8 GiB available.
    fn judged(readings: &[(i64, u64, f64)], limit: Option<u64>) -> Vec<Finding> {
        let windows = readings.iter().map(|(minute, epoch, megabytes)| {
            let at = Timestamp::from_second(1_700_000_000 + minute * 60).unwrap();
            Window::raw(at, *epoch, megabytes * MIB)
        });
        let meter = Meter::new(UNIT_SERIES, "leak.service");
        let history = History::new(BTreeMap::from([(meter, windows.collect())]));
        let mut facts = Facts::default();
        let last = readings.last().map_or(100.0, |reading| reading.2);
        facts.memory.units = Seen::Seen(vec![unit(last, limit)]);
        facts.memory.sizes = Seen::Seen(Sizes {
            available_bytes: 8 * GIB,
            total_bytes: 16 * GIB,
            ..Sizes::default()
        });
        let scene =
            Scene { facts: &facts, history: &history, plan: None, now: Timestamp::UNIX_EPOCH };
        judge(&scene)
    }

    fn hours(count: i64, megabytes: impl Fn(i64) -> f64) -> Vec<(i64, u64, f64)> {
        (0..count * 6).map(|step| (step * 10, 1, megabytes(step))).collect()
    }

    #[test]
    fn a_leak_towards_its_limit_is_told() {
        // 20 MiB an hour with a spike each hour; 600 MiB after 30 h, 424 MiB below the limit.
        let leak =
            hours(30, |step| step as f64 * 20.0 / 6.0 + if step % 6 == 3 { 90.0 } else { 0.0 });
        let findings = judged(&leak, Some(GIB));
        assert_eq!((findings.len(), findings[0].verdict), (1, Verdict::Fail));
        assert_eq!(findings[0].subject, "leak.service");
        assert!(findings[0].evidence.contains("20.0 MiB an hour"), "{}", findings[0].evidence);
        assert_eq!(judged(&leak, Some(GIB * 7 / 4))[0].verdict, Verdict::Warn);
        // Without a limit of its own there is room for 8 GiB: 17 days.
        assert_eq!(judged(&leak, None)[0].verdict, Verdict::Pass);
    }

    #[test]
    fn less_than_a_day_is_unknown() {
        let finding = &judged(&hours(20, |step| step as f64), Some(GIB))[0];
        assert_eq!(finding.verdict, Verdict::Unknown);
        assert!(finding.evidence.contains("a trend needs 24 h"), "{}", finding.evidence);
        assert_eq!(judged(&[], Some(GIB))[0].verdict, Verdict::Unknown);
    }

    #[test]
    fn a_restart_begins_anew() {
        let mut leak = hours(30, |step| step as f64 * 20.0 / 6.0);
        for reading in &mut leak[..60] {
            reading.1 = 9;
        }
        assert_eq!(judged(&leak, Some(GIB))[0].verdict, Verdict::Unknown);
    }

    #[test]
    fn hourly_windows_of_one_day_are_enough() {
        let leak: Vec<_> = (0..24).map(|hour| (hour * 60, 1, hour as f64 * 20.0)).collect();
        assert_eq!(judged(&leak, Some(GIB))[0].verdict, Verdict::Warn);
    }

    #[test]
    fn ebb_and_flow_and_a_warm_cache_are_no_leak() {
        let tide =
            hours(48, |step| 500.0 + 300.0 * (step as f64 / 144.0 * std::f64::consts::TAU).sin());
        assert_eq!(judged(&tide, Some(GIB))[0].verdict, Verdict::Pass);
        let warm = hours(30, |step| 800.0 * (1.0 - (-step as f64 / 12.0).exp()));
        assert_eq!(judged(&warm, Some(GIB))[0].verdict, Verdict::Pass);
        let full = hours(30, |step| (step as f64 * 12.0).min(900.0));
        assert_eq!(judged(&full, Some(GIB))[0].verdict, Verdict::Pass);
        let still = hours(30, |_| 1_020.0);
        assert_eq!(judged(&still, Some(GIB))[0].verdict, Verdict::Pass);
    }
}
