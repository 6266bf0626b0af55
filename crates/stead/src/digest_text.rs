//! The digest of the journal as text for a terminal: new first, then worst, then latest.
//!
//! Leaves out where the digest comes from.

use jiff::Timestamp;
use model::facts::logs::{Digest, Novelty, Template, priority};
use model::text::{counted, counted_as, printable, span};

use crate::cli::LogsDigest;
use crate::output;

/// How far a message is indented, and how many lines it may take.
const INDENT: usize = 8;
const LINES: usize = 2;
/// How much of a name is shown, in characters.
const NAME: usize = 40;

/// Which templates are asked for.
#[derive(Debug, Default)]
pub struct Filter {
    /// Part of the name of a unit or program.
    name: Option<String>,
    /// The least bad priority, as syslog counts.
    level: Option<u8>,
}

impl Filter {
    pub fn new(arguments: &LogsDigest) -> Self {
        Self { name: arguments.unit.clone(), level: arguments.priority }
    }

    pub fn apply(&self, digest: &mut Digest) {
        digest.templates.retain(|template| {
            self.name.as_ref().is_none_or(|name| template.is_from(name))
                && self.level.is_none_or(|most| template.priority <= most)
        });
    }

    /// `of chatd at err or worse`; empty if all is asked for.
    fn words(&self) -> String {
        let name = self.name.as_ref().map(|name| format!(" of `{}`", printable(name, NAME)));
        let level = self.level.map(|level| match level {
            0 => " at emerg".to_owned(),
            level => format!(" at {} or worse", priority(level)),
        });
        format!("{}{}", name.unwrap_or_default(), level.unwrap_or_default())
    }
}

/// Two or three lines for each template, then how much was read and what was not. `digest` holds
/// what the filter let through of `foremost` templates.
pub fn digest(
    digest: &Digest,
    filter: &Filter,
    foremost: usize,
    now: Timestamp,
    width: usize,
) -> String {
    let mut text: String =
        digest.templates.iter().map(|template| one(template, now, width)).collect();
    if !text.is_empty() {
        text.push('\n');
    }
    let shown = match digest.templates.len() {
        0 => "no message".to_owned(),
        count => counted_as(count, "kind of message", "kinds of message"),
    };
    let summary = format!(
        "{shown}{}, {} known; {} read since {}",
        filter.words(),
        digest.known,
        counted(digest.lines_in_all, "line"),
        digest.read_from.map_or_else(|| "the start".to_owned(), |at| at.to_string()),
    );
    text.push_str(&output::wrap(&summary, 0, width));
    let mut notes = Vec::new();
    if digest.known > foremost {
        notes.push(format!("only the foremost {foremost} of {} kinds are kept here", digest.known));
    }
    if digest.learning {
        notes.push("nothing is called new before the journal was read once".to_owned());
    }
    if let Some(behind) = digest.behind_seconds {
        notes.push(format!("the last {} are not read yet; the next run goes on", span(behind)));
    }
    notes.extend(digest.limited.iter().chain(&digest.notes).cloned());
    for note in notes {
        text.push_str(&output::wrap(&format!("note: {note}"), 0, width));
    }
    text
}

fn one(template: &Template, now: Timestamp, width: usize) -> String {
    // Of a session's scope the reader learns nothing.
    let service = template.unit.ends_with(".service");
    let beside =
        if service { format!(" in {}", printable(&template.unit, NAME)) } else { String::new() };
    let (news, when) = match &template.novelty {
        Novelty::New => ("NEW ", spread(template, now)),
        Novelty::Burst { count, before, .. } => {
            ("BURST ", format!("{count} in an hour, {before:.1} before"))
        }
        Novelty::Known => ("", spread(template, now)),
    };
    let head = format!(
        "{:7} {:>6} × {news}{}{beside}; {when}",
        priority(template.priority),
        template.count,
        printable(&template.source, NAME),
    );
    let mut text = cut(&head, width);
    text.push('\n');
    let message = output::wrap(&template.sample, INDENT, width);
    for (number, line) in message.lines().take(LINES).enumerate() {
        let more = number + 1 == LINES && message.lines().count() > LINES;
        text.push_str(&cut(&if more { format!("{line} …") } else { line.to_owned() }, width));
        text.push('\n');
    }
    text
}

/// When such lines came.
fn spread(template: &Template, now: Timestamp) -> String {
    let last = age(template.last, now);
    if template.count == 1 {
        last
    } else {
        format!("last {last}, first {}", age(template.first, now))
    }
}

/// `3 min ago`: the largest unit only.
fn age(then: Timestamp, now: Timestamp) -> String {
    let words = output::ago(then, now);
    let mut parts = words.split(' ');
    format!("{} {} ago", parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// Cuts a line at the terminal's width.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(width.saturating_sub(1)).collect();
    short.truncate(short.trim_end_matches([' ', '…']).len());
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn moment(seconds_ago: i64) -> Timestamp {
        Timestamp::from_second(NOW - seconds_ago).expect("within the calendar")
    }

    fn template(source: &str, unit: &str, priority: u8, count: u64, sample: &str) -> Template {
        Template {
            source: source.to_owned(),
            unit: unit.to_owned(),
            program: String::new(),
            text: sample.to_owned(),
            sample: sample.to_owned(),
            priority,
            count,
            in_run: count,
            first: moment(86_400 * 3 + 7_000),
            last: moment(64),
            per_hour: 1.0,
            starting: false,
            novelty: Novelty::Known,
        }
    }

    fn sample() -> Digest {
        let long =
            "connection to the upstream at 10.1.2.3 was closed before it answered; ".repeat(3);
        Digest {
            read_from: Some(moment(86_400 * 4)),
            lines_in_all: 240_017,
            known: 63,
            templates: vec![
                Template {
                    novelty: Novelty::New,
                    ..template("chatd", "session-<n>.scope", 3, 2, "lost 17 messages of room 4711")
                },
                Template {
                    novelty: Novelty::Burst { hour: moment(3_600), count: 4_120, before: 12.5 },
                    ..template("sshd", "ssh.service", 6, 9_204, "Failed password for root")
                },
                template("nginx.service", "", 3, 41, long.trim_end()),
                template("kernel", "", 4, 1, &"x".repeat(190)),
            ],
            ..Digest::default()
        }
    }

    fn text(digest: &Digest, filter: &Filter, width: usize) -> String {
        super::digest(digest, filter, digest.templates.len().max(63), moment(0), width)
    }

    #[test]
    fn each_kind_has_a_head_and_a_message() {
        insta::assert_snapshot!(text(&sample(), &Filter::default(), 80), @r"
        err          2 × NEW chatd; last 1 min ago, first 3 d ago
                lost 17 messages of room 4711
        info      9204 × BURST sshd in ssh.service; 4120 in an hour, 12.5 before
                Failed password for root
        err         41 × nginx.service; last 1 min ago, first 3 d ago
                connection to the upstream at 10.1.2.3 was closed before it answered;
                connection to the upstream at 10.1.2.3 was closed before it answered; …
        warning      1 × kernel; 1 min ago
                xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…

        4 kinds of message, 63 known; 240017 lines read since 2026-09-17T14:13:20Z
        ");
    }

    #[test]
    fn nothing_is_wider_than_the_terminal() {
        for width in [40, 61, 80, 100, 120] {
            let text = text(&sample(), &Filter::default(), width);
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(width), "{widest:?} of {width}:\n{text}");
        }
    }

    #[test]
    fn a_unit_a_program_and_a_level_are_asked_for() {
        let filter = |name: Option<&str>, level| Filter { name: name.map(str::to_owned), level };
        for (asked, left) in [
            (filter(Some("chat"), None), &["chatd"][..]),
            (filter(Some("ssh.service"), None), &["sshd"]),
            (filter(None, Some(3)), &["chatd", "nginx.service"]),
            (filter(Some("s"), Some(3)), &["chatd", "nginx.service"]),
            (filter(Some("kernel"), Some(3)), &[]),
        ] {
            let mut digest = sample();
            asked.apply(&mut digest);
            let sources: Vec<&str> = digest.templates.iter().map(|t| &t.source[..]).collect();
            assert_eq!(sources, left, "{asked:?}");
        }
    }

    #[test]
    fn nothing_found_and_what_was_not_read_are_said() {
        let mut digest = Digest {
            learning: true,
            behind_seconds: Some(90),
            lines_in_all: 1,
            known: 834,
            notes: vec!["the journal is kept in memory only and ends with this boot".to_owned()],
            ..sample()
        };
        let filter = Filter { name: Some("tor".to_owned()), level: Some(4) };
        filter.apply(&mut digest);
        insta::assert_snapshot!(super::digest(&digest, &filter, 200, moment(0), 100), @r"
        no message of `tor` at warning or worse, 834 known; 1 line read since 2026-09-17T14:13:20Z
        note: only the foremost 200 of 834 kinds are kept here
        note: nothing is called new before the journal was read once
        note: the last 1 min 30 s are not read yet; the next run goes on
        note: the journal is kept in memory only and ends with this boot
        ");
    }
}
