//! Folds log lines into templates, and knows which are new and which come ten times as often.
//!
//! Leaves out where lines come from. Times are labels of the host's own clock; what "an hour
//! before" means is counted in hours that had lines, so a machine that was off, or a clock that
//! jumps, makes nothing look rare or frequent.

mod tally;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::facts::logs::{Digest, Novelty, Template, moment};
pub use crate::folder::tally::BASELINE;
use crate::folder::tally::Tally;
use crate::template;

/// How many templates a digest shows.
pub const MOST: usize = 200;
/// How many templates are kept; when there are more, those not seen for longest go.
const KEPT: usize = 1_500;
/// How many go at once.
const DROPPED: usize = 75;
/// How many templates one source may have before its lines are folded more coarsely, so that one
/// talker does not push out the rest.
const PER_SOURCE: usize = 250;
/// How many of the coarse ones it may have.
const COARSE: usize = 50;
/// How many forgotten templates are still recognised.
const RECOGNISED: usize = 3_000;

/// One line of a log.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Microseconds since 1970, by the host's clock.
    pub at: u64,
    /// Under which name it is folded: a unit or a program, the same for all lines of one sender.
    pub source: &'a str,
    /// The unit it comes from and the program, as far as they are known; else empty.
    pub unit: &'a str,
    pub program: &'a str,
    /// As syslog counts; 6 (info) where the sender did not say.
    pub priority: u8,
    /// The kind of message, where the sender says so.
    pub message_id: Option<&'a str>,
    /// The kernel wrote it while the machine started.
    pub starting: bool,
    pub text: &'a [u8],
}

/// The templates known so far, with their counts and rates.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Folder {
    templates: BTreeMap<u64, Tally>,
    /// Keys of templates that were dropped, oldest first.
    dropped: VecDeque<u64>,
    forgotten: u64,
    lines: u64,
    first: Option<u64>,
    /// The hour of the last line, since 1970.
    hour: u64,
    /// How many hours had lines.
    hours: u64,
    run: u64,
    lines_in_run: u64,
    learned: bool,
    /// How many templates each source has; derived, and built when first needed.
    #[serde(skip)]
    sources: HashMap<String, usize>,
    /// Names of sources as they come, and masked.
    #[serde(skip)]
    names: HashMap<String, Arc<str>>,
    #[serde(skip)]
    text: String,
}

impl Folder {
    /// Starts a run: what was new in the last one is known in this.
    pub fn begin(&mut self) {
        self.run += 1;
        self.lines_in_run = 0;
        self.sources.clear();
        for tally in self.templates.values() {
            *self.sources.entry(tally.source.clone()).or_default() += 1;
        }
    }

    /// Whether the journal's end has not been reached yet, so that nothing can be called new.
    pub const fn learning(&self) -> bool {
        !self.learned
    }

    /// How many lines were folded in all.
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// The end of the journal was reached: from now on what was not seen is new.
    pub fn reached_end(&mut self) {
        if !self.learned {
            self.learned = true;
            for tally in self.templates.values_mut() {
                // A burst that goes on now was there before anything was judged.
                tally.judge(None, 0);
            }
        }
    }

    pub fn fold(&mut self, line: &Line<'_>) {
        self.lines += 1;
        self.lines_in_run += 1;
        let first = self.first.get_or_insert(line.at);
        *first = (*first).min(line.at);
        self.advance(line.at);

        let mut text = std::mem::take(&mut self.text);
        template::mask(line.text, &mut text);
        let source = self.name(line.source);
        let [unit, program] = [line.unit, line.program]
            .map(|name| if name == line.source { Arc::from("") } else { self.name(name) });
        let mut key = match line.message_id {
            Some(id) => hash(&source, id),
            None => hash(&source, &text),
        };
        if !self.templates.contains_key(&key) {
            key = self.admit(key, &source, &mut text, line);
        }
        if let Some(tally) = self.templates.get_mut(&key) {
            tally.note(&unit, &program, line.starting);
            tally.count(line.at, line.priority, self.hours, self.lines, self.run);
            if self.learned {
                tally.judge(Some(self.run), line.at);
            }
        }
        self.text = text;
    }

    /// The digest of this run, without what only the reader knows.
    pub fn digest(&self) -> Digest {
        let mut templates: Vec<(bool, Template)> = self
            .templates
            .values()
            .map(|tally| {
                let mut tally = tally.clone();
                tally.roll(self.hours);
                let template = tally.template(self.run);
                (template.novelty == Novelty::Known, template)
            })
            .collect();
        templates.sort_by(|(a_known, a), (b_known, b)| {
            a_known
                .cmp(b_known)
                .then(a.priority.cmp(&b.priority))
                .then(b.last.cmp(&a.last))
                .then_with(|| a.text.cmp(&b.text))
        });
        let count = |rule: fn(&Novelty) -> bool| {
            templates.iter().filter(|(_, template)| rule(&template.novelty)).count()
        };
        Digest {
            read_from: self.first.map(moment),
            lines: self.lines_in_run,
            lines_in_all: self.lines,
            hours: self.hours,
            learning: self.learning(),
            known: self.templates.len(),
            forgotten: self.forgotten,
            new: count(|novelty| matches!(novelty, Novelty::New)),
            bursts: count(|novelty| matches!(novelty, Novelty::Burst { .. })),
            templates: templates.into_iter().take(MOST).map(|(_, template)| template).collect(),
            ..Digest::default()
        }
    }

    /// Moves on to the hour of a line. A line from shortly before the turn of the hour counts to
    /// the hour now; one from long before means that the clock was set back, which is a new hour.
    fn advance(&mut self, at: u64) {
        let hour = at / 3_600_000_000;
        if self.hours == 0 || hour > self.hour || hour + 1 < self.hour {
            self.hour = hour;
            self.hours += 1;
        }
    }

    fn name(&mut self, source: &str) -> Arc<str> {
        if let Some(name) = self.names.get(source) {
            return Arc::clone(name);
        }
        let mut name = String::new();
        template::source(source, &mut name);
        if self.names.len() > 1_000 {
            self.names.clear();
        }
        let name: Arc<str> = name.into();
        self.names.insert(source.to_owned(), Arc::clone(&name));
        name
    }

    /// Makes room for a template that is not kept, and gives the key under which it is now.
    fn admit(&mut self, mut key: u64, source: &str, text: &mut String, line: &Line<'_>) -> u64 {
        let mut of_source = self.sources.get(source).copied().unwrap_or(0);
        if of_source >= PER_SOURCE {
            let coarse = if of_source < PER_SOURCE + COARSE { coarse(text) } else { String::new() };
            *text = format!("{coarse}…");
            key = hash(source, text);
            if self.templates.contains_key(&key) {
                return key;
            }
        }
        if self.templates.len() >= KEPT {
            self.drop_oldest();
            of_source = self.sources.get(source).copied().unwrap_or(0);
        }
        let recognised = self.dropped.contains(&key);
        let new = self.learned && !recognised;
        let sample = template::sample(line.text);
        let tally = Tally::new(source, text, sample, line.at, self.hours, new.then_some(self.run));
        self.templates.insert(key, tally);
        self.sources.insert(source.to_owned(), of_source + 1);
        key
    }

    fn drop_oldest(&mut self) {
        let mut ages: Vec<(u64, u64)> =
            self.templates.iter().map(|(key, tally)| (tally.seen, *key)).collect();
        ages.sort_unstable();
        for (_, key) in ages.into_iter().take(DROPPED) {
            if let Some(tally) = self.templates.remove(&key) {
                self.forgotten += 1;
                self.dropped.push_back(key);
                if let Some(count) = self.sources.get_mut(&tally.source) {
                    *count = count.saturating_sub(1);
                }
            }
        }
        while self.dropped.len() > RECOGNISED {
            self.dropped.pop_front();
        }
        self.sources.retain(|_, count| *count > 0);
    }
}

/// The first words of a template.
fn coarse(text: &str) -> String {
    text.split_whitespace().take(3).map(|word| format!("{word} ")).collect()
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo), which stays the same from version to version. A clash
/// would hide one template behind another of the same source; nothing else rests on it.
fn hash(source: &str, text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in source.bytes().chain([0]).chain(text.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::logs::Novelty;

    const HOUR: u64 = 3_600_000_000;
    /// Some full hour in 2026.
    const START: u64 = 495_000 * HOUR;

    fn line(at: u64, text: &str) -> Line<'_> {
        Line {
            at,
            source: "a.service",
            unit: "",
            program: "",
            priority: 6,
            message_id: None,
            starting: false,
            text: text.as_bytes(),
        }
    }

    /// Folds `count` lines into the hour `hour` after the start.
    fn lines(folder: &mut Folder, hour: u64, count: u64, text: &str) {
        for number in 0..count {
            folder.fold(&line(START + hour * HOUR + number, text));
        }
    }

    /// A folder that has learned `each` lines in each of `hours` hours.
    fn learned(hours: u64, each: u64) -> Folder {
        let mut folder = Folder::default();
        folder.begin();
        for hour in 0..hours {
            lines(&mut folder, hour, each, "tick 1");
        }
        folder.reached_end();
        folder
    }

    /// One run over `count` lines in one hour; the novelty it tells.
    fn run(folder: &mut Folder, hour: u64, count: u64) -> Novelty {
        folder.begin();
        lines(folder, hour, count, "tick 1");
        let digest = folder.digest();
        assert_eq!(digest.templates.len(), 1);
        digest.templates[0].novelty.clone()
    }

    #[test]
    fn nothing_is_new_while_learning() {
        let folder = learned(1, 5);
        let digest = folder.digest();
        assert_eq!((digest.new, digest.known, digest.lines_in_all), (0, 1, 5));
        assert_eq!(digest.templates[0].novelty, Novelty::Known);
    }

    #[test]
    fn what_is_new_is_told_in_one_run() {
        let mut folder = learned(1, 5);
        folder.begin();
        folder.fold(&line(START, "never seen 7"));
        folder.fold(&line(START, "never seen 8"));
        let digest = folder.digest();
        assert_eq!((digest.new, digest.known), (1, 2));
        assert_eq!(digest.templates[0].novelty, Novelty::New);
        assert_eq!(
            (digest.templates[0].count, &digest.templates[0].sample[..]),
            (2, "never seen 7")
        );
        folder.begin();
        folder.fold(&line(START, "never seen 9"));
        assert_eq!(folder.digest().new, 0);
    }

    #[test]
    fn ten_thousand_lines_are_one_template() {
        let mut folder = Folder::default();
        folder.begin();
        for number in 0..10_000_u64 {
            folder
                .fold(&line(START + number, &format!("request {number} took {} ms", number % 977)));
        }
        let digest = folder.digest();
        assert_eq!(digest.known, 1);
        assert_eq!(digest.templates[0].count, 10_000);
    }

    #[test]
    fn ten_times_the_rate_is_told_once_and_again_after_it_calmed() {
        let mut folder = learned(24, 10);
        assert_eq!(run(&mut folder, 24, 29), Novelty::Known);
        let Novelty::Burst { count, before, .. } = run(&mut folder, 25, 150) else {
            panic!("a burst of 150 was not told");
        };
        assert_eq!(count, 150);
        assert!((10.0..12.0).contains(&before), "{before}");
        assert_eq!(run(&mut folder, 25, 50), Novelty::Known);
        assert_eq!(run(&mut folder, 26, 900), Novelty::Known);
        assert_eq!(run(&mut folder, 27, 10), Novelty::Known);
        assert!(matches!(run(&mut folder, 28, 900), Novelty::Burst { .. }));
    }

    #[test]
    fn few_lines_are_never_a_burst() {
        let mut folder = learned(24, 1);
        assert_eq!(run(&mut folder, 24, 29), Novelty::Known);
        assert!(matches!(run(&mut folder, 24, 1), Novelty::Burst { count: 30, .. }));
    }

    #[test]
    fn a_rate_needs_six_hours_to_compare_with() {
        let mut folder = learned(5, 1);
        assert_eq!(run(&mut folder, 5, 500), Novelty::Known);
    }

    #[test]
    fn a_nightly_job_is_no_burst() {
        let mut folder = Folder::default();
        folder.begin();
        for day in 0..3 {
            lines(&mut folder, day * 24, 300, "tick 1");
            for hour in 1..24 {
                folder.fold(&line(START + (day * 24 + hour) * HOUR, "other"));
            }
        }
        folder.reached_end();
        folder.begin();
        lines(&mut folder, 72, 330, "tick 1");
        assert_eq!(folder.digest().bursts, 0);
    }

    #[test]
    fn a_burst_that_was_there_at_the_end_of_learning_is_not_told() {
        let mut folder = Folder::default();
        folder.begin();
        for hour in 0..10 {
            lines(&mut folder, hour, 2, "tick 1");
        }
        lines(&mut folder, 10, 400, "tick 1");
        folder.reached_end();
        assert_eq!(run(&mut folder, 10, 10), Novelty::Known);
    }

    #[test]
    fn a_machine_that_was_off_and_a_clock_that_jumps_make_no_burst() {
        for jump in [24 * 90, 24 * 365 * 12] {
            let mut folder = learned(24, 40);
            for hour in 0..5 {
                assert_eq!(run(&mut folder, jump + hour, 40), Novelty::Known, "on by {jump} h");
            }
            // And back again.
            for hour in 24..30 {
                assert_eq!(run(&mut folder, hour, 40), Novelty::Known, "back by {jump} h");
            }
        }
    }

    #[test]
    fn a_message_id_is_the_template() {
        let mut folder = Folder::default();
        folder.begin();
        for text in ["Started A.", "Started something else."] {
            folder.fold(&Line {
                message_id: Some("39f53479d3a045ac8e11786248231fbf"),
                ..line(0, text)
            });
        }
        assert_eq!(folder.digest().known, 1);
    }

    #[test]
    fn one_talker_pushes_out_nobody_and_still_shows() {
        let mut folder = learned(1, 5);
        folder.begin();
        let letters = |mut number: u32| {
            let mut word = String::new();
            while number > 0 {
                word.push(char::from(b'g' + (number % 16) as u8));
                number /= 16;
            }
            word
        };
        for number in 1..50_000 {
            let text = format!("{} is odd and {}", letters(number % 7_919), letters(number));
            folder.fold(&Line { source: "talker.service", ..line(START, &text) });
        }
        let digest = folder.digest();
        assert!(digest.known <= PER_SOURCE + COARSE + 2, "{}", digest.known);
        let sum: u64 = folder.templates.values().map(|tally| tally.count_in_all()).sum();
        assert_eq!(sum, 50_004);
        assert!(folder.templates.values().any(|tally| tally.source == "a.service"));
    }

    #[test]
    fn memory_is_bounded_and_the_forgotten_are_not_new() {
        let mut folder = learned(1, 5);
        folder.begin();
        for number in 0..5_000_u32 {
            let source: String = number.to_string().bytes().map(|b| char::from(b + 60)).collect();
            folder.fold(&Line { source: &source, ..line(START, "hello") });
        }
        let digest = folder.digest();
        assert!(digest.known <= KEPT);
        assert!(digest.forgotten > 3_000);
        let size = serde_json::to_string(&folder).expect("plain data").len();
        assert!(size < 1_000_000, "{size} bytes");
        folder.begin();
        folder.fold(&Line { source: "zzzz", ..line(START, "x") });
        let late: String = 3_400.to_string().bytes().map(|b| char::from(b + 60)).collect();
        folder.fold(&Line { source: &late, ..line(START, "hello") });
        assert_eq!(folder.digest().new, 1, "only the line that was never there is new");
    }
}
