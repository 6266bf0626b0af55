//! Observes the journal: reads on from where it stopped and folds the lines to templates.
//!
//! Leaves out what makes a template and what is new, which are the model's.

mod cursor;
mod export;
mod journalctl;
mod origin;
mod reach;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use model::facts::logs::{Digest, moment};
use model::folder::{Folder, Line};
use model::seen::Seen;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::logs::cursor::Cursor;
use crate::logs::export::Entry;
use crate::logs::journalctl::{End, Start};
use crate::logs::origin::origin;
use crate::logs::reach::Reach;

/// The first run learns from so many of the newest lines at most.
const LEARNED: usize = 200_000;
/// When too much was missed, the reading goes on at so many of the newest lines.
const RESUMED: usize = 50_000;
/// A run that is cut and further behind than this skips the rest, in microseconds.
const TOO_FAR: u64 = 24 * 3_600 * 1_000_000;
/// How long a run reads: the first, and each after it.
const FIRST_BUDGET: Duration = Duration::from_millis(2_500);
const BUDGET: Duration = Duration::from_millis(700);
/// No more boots are told apart.
const MOST_BOOTS: usize = 100;
/// The priority of a line that has none (syslog(3)).
const INFO: u8 = 6;
/// The form of what is remembered; what has another is started afresh, with learning.
const FORM: u8 = 2;
/// So long after the machine started its kernel still tells of what it found, in microseconds:
/// drivers are loaded late where a disk is checked or a passphrase is asked for.
const STARTING: u64 = 5 * 60 * 1_000_000;

/// What is remembered from one run to the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    form: u8,
    folder: Folder,
    /// The last entry that was folded.
    cursor: Option<Cursor>,
    /// Its time, in microseconds since 1970.
    until: u64,
    /// The last run was cut so far from the end that this one skips to the newest lines.
    skip: bool,
}

pub(crate) async fn observe(kept: &mut Kept) -> Seen<Digest> {
    let reach = reach::reach();
    if reach.readable == 0 {
        return Seen::unseen(if reach.closed > 0 {
            "no journal file may be read by this user; root and the group systemd-journal may"
        } else {
            "no journal: neither /var/log/journal nor /run/log/journal holds a file of this \
             machine (does systemd-journald run here?)"
        });
    }
    if kept.form != FORM {
        *kept = Kept { form: FORM, ..Kept::default() };
    }
    // A task of its own, so that what else is observed meanwhile does not use up its time; it
    // ends with this future. What is remembered changes only when a run is done.
    let mut run = JoinSet::new();
    let mut next = kept.clone();
    let now = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(0);
    run.spawn(async move {
        let digest = next.run(now, &reach).await;
        (next, digest)
    });
    match run.join_next().await {
        Some(Ok((next, digest))) => {
            *kept = next;
            digest
        }
        Some(Err(error)) => Seen::unseen(format!("the reader of the journal failed: {error}")),
        None => Seen::unseen("the reader of the journal did not start"),
    }
}

impl Kept {
    async fn run(&mut self, now: u64, reach: &Reach) -> Seen<Digest> {
        self.folder.begin();
        let mut notes = Vec::new();
        let learning = self.folder.learning();
        let mut reading = Reading::new(self);
        let end = reading.read(&mut notes).await;
        let Reading { boots, lines, met, .. } = reading;
        match &end {
            End::Whole => self.folder.reached_end(),
            End::Cut => self.skip = now.saturating_sub(self.until) > TOO_FAR,
            End::Broken(reason) if lines == 0 && !met => return Seen::unseen(reason.clone()),
            End::Broken(reason) => {
                notes.push(format!("the journal was read only in part: {reason}"));
                // If nothing can be read after the cursor, the next run goes around the place.
                self.skip = lines == 0;
            }
        }
        if learning && end == End::Whole && self.folder.lines() >= LEARNED as u64 {
            notes.push(format!("of what was logged before, only the newest {LEARNED} lines"));
        }
        if !reach.lasting {
            notes.push("the journal is kept in memory only and ends with this boot".to_owned());
        }
        let behind = (end != End::Whole).then(|| now.saturating_sub(self.until) / 1_000_000);
        Seen::Seen(Digest {
            read_until: (self.until > 0).then(|| moment(self.until)),
            boots: u32::try_from(boots.len()).unwrap_or(u32::MAX),
            behind_seconds: behind,
            limited: (reach.closed > 0).then(|| {
                format!(
                    "{} of {} journal files are closed to this user: only its own lines are read",
                    reach.closed,
                    reach.closed + reach.readable
                )
            }),
            notes,
            ..self.folder.digest()
        })
    }
}

/// One run's way through the journal.
struct Reading<'a> {
    kept: &'a mut Kept,
    /// Where the run started: what came before was folded already.
    start: Option<Cursor>,
    /// The entry at which the last run stopped was met.
    met: bool,
    /// Lines folded.
    lines: u64,
    boots: BTreeSet<Vec<u8>>,
    last: Vec<u8>,
}

impl<'a> Reading<'a> {
    fn new(kept: &'a mut Kept) -> Self {
        let start = kept.cursor.clone();
        Self { kept, start, met: false, lines: 0, boots: BTreeSet::new(), last: Vec::new() }
    }

    async fn read(&mut self, notes: &mut Vec<String>) -> End {
        let budget = if self.kept.folder.learning() { FIRST_BUDGET } else { BUDGET };
        let Some(cursor) = self.start.clone() else {
            return self.follow(&Start::Newest(LEARNED), budget).await;
        };
        let since = moment(self.kept.until);
        if std::mem::take(&mut self.kept.skip) {
            notes.push(format!(
                "too far behind: of the lines after {since} at most the newest {RESUMED} are read"
            ));
            return self.follow(&Start::Newest(RESUMED), budget).await;
        }
        let end = self.follow(&Start::Cursor(cursor.to_string()), budget).await;
        if self.met {
            return end;
        }
        notes.push(format!(
            "the last line read, of {since}, is no longer in the journal; lines after it may be \
             missed"
        ));
        if self.lines > 0 { end } else { self.follow(&Start::Newest(RESUMED), budget).await }
    }

    async fn follow(&mut self, start: &Start, budget: Duration) -> End {
        let end = journalctl::read(start, budget, &mut |entry: &Entry| self.fold(entry)).await;
        if let Some(cursor) = Cursor::new(&self.last) {
            self.kept.cursor = Some(cursor);
        }
        end
    }

    fn fold(&mut self, entry: &Entry) {
        if let Some(start) = &self.start {
            self.met |= start.is(&entry.cursor);
            if start.covers(&entry.cursor) {
                return;
            }
        }
        let Some(at) = entry.at() else { return };
        self.lines += 1;
        self.kept.until = at;
        self.last.clone_from(&entry.cursor);
        if self.boots.len() < MOST_BOOTS && !self.boots.contains(&entry.boot) {
            self.boots.insert(entry.boot.clone());
        }
        let origin = origin(entry);
        let starting = entry.transport == b"kernel"
            && entry.since_start().is_some_and(|since| since < STARTING);
        self.kept.folder.fold(&Line {
            at,
            source: &origin.source,
            unit: &origin.unit,
            program: &origin.program,
            priority: match entry.priority[..] {
                [level @ b'0'..=b'7'] => level - b'0',
                _ => INFO,
            },
            message_id: origin.message_id,
            starting,
            text: if entry.message.is_empty() { b"(no message)" } else { &entry.message },
        });
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::logs::export::Parser;

    /// The export text of one entry.
    fn entry(number: u64, at: u64, unit: &str, message: &[u8]) -> Vec<u8> {
        let mut text = String::new();
        write!(
            text,
            "__CURSOR=s=ab;i={number:x};b=1;m=2;t=3;x=4\n__REALTIME_TIMESTAMP={at}\n_BOOT_ID=b\n\
             PRIORITY=3\n_TRANSPORT=stdout\n_SYSTEMD_UNIT={unit}\nJUNK=x\nMESSAGE\n"
        )
        .expect("a string takes all");
        let mut bytes = text.into_bytes();
        bytes.extend((message.len() as u64).to_le_bytes());
        bytes.extend(message);
        bytes.extend(b"\n\n");
        bytes
    }

    /// Folds export text that arrives in pieces of `size` bytes.
    fn fold(kept: &mut Kept, bytes: &[u8], size: usize) -> u64 {
        let mut reading = Reading::new(kept);
        let mut parser = Parser::default();
        for piece in bytes.chunks(size) {
            parser.feed(piece, &mut |entry: &Entry| reading.fold(entry));
        }
        let (lines, last) = (reading.lines, std::mem::take(&mut reading.last));
        kept.cursor = Cursor::new(&last).or(kept.cursor.take());
        lines
    }

    const HOUR: u64 = 3_600_000_000;

    #[test]
    fn entries_are_read_in_pieces_of_any_size() {
        let mut bytes = Vec::new();
        bytes.extend(entry(1, HOUR, "a.service", b"one 1"));
        bytes.extend(b"-- Boot 0123 --\n");
        bytes.extend(entry(2, HOUR, "a.service", b"one\n\n2 \xff"));
        bytes.extend(entry(3, HOUR, "b.service", &vec![b'x'; 1 << 20]));
        bytes.extend(b"__CURSOR=s=ab;i=4;b=1;m=2;t=3;x=4\n__REALTIME_TIMESTAMP=1\n\n");
        let whole = bytes.len();
        bytes.extend(entry(5, HOUR, "c.service", b"cut off"));
        bytes.truncate(whole + 60);
        for size in [1, 2, 7, 4096, usize::MAX] {
            let mut kept = Kept::default();
            kept.folder.begin();
            assert_eq!(fold(&mut kept, &bytes, size), 4, "pieces of {size}");
            let digest = kept.folder.digest();
            let mut texts: Vec<_> =
                digest.templates.iter().map(|t| (t.source.as_str(), t.text.as_str())).collect();
            texts.sort_unstable();
            assert_eq!(texts[0], ("a.service", "one <n>"));
            assert_eq!(texts[1], ("a.service", "one <n> \u{fffd}"));
            assert_eq!(texts[2].0, "b.service");
            assert_eq!(texts[3], ("unknown", "(no message)"));
            assert_eq!(kept.until, 1);
        }
    }

    #[test]
    fn what_was_folded_is_not_folded_again() {
        let mut kept = Kept::default();
        kept.folder.begin();
        let bytes: Vec<u8> = (1..=9).flat_map(|n| entry(n, HOUR, "a.service", b"x")).collect();
        assert_eq!(fold(&mut kept, &bytes, 100), 9);
        let more: Vec<u8> = (5..=12).flat_map(|n| entry(n, HOUR, "a.service", b"x")).collect();
        assert_eq!(fold(&mut kept, &more, 100), 3);
    }

    #[test]
    fn garbage_is_no_entry_and_no_panic() {
        let mut state = 7_u64;
        let noise: Vec<u8> = (0..200_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                b"A=\n_z\x00\xff;"[(state >> 33) as usize % 8]
            })
            .collect();
        let mut kept = Kept::default();
        assert_eq!(fold(&mut kept, &noise, 977), 0);
    }

    #[test]
    fn a_new_error_is_told_once() {
        let mut kept = Kept::default();
        kept.folder.begin();
        fold(&mut kept, &entry(1, HOUR, "a.service", b"old 1"), 100);
        kept.folder.reached_end();
        assert_eq!(kept.folder.digest().new, 0);
        kept.folder.begin();
        fold(&mut kept, &entry(2, HOUR, "a.service", b"new 1"), 100);
        assert_eq!(kept.folder.digest().new, 1);
        // The record keeps it between runs.
        let text = serde_json::to_string(&kept).expect("kept is plain data");
        let mut kept: Kept = serde_json::from_str(&text).expect("it reads what it wrote");
        kept.folder.begin();
        fold(&mut kept, &entry(3, HOUR, "a.service", b"new 2"), 100);
        assert_eq!(kept.folder.digest().new, 0);
    }
}
