//! One template's counts and its rate.

use serde::{Deserialize, Serialize};

use crate::facts::logs::{Novelty, Template, moment};

/// A rate is judged against at least so many hours.
pub const BASELINE: u64 = 6;
/// Fewer lines within an hour are never a burst.
const FLOOR: u64 = 30;
/// A burst has so many times the mean.
const TIMES: f64 = 10.0;
/// And so many times the busiest hour so far: a nightly job is no burst.
const TIMES_PEAK: f64 = 3.0;
/// The mean follows the last two days or so.
const MEMORY: f64 = 48.0;
/// The busiest hour counts half after a week's worth of hours.
const PEAK_HALVES: f64 = 168.0;
/// So many bursts make a habit.
const HABIT: u8 = 3;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Tally {
    pub source: String,
    /// Empty if unknown, or the source.
    #[serde(skip_serializing_if = "String::is_empty")]
    unit: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    program: String,
    text: String,
    /// Empty if it is the same as the text.
    #[serde(skip_serializing_if = "String::is_empty")]
    sample: String,
    priority: u8,
    /// No line came from elsewhere than a starting machine's kernel.
    starting: bool,
    count: u64,
    /// Times are microseconds since 1970.
    first: u64,
    last: u64,
    /// The number of the last such line among all lines: what has the lowest is dropped first.
    pub seen: u64,
    /// Hours are counted as the folder does: only those that had lines.
    first_hour: u64,
    hour: u64,
    in_hour: u64,
    mean: f64,
    peak: f64,
    run: u64,
    in_run: u64,
    /// The run in which it was new.
    #[serde(skip_serializing_if = "Option::is_none")]
    new_in: Option<u64>,
    /// A burst was told and has not calmed yet; holds the mean before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    bursting: Option<f64>,
    /// The last burst that was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<Burst>,
    bursts: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Burst {
    run: u64,
    hour: u64,
    /// A time within the hour, a label.
    at: u64,
    count: u64,
    before: f64,
}

impl Tally {
    pub(super) fn new(
        source: &str,
        text: &str,
        sample: String,
        at: u64,
        hour: u64,
        new_in: Option<u64>,
    ) -> Self {
        Self {
            source: source.to_owned(),
            text: text.to_owned(),
            sample: if sample == text { String::new() } else { sample },
            priority: 7,
            starting: true,
            first: at,
            last: at,
            first_hour: hour,
            hour,
            new_in,
            ..Self::default()
        }
    }

    /// Counts one more line in the folder's hour `hour`; `line` is its number among all. A burst
    /// is told in `run`, or in none while nothing is judged yet.
    pub(super) fn count(&mut self, at: u64, priority: u8, hour: u64, line: u64, run: u64) {
        self.roll(hour);
        self.count += 1;
        self.in_hour += 1;
        self.in_run = if self.run == run { self.in_run + 1 } else { 1 };
        self.run = run;
        self.seen = line;
        self.priority = self.priority.min(priority);
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        if let Some(told) = self.told.as_mut().filter(|told| told.hour == hour) {
            told.count = self.in_hour;
        }
    }

    /// Notes who sent the last line, as far as it is known.
    pub(super) fn note(&mut self, unit: &str, program: &str, starting: bool) {
        for (known, name) in [(&mut self.unit, unit), (&mut self.program, program)] {
            if !name.is_empty() && name != self.source && known != name {
                name.clone_into(known);
            }
        }
        self.starting &= starting;
    }

    /// Notes a burst if there is one that was not noted yet, and tells it in `run`.
    pub(super) fn judge(&mut self, run: Option<u64>, at: u64) {
        if self.bursting.is_some() || !self.bursts() {
            return;
        }
        self.bursting = Some(self.mean);
        self.bursts = self.bursts.saturating_add(1);
        if let Some(run) = run {
            let (hour, count, before) = (self.hour, self.in_hour, self.mean);
            self.told = Some(Burst { run, hour, at, count, before });
        }
    }

    #[cfg(test)]
    pub(super) const fn count_in_all(&self) -> u64 {
        self.count
    }

    fn bursts(&self) -> bool {
        let count = self.in_hour as f64;
        self.in_hour >= FLOOR
            && self.hour - self.first_hour >= BASELINE
            && count >= TIMES * self.mean
            && count >= TIMES_PEAK * self.peak
    }

    /// Closes the hours before `hour`.
    pub(super) fn roll(&mut self, hour: u64) {
        if hour <= self.hour {
            return;
        }
        let count = self.in_hour as f64;
        let (closed, empty) = (self.hour + 1 - self.first_hour, hour - self.hour - 1);
        let goes_on = self.in_hour >= FLOOR
            && empty == 0
            && self.bursting.is_some_and(|before| count >= TIMES * before);
        if self.bursting.is_none() || self.bursts >= HABIT {
            self.peak = self.peak.max(count);
        }
        if !goes_on {
            self.bursting = None;
        }
        self.learn(closed, count);
        for step in 1..=empty.min(500) {
            self.learn(closed + step, 0.0);
        }
        self.peak *= 0.5_f64.powf((empty + 1) as f64 / PEAK_HALVES);
        self.hour = hour;
        self.in_hour = 0;
    }

    /// The mean over all hours at first, then a moving one.
    fn learn(&mut self, hours: u64, count: f64) {
        self.mean += (count - self.mean) / (hours as f64).clamp(1.0, MEMORY);
    }

    pub(super) fn template(&self, run: u64) -> Template {
        let told = self.told.as_ref().filter(|told| told.run == run);
        Template {
            source: self.source.clone(),
            unit: self.unit.clone(),
            program: self.program.clone(),
            text: self.text.clone(),
            sample: if self.sample.is_empty() { &self.text } else { &self.sample }.clone(),
            priority: self.priority,
            count: self.count,
            in_run: if self.run == run { self.in_run } else { 0 },
            first: moment(self.first),
            last: moment(self.last),
            per_hour: if self.hour > self.first_hour { self.mean } else { self.in_hour as f64 },
            starting: self.starting,
            novelty: match told {
                _ if self.new_in == Some(run) => Novelty::New,
                Some(told) => Novelty::Burst {
                    hour: moment(told.at / 3_600_000_000 * 3_600_000_000),
                    count: told.count,
                    before: told.before,
                },
                None => Novelty::Known,
            },
        }
    }
}
