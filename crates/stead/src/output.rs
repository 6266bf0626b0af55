//! Writing to the terminal: results on stdout, prose on stderr.

use std::io::{self, ErrorKind, Write};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use model::text::{printable, span};
use model::verdict::Verdict;

/// Prints a result. A reader that has gone away, as `head` does, is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Prints a value as JSON.
pub fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    print(&text)
}

/// Says something beside the results; nobody may be listening.
pub fn say(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Makes text of unknown origin safe to say, line by line; very long lines are cut.
pub fn tame(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| printable(line, 1000)).collect();
    lines.join("\n")
}

/// A verdict's word in its colour, filled to `width`.
pub fn verdict(verdict: Verdict, width: usize) -> String {
    let colour = match verdict {
        Verdict::Pass => AnsiColor::Green,
        Verdict::Unknown => AnsiColor::Magenta,
        Verdict::Warn => AnsiColor::Yellow,
        Verdict::Fail => AnsiColor::Red,
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    format!("{style}{verdict:width$}{style:#}")
}

/// How long before `now` something was, `0 s` if it is yet to come.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    span(u64::try_from(now.as_second() - then.as_second()).unwrap_or(0))
}

/// How wide the text may be.
pub fn width() -> usize {
    let terminal = rustix::termios::tcgetwinsize(io::stdout()).map(|size| usize::from(size.ws_col));
    terminal.ok().filter(|&columns| columns >= 40).unwrap_or(100).min(120)
}

/// Breaks a text into lines of at most `width` characters, each indented by `indent`.
pub fn wrap(text: &str, indent: usize, width: usize) -> String {
    let room = width.saturating_sub(indent).max(20);
    let mut lines = String::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let length = line.chars().count() + word.chars().count() + 1;
            if !line.is_empty() && length > room {
                lines.push_str(&format!("{:indent$}{}\n", "", line.trim_end()));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push_str(format!("{:indent$}{}", "", line.trim_end()).trim_end());
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrap("aaa bbb ccc", 2, 9), "  aaa bbb ccc\n");
        assert_eq!(
            wrap("one two three four five six", 4, 20),
            "    one two three four\n    five six\n"
        );
        assert_eq!(wrap("a\n\nb", 2, 40), "  a\n\n  b\n");
    }
}
