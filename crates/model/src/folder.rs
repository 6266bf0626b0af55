//! Folds log lines into templates, and knows which are new and which come ten times as often.
//!
//! Leaves out where lines come from. Times are labels of the host's own clock; what "an hour
//! before" means is counted in hours that had lines, so a machine that was off, or a clock that
//! jumps, makes nothing look rare or frequent.

mod tally;

use std::collections::{BTreeMap, HashMap, VecDeque};

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
    /// The unit it comes from, or else the program.
    pub source: &'a str,
    /// As syslog counts; 6 (info) where the sender did not say.
    pub priority: u8,
    /// The kind of message, where the sender says so.
    pub message_id: Option<&'a str>,
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
    names: HashMap<String, String>,
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
        let mut key = match line.message_id {
            Some(id) => hash(&source, id),
            None => hash(&source, &text),
        };
        if !self.templates.contains_key(&key) {
            key = self.admit(key, &source, &mut text, line);
        }
        if let Some(tally) = self.templates.get_mut(&key) {
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

    fn name(&mut self, source: &str) -> String {
        if let Some(name) = self.names.get(source) {
            return name.clone();
        }
        let mut name = String::new();
        template::source(source, &mut name);
        if self.names.len() > 1_000 {
            self.names.clear();
        }
        self.names.insert(source.to_owned(), name.clone());
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
mod tests;
