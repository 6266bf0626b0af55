//! Goes through a line word by word and writes its template, or its sample.

use crate::template::word::{self, Group};
use crate::text::harmful;

/// Every mark there is; one that stands in the line already stays as it is.
const MARKS: [&str; 9] =
    ["<n>", "<ip>", "<time>", "<uuid>", "<mac>", "<id>", "<s>", "<user>", "<secret>"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// All that varies is masked.
    Template,
    /// Only secrets are.
    Sample,
}

/// What the last word promises about what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    Nothing,
    /// A user's name.
    User,
    /// A quoted text that says what happened; once `=` or `:` came, `true`.
    Telling(bool),
    /// A secret, if `=`, `:` or a quotation comes; `line` if it goes on to the end.
    Secret {
        line: bool,
        option: bool,
    },
    /// A secret, here and now.
    SecretNow {
        line: bool,
    },
}

pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    mode: Mode,
    /// How many characters may still be written.
    room: usize,
    /// A space is due before the next character.
    space: bool,
    promise: Promise,
    /// Where the quotation closes whose inside is being read.
    closes: Option<usize>,
    /// Where the last `<n>` ends in the output.
    number: Option<usize>,
    full: bool,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a str, mode: Mode, room: usize) -> Self {
        Self {
            text,
            at: 0,
            mode,
            room,
            space: false,
            promise: Promise::Nothing,
            closes: None,
            number: None,
            full: false,
        }
    }

    pub(super) fn run(mut self, out: &mut String) {
        out.clear();
        while !self.full {
            let rest = &self.text[self.at..];
            let Some(character) = rest.chars().next() else { break };
            if self.closes.is_some_and(|close| close < self.at) {
                self.closes = None;
            }
            if character.is_whitespace() || harmful(character) {
                self.at += character.len_utf8();
                self.space = !out.is_empty();
                if let Promise::Secret { line, option: true } = self.promise {
                    self.promise = Promise::SecretNow { line };
                }
            } else if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
                self.at += mark.len();
                self.promise = Promise::Nothing;
                self.mark(mark, out);
            } else if rest.starts_with("-----BEGIN ") {
                self.at = self.text.len();
                self.push("-----BEGIN <secret>", out);
            } else if matches!(character, '"' | '\'' | '`') {
                self.quote(character, out);
            } else if let Promise::SecretNow { line } = self.promise
                && !matches!(character, '=' | ':')
            {
                self.secret(line, out);
            } else if word::belongs(character) {
                self.word(out);
            } else {
                self.punctuation(character, out);
            }
        }
    }

    fn put(&mut self, character: char, out: &mut String) {
        if self.full {
            return;
        }
        if self.space {
            self.space = false;
            self.put(' ', out);
        }
        if self.room == 0 {
            out.pop();
            out.push('…');
            self.full = true;
        } else {
            out.push(character);
            self.room -= 1;
        }
    }

    fn push(&mut self, text: &str, out: &mut String) {
        if !self.space && text.is_ascii() && text.len() <= self.room && !self.full {
            out.push_str(text);
            self.room -= text.len();
            return;
        }
        for character in text.chars() {
            self.put(character, out);
        }
    }

    /// Writes a mark; numbers that follow each other closely become one.
    fn mark(&mut self, mark: &str, out: &mut String) {
        if mark == "<n>" && !self.full {
            if let Some(end) = self.number {
                let between = &out[end..];
                let close =
                    matches!(between, "" | "," | "-" | "." | ":" | "/" | "+" | "x" | " " | ", ");
                if close && (!self.space || matches!(between, "" | ",")) {
                    self.room += between.chars().count();
                    out.truncate(end);
                    self.space = false;
                    return;
                }
            }
            self.push(mark, out);
            self.number = Some(out.len());
        } else {
            self.push(mark, out);
        }
    }

    fn punctuation(&mut self, character: char, out: &mut String) {
        let rest = &self.text[self.at..];
        if let Some(rest) = rest.strip_prefix("://") {
            self.at += 3;
            self.push("://", out);
            let end = rest
                .find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?' | '#'))
                .unwrap_or(rest.len());
            if let Some(length) = rest[..end].rfind('@')
                && rest[..length].contains(':')
            {
                self.at += length;
                self.push("<secret>", out);
            }
            self.promise = Promise::Nothing;
            return;
        }
        self.at += character.len_utf8();
        self.put(character, out);
        self.promise = match (character, self.promise) {
            ('=' | ':', Promise::Secret { line, .. }) => Promise::SecretNow { line },
            ('=' | ':', Promise::Telling(_)) => Promise::Telling(true),
            ('=' | ':', promise) => promise,
            _ => Promise::Nothing,
        };
    }

    fn secret(&mut self, line: bool, out: &mut String) {
        let end = if line {
            self.closes.unwrap_or(self.text.len())
        } else {
            let rest = &self.text[self.at..];
            self.at + rest.find(ends_value).unwrap_or(rest.len())
        };
        self.promise = Promise::Nothing;
        if end == self.at {
            // Nothing stands where the secret should.
            let character = self.text[self.at..].chars().next().unwrap_or(' ');
            return self.punctuation(character, out);
        }
        self.at = end;
        self.push("<secret>", out);
    }

    fn quote(&mut self, quote: char, out: &mut String) {
        let start = self.at;
        self.at += 1;
        if self.closes == Some(start) {
            self.closes = None;
            return self.put(quote, out);
        }
        if self.closes.is_some() {
            return self.put(quote, out);
        }
        let glued = !self.space && out.chars().next_back().is_some_and(glues);
        let secret = match self.promise {
            Promise::SecretNow { .. } => true,
            Promise::Secret { .. } => self.space,
            _ => false,
        };
        let close = if quote == '"' || !glued { close(&self.text[self.at..], quote) } else { None };
        let Some(close) = close.map(|length| self.at + length) else {
            self.put(quote, out);
            self.promise =
                if secret { Promise::SecretNow { line: true } } else { Promise::Nothing };
            return;
        };
        if secret {
            self.put(quote, out);
            self.push("<secret>", out);
            self.put(quote, out);
            self.promise = Promise::Nothing;
            self.at = close + 1;
            return;
        }
        let key = quote == '"' && self.text[close + 1..].trim_start().starts_with(':');
        let inside = &self.text[self.at..close];
        if self.mode == Mode::Sample
            || key
            || self.promise == Promise::Telling(true)
            || inside == "<secret>"
        {
            self.closes = Some(close);
            self.put(quote, out);
        } else {
            self.put(quote, out);
            self.push("<s>", out);
            self.put(quote, out);
            self.promise = Promise::Nothing;
            self.at = close + 1;
        }
    }

    fn word(&mut self, out: &mut String) {
        let start = self.at;
        let mut end = start + length(&self.text[start..]);
        // The first colon after the name of a secret: what follows is its value.
        let mut colons = self.text[start..end].match_indices(':');
        if let Some((colon, _)) =
            colons.find(|(colon, _)| word::is_secret(&self.text[start..start + colon]))
        {
            end = start + colon;
        }
        let word = &self.text[start..end];
        let promise = std::mem::replace(&mut self.promise, Promise::Nothing);
        // A word next to a mark was one word with it, held together by two joints at most.
        let before = out.trim_end_matches(word::joins);
        let joined = !self.space && before.ends_with('>') && out.len() - before.len() <= 2;
        let glued = joined || self.text[end..].starts_with('<');
        self.at = end;
        if word::is_secret(word) {
            let line = word::is_secret_line(word);
            let bearer = word.eq_ignore_ascii_case("bearer");
            let option = bearer || self.text[..start].ends_with("--");
            self.promise = Promise::Secret { line, option };
            if promise == Promise::User && self.mode == Mode::Template && !word::is_unit(word) {
                return self.mark("<user>", out);
            }
        } else if self.mode == Mode::Sample {
            if word::is_random(word) && !word.starts_with("SHA") {
                let rest = &self.text[end..];
                self.at = end + rest.find(ends_value).unwrap_or(rest.len());
                return self.push("<secret>", out);
            }
        } else if promise == Promise::User {
            if !word::is_unit(word) {
                return self.mark("<user>", out);
            }
        } else if !glued {
            if matches!(word.as_bytes(), b"user" | b"User" | b"username" | b"USER") {
                self.promise = Promise::User;
            } else if word::is_telling(word) {
                self.promise = Promise::Telling(false);
            }
        }
        if self.mode == Mode::Sample { self.push(word, out) } else { self.masked(word, start, out) }
    }

    /// Writes a word with its numbers masked.
    fn masked(&mut self, word: &str, start: usize, out: &mut String) {
        if !word::is_unit(word) {
            if word.contains('@') {
                return self.mark("<user>", out);
            }
            // `@ann:example.org`, `!room:example.org` and `#alias:example.org` of Matrix: the sigil
            // was written already.
            let sigil = self.text[..start].chars().next_back();
            let mark = match sigil {
                Some('@') => Some("<user>"),
                Some('!' | '#') => Some("<id>"),
                _ => None,
            };
            if let Some(mark) = mark.filter(|_| word.contains(':') && !self.space) {
                let mut before = out.chars().rev();
                if before.next() == sigil && !before.next().is_some_and(glues) {
                    out.pop();
                    self.room += 1;
                    return self.mark(mark, out);
                }
            }
        }
        if !word.bytes().any(|b| b.is_ascii_digit()) {
            return self.push(word, out);
        }
        if let Some(mark) = word::mark(word) {
            return self.mark(mark, out);
        }
        let mut rest = word;
        while !rest.is_empty() {
            let end = rest.find(word::joins).unwrap_or(rest.len());
            let (group, after) = rest.split_at(end);
            self.group(group, out);
            let joint = after.len() - after.trim_start_matches(word::joins).len();
            self.push(&after[..joint], out);
            rest = &after[joint..];
            // The fingerprint of a key goes on over `/` and `+`.
            if group.starts_with("SHA") && after.starts_with(':') && group.len() > 3 {
                let tail = &self.text[self.at..];
                self.at += tail.find(ends_value).unwrap_or(tail.len());
                return self.mark("<id>", out);
            }
        }
    }

    fn group(&mut self, group: &str, out: &mut String) {
        match word::group(group) {
            Group::Plain | Group::Letters => self.push(group, out),
            Group::Digits | Group::Number | Group::Time => self.mark("<n>", out),
            Group::Random => self.mark("<id>", out),
            Group::Mixed => {
                let mut rest = group;
                while !rest.is_empty() {
                    let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
                    self.push(&rest[..end], out);
                    let digits = rest[end..].trim_start_matches(|c: char| c.is_ascii_digit());
                    if digits.len() < rest.len() - end {
                        self.mark("<n>", out);
                    }
                    rest = digits;
                }
            }
        }
    }
}

/// How long the word is that the text starts with.
fn length(text: &str) -> usize {
    let (mut end, mut joints) = (0, 0);
    for (at, character) in text.char_indices() {
        if word::belongs(character) {
            joints = 0;
            end = at + character.len_utf8();
        } else if word::joins(character) && joints < 2 {
            joints += 1;
        } else {
            break;
        }
    }
    end
}

/// Where the quotation closes that was opened before `text`.
fn close(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == quote
            && (quote == '"' || !text[at + 1..].chars().next().is_some_and(glues))
        {
            return Some(at);
        }
    }
    None
}

/// Whether a quotation mark beside this character is an apostrophe. The ends of marks count as
/// the words that they stand for, and so does the `@` that a mark may swallow.
fn glues(character: char) -> bool {
    word::belongs(character) || matches!(character, '<' | '>' | '@')
}

fn ends_value(character: char) -> bool {
    character.is_whitespace()
        || harmful(character)
        || matches!(character, '"' | '\'' | '`' | '&' | ',' | ';' | ')' | ']' | '}')
}
