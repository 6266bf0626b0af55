//! Text from outside made safe to show, and figures as a person writes them.

use std::error::Error;
use std::fmt::Display;

/// Replaces what could harm a terminal or a reader by visible escapes, and cuts at `longest`
/// characters with an ellipsis.
///
/// Control characters, line breaks, bidirectional overrides and zero-width characters become
/// `\u{…}` escapes (`\n`, `\t` and `\r` their short form), so that what is left is one line which
/// reads as it is stored. Applying it twice changes nothing more than applying it once.
pub fn printable(text: &str, longest: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(longest));
    let mut room = longest;
    for character in text.chars() {
        let needed = if harmful(character) { character.escape_default().count() } else { 1 };
        if needed > room {
            if room == 0 {
                clean.pop();
            }
            clean.push('…');
            break;
        }
        room -= needed;
        if harmful(character) {
            clean.extend(character.escape_default());
        } else {
            clean.push(character);
        }
    }
    clean
}

pub(crate) fn harmful(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// As [`printable`], for bytes that may not be UTF-8: bad bytes become U+FFFD.
pub fn printable_bytes(bytes: &[u8], longest: usize) -> String {
    // No character takes more than four bytes: what lies beyond cannot be shown.
    let reach = bytes.len().min(longest.saturating_mul(4).saturating_add(4));
    printable(&String::from_utf8_lossy(&bytes[..reach]), longest)
}

/// Writes a count with its noun: `1 port`, `2 ports`.
pub fn counted<N: Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let ending = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// As [`counted`], for a noun whose plural takes more than an `s`: `1 process`, `2 processes`.
pub fn counted_as<N: Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    format!("{count} {}", if count == N::from(1) { one } else { many })
}

/// Writes an error and all its causes in one line: `cannot read the key: permission denied`.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Writes a number of bytes with a binary unit: `1.5 GiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Writes a point in time to the second, as date(1) in UTC could: `2026-11-20 19:42:01 UTC`.
pub fn moment(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Writes a length of time in its two largest units: `3 d 4 h`, `41 s`.
pub fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut words = Vec::new();
    for (length, unit) in UNITS {
        if rest >= length && words.len() < 2 {
            words.push(format!("{} {unit}", rest / length));
            rest %= length;
        } else if !words.is_empty() {
            break;
        }
    }
    if words.is_empty() { "0 s".to_owned() } else { words.join(" ") }
}

/// A measured time in words: `850 ms`, `4.2 s`, `3 min`.
pub fn milliseconds(count: u64) -> String {
    match count {
        0..1000 => format!("{count} ms"),
        1000..60_000 => format!("{}.{} s", count / 1000, count % 1000 / 100),
        _ => span(count / 1000),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_visible() {
        assert_eq!(printable("a\u{1b}[31mb\n\u{202e}", 100), "a\\u{1b}[31mb\\n\\u{202e}");
        assert_eq!(printable_bytes(b"ok\xff", 10), "ok\u{fffd}");
    }

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        assert_eq!(printable("abcdef", 3), "ab…");
        assert_eq!(printable("abc", 3), "abc");
    }

    #[test]
    fn sizes_and_spans_read_well() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1024 * 1024), "1.0 MiB");
        assert_eq!(span(0), "0 s");
        assert_eq!(span(3 * 86_400 + 4 * 3_600 + 5), "3 d 4 h");
        assert_eq!(span(3_605), "1 h");
        assert_eq!(moment(jiff::Timestamp::UNIX_EPOCH), "1970-01-01 00:00:00 UTC");
    }

    #[test]
    fn one_is_singular_and_all_else_plural() {
        assert_eq!(counted(1usize, "port"), "1 port");
        assert_eq!(counted(0u64, "port"), "0 ports");
        assert_eq!(counted_as(1u32, "process", "processes"), "1 process");
        assert_eq!(counted_as(2u32, "process", "processes"), "2 processes");
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = "x = ".parse::<toml::Table>().expect_err("no value");
        let error = crate::plan::error::Error::from(error);
        assert!(with_causes(&error).contains("line 1"), "{error}");
        assert_eq!(with_causes(&std::fmt::Error), std::fmt::Error.to_string());
    }

    proptest! {
        #[test]
        fn printable_text_is_one_short_harmless_line(text in any::<String>(), longest in 1usize..200) {
            let once = printable(&text, longest);
            prop_assert!(once.chars().count() <= longest);
            prop_assert!(!once.chars().any(harmful));
            prop_assert_eq!(printable(&once, longest), once);
        }
    }
}
