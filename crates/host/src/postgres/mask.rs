//! Queries made fit to be shown: no literal, no comment, one short line.
//!
//! Leaves out understanding SQL: where it is in doubt, it masks too much.

use std::iter::Peekable;
use std::str::Chars;

use model::text::printable;

/// The longest query that is kept, in characters.
const LONGEST: usize = 160;

/// The longest quoted identifier that is believed to be one: PostgreSQL's own limit.
const IDENTIFIER: usize = 63;

/// Masks strings, numbers and comments of a query, and shortens it.
///
/// The lexical rules are those of PostgreSQL's manual, 4.1; a query may break off anywhere, since
/// `pg_stat_activity` keeps only its beginning.
pub(super) fn mask(query: &str) -> String {
    let mut text = String::new();
    let mut rest = query.chars().peekable();
    // Whether the last character could belong to a name, so that a digit goes on with it.
    let mut word = false;
    while let Some(character) = rest.next() {
        if text.len() > LONGEST * 4 {
            break;
        }
        let was_word = std::mem::replace(&mut word, false);
        match character {
            '\'' => {
                // E'…', B'…', X'…', N'…' and U&'…': the letter goes with the literal.
                let escapes = prefix(&mut text, was_word);
                text.push('?');
                if !string(&mut rest, escapes) {
                    break;
                }
            }
            '"' => match identifier(&mut rest) {
                Some(name) => text.push_str(&format!("\"{name}\"")),
                None => {
                    text.push('?');
                    break;
                }
            },
            '$' if !was_word => {
                if rest.peek().is_some_and(char::is_ascii_digit) {
                    text.push('$');
                    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                        text.push(digit);
                    }
                } else if !dollar(&mut rest, &mut text) {
                    break;
                }
            }
            '-' if rest.peek() == Some(&'-') => {
                rest.by_ref().find(|c| *c == '\n');
                space(&mut text);
            }
            '/' if rest.peek() == Some(&'*') => {
                comment(&mut rest);
                space(&mut text);
            }
            c if c.is_ascii_digit() && !was_word => {
                text.push('?');
                number(&mut rest);
            }
            c if c.is_whitespace() => space(&mut text),
            c => {
                word = c.is_alphanumeric() || c == '_' || (c == '$' && was_word) || !c.is_ascii();
                text.push(c);
            }
        }
    }
    printable(text.trim(), LONGEST)
}

fn space(text: &mut String) {
    if !text.ends_with(' ') {
        text.push(' ');
    }
}

/// Takes a literal's prefix off again; whether it lets a backslash escape.
fn prefix(text: &mut String, was_word: bool) -> bool {
    if !was_word && !text.ends_with('&') {
        return false;
    }
    let start = text.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '&'));
    let start = start.map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let head = text[start..].to_ascii_uppercase();
    if matches!(head.as_str(), "E" | "B" | "X" | "N" | "U&") {
        text.truncate(start);
    }
    head == "E"
}

/// Skips to the end of a string; `false` if the rest cannot be told from a string any more.
fn string(rest: &mut Peekable<Chars<'_>>, escapes: bool) -> bool {
    while let Some(character) = rest.next() {
        match character {
            '\\' if escapes => {
                rest.next();
            }
            // Without standard_conforming_strings this would escape: nobody knows from here on.
            '\\' if rest.peek() == Some(&'\'') => return false,
            '\'' if rest.next_if_eq(&'\'').is_none() => return true,
            _ => {}
        }
    }
    false
}

/// A quoted name, if it looks like one; an application may write strings so.
fn identifier(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut name = String::new();
    loop {
        match rest.next()? {
            '"' if rest.next_if_eq(&'"').is_none() => break,
            character => name.push(character),
        }
    }
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let well = name.chars().count() <= IDENTIFIER && name.chars().all(plain);
    Some(if well { name } else { "?".to_owned() })
}

/// Skips a dollar-quoted string; `false` if it does not end. A lone dollar is kept.
fn dollar(rest: &mut Peekable<Chars<'_>>, text: &mut String) -> bool {
    let mut tag = String::from("$");
    while let Some(character) = rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
        tag.push(character);
    }
    if rest.next_if_eq(&'$').is_none() {
        text.push('?');
        // Broken off, or no quote at all: what follows a tag may be either.
        return rest.peek().is_some();
    }
    tag.push('$');
    text.push('?');
    let mut seen = String::new();
    for character in rest.by_ref() {
        seen.push(character);
        if seen.ends_with(&tag) {
            return true;
        }
    }
    false
}

/// Skips a comment, which may hold others.
fn comment(rest: &mut Peekable<Chars<'_>>) {
    let mut depth = 1;
    rest.next();
    while let Some(character) = rest.next() {
        match character {
            '*' if rest.next_if_eq(&'/').is_some() => depth -= 1,
            '/' if rest.next_if_eq(&'*').is_some() => depth += 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
}

/// Skips the rest of a number: `1_000.5e-3`, `0xFF`.
fn number(rest: &mut Peekable<Chars<'_>>) {
    let mut exponent = false;
    while let Some(character) = rest.next_if(|c| {
        c.is_alphanumeric() || matches!(c, '.' | '_') || (exponent && matches!(c, '+' | '-'))
    }) {
        exponent = matches!(character, 'e' | 'E');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn literals_are_masked_and_names_kept() {
        for (query, wanted) in [
            (
                "SELECT * FROM t1 WHERE a = 'secret' AND b=42",
                "SELECT * FROM t1 WHERE a = ? AND b=?",
            ),
            ("SELECT 'it''s', E'a\\'b', X'ff', U&'d\\0061'", "SELECT ?, ?, ?, ?"),
            ("ALTER ROLE el PASSWORD 'hunter2'", "ALTER ROLE el PASSWORD ?"),
            ("SELECT $1, $23", "SELECT $1, $23"),
            ("SELECT $$secret$$, $a$se$$cret$a$ x", "SELECT ?, ? x"),
            ("SELECT 1.5e-3, 0xFF, -7, 1_000", "SELECT ?, ?, -?, ?"),
            ("SELECT a -- secret\nFROM b /* se /* cr */ et */ c", "SELECT a FROM b c"),
            ("SELECT \"My\".\"x-1\", \"no name, surely\"", "SELECT \"My\".\"x-1\", \"?\""),
            ("  SELECT\n\t1  ", "SELECT ?"),
            ("", ""),
        ] {
            assert_eq!(mask(query), wanted, "{query}");
        }
    }

    #[test]
    fn what_breaks_off_or_is_in_doubt_is_masked_to_the_end() {
        for query in [
            "SELECT 'secret",
            "SELECT $tag$secret",
            "SELECT \"secret",
            "SELECT E'a\\' secret",
            // Under standard_conforming_strings = off the first string goes on to the third quote.
            "SELECT 'it\\'s', 'secret'",
            "SELECT 'a\\', 'secret', 'b'",
            "SELECT $secret",
            "SELECT /* secret",
        ] {
            assert!(!mask(query).contains("secret"), "{query}: {}", mask(query));
        }
    }

    proptest! {
        #[test]
        fn no_string_is_ever_shown(
            before in "[a-z ,=()0-9]{0,20}",
            quotes in "[a-z;\" $]{0,20}",
            after in any::<String>(),
        ) {
            prop_assume!(!after.contains("Qx"));
            let query = format!("{before} 'Qx{quotes}zQ' {after}");
            prop_assert!(!mask(&query).contains("Qx"));
        }

        #[test]
        fn a_masked_query_is_one_short_line(query in any::<String>()) {
            let masked = mask(&query);
            prop_assert!(masked.chars().count() <= LONGEST);
            prop_assert!(!masked.chars().any(char::is_control));
        }
    }
}
