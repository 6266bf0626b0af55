//! A log line reduced to what stays the same from line to line: its template.
//!
//! Leaves out counting, which is the [folder](crate::folder)'s.
//!
//! The line is cut into words. What varies is replaced by a mark: `<n>` for numbers of any kind
//! (hexadecimal, durations, sizes, versions, dates), `<ip>`, `<time>`, `<uuid>`, `<mac>`, `<id>`
//! for random names, `<s>` for quoted text, `<user>`, `<secret>`. Which mark a word gets depends
//! on its shape with every run of digits taken as one, so two lines that differ only in numbers
//! have one template, and a template is its own template.

mod scanner;
mod word;

use std::borrow::Cow;

use self::scanner::{Mode, Scanner};

/// The longest template, in characters.
pub const LONGEST: usize = 160;
/// The longest sample, in characters.
pub const LONGEST_SAMPLE: usize = 200;
/// How much of a line is looked at, in bytes.
const REACH: usize = 1024;

/// Writes the line's template into `out`, replacing what was there. It is printable and at most
/// [`LONGEST`] characters long.
pub fn mask(line: &[u8], out: &mut String) {
    Scanner::new(&head(line), Mode::Template, LONGEST).run(out);
    // A cut can close or open a quotation; what is left then has another template.
    for _ in 0..4 {
        if !out.ends_with('…') {
            break;
        }
        let before = std::mem::take(out);
        Scanner::new(&before, Mode::Template, LONGEST).run(out);
        if *out == before {
            break;
        }
    }
}

/// The line as it is, made printable, cut at [`LONGEST_SAMPLE`] characters, with what looks like
/// a secret replaced by `<secret>`.
pub fn sample(line: &[u8]) -> String {
    let mut out = String::new();
    Scanner::new(&head(line), Mode::Sample, LONGEST_SAMPLE).run(&mut out);
    out
}

/// The name of a unit with what counts its instances masked: `session-<n>.scope`,
/// `user@<n>.service`; names that people give (`postgresql@15-main.service`) stay. Of the name of
/// a program, numbers that look counted: `job-<n>`, but `python3.11`.
pub fn source(unit: &str, out: &mut String) {
    out.clear();
    word::unit(&crate::text::printable(unit, 80), out);
}

/// Whether a name is that of a unit, by its end.
pub fn is_unit(name: &str) -> bool {
    word::is_unit(name)
}

/// The start of a line as text, without the escape sequences that colour a terminal.
fn head(line: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(&line[..line.len().min(REACH)]);
    if !text.contains('\u{1b}') {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut pieces = text.split('\u{1b}');
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        // A control sequence of ECMA-48: `[`, parameters, one final byte.
        let rest = piece.strip_prefix('[').map_or(piece, |sequence| {
            sequence.trim_start_matches(|c: char| matches!(c, ' '..='?')).get(1..).unwrap_or("")
        });
        plain.push_str(rest);
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(line: &str) -> String {
        let mut out = String::new();
        mask(line.as_bytes(), &mut out);
        out
    }

    #[test]
    fn what_varies_is_masked() {
        for (line, template) in [
            (
                "Accepted publickey for root from 10.1.2.3 port 51234 ssh2: ED25519 SHA256:aB/c+d",
                "Accepted publickey for root from <ip> port <n> ssh<n>: <n> SHA<n>:<id>",
            ),
            (
                "Invalid user admin from 2001:db8::1 port 22",
                "Invalid user <user> from <ip> port <n>",
            ),
            ("Consumed 1min 2.345s CPU time.", "Consumed <n> CPU time."),
            ("Consumed 345ms CPU time.", "Consumed <n> CPU time."),
            ("GET /api/v1/users/17?x=3 HTTP/1.1", "GET /api/v<n>/users/<n>?x=<n> HTTP/<n>"),
            ("link 00:1b:44:11:3a:b7 up", "link <mac> up"),
            ("at 2024-05-06T07:08:09.123Z done", "at <time> done"),
            ("at 07:08:09 done", "at <time> done"),
            ("job 3f2504e0-4f89-11d3-9a0c-0305e82c3301 ok", "job <uuid> ok"),
            ("segfault at 7ffd1c0a ip 0x55d3 error 4", "segfault at <n> ip <n> error <n>"),
            ("mail from <joe@example.org> to @ann:example.org", "mail from <<user>> to <user>"),
            ("join !OGEhHVWSdvArJzumhm:matrix.org as #mesh:example.org", "join <id> as <id>"),
            (
                "Started getty@tty1.service - Getty on tty1.",
                "Started getty@tty<n>.service - Getty on tty<n>.",
            ),
            ("relation \"users\" does not exist", "relation \"<s>\" does not exist"),
            ("can't open the user's file", "can't open the user's file"),
            ("sizes: 1, 2, 3 and 4.5 GiB", "sizes: <n> and <n> GiB"),
            (
                r#"{"level":"error","msg":"lost peer 7","ts":17.5,"who":"x"}"#,
                r#"{"level":"error","msg":"lost peer <n>","ts":<n>,"who":"<s>"}"#,
            ),
            (
                "time=2024-01-02T03:04:05Z level=warning msg=\"no route to 10.0.0.1\"",
                "time=<time> level=warning msg=\"no route to <ip>\"",
            ),
            ("\u{1b}[31mred\u{1b}[0m\tand\nmore", "red and more"),
            ("", ""),
        ] {
            assert_eq!(masked(line), template);
        }
    }

    #[test]
    fn a_secret_is_in_neither_template_nor_sample() {
        for line in [
            "login with password=hunter two",
            "PASSWORD: hunter",
            "mysql --password hunter",
            "\"api_key\": \"hunter\"",
            "Authorization: Bearer hunter",
            "authorization: hunter",
            "Cookie: a=hunter; b=hunter",
            "GET /x?access_token=hunter&b=1",
            "postgres://el:hunter@localhost/x",
            "PGPASSWORD=hunter psql",
            "token='hunter'",
            "-----BEGIN PRIVATE KEY----- hunter",
            "client_secret = hunter",
        ] {
            assert!(!masked(line).contains("hunter"), "{line}: {}", masked(line));
            let sample = sample(line.as_bytes());
            assert!(!sample.contains("hunter"), "{line}: {sample}");
            assert!(sample.contains("<secret>"), "{line}: {sample}");
        }
        for line in
            ["0:token:hunter", "a.b:api_key:hunter", "user token:hunter", "x:y:password:hunter"]
        {
            assert!(masked(line).ends_with(":<secret>"), "{line}: {}", masked(line));
        }
        let jwt = "got eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U end";
        assert_eq!(sample(jwt.as_bytes()), "got <secret> end");
    }

    #[test]
    fn a_sample_keeps_real_values() {
        assert_eq!(
            sample(b"Failed password for root from 10.0.0.1 port 22 'x y'"),
            "Failed password for root from 10.0.0.1 port 22 'x y'"
        );
        assert_eq!(sample(b"a\xffb\x07c"), "a\u{fffd}b c");
    }

    #[test]
    fn units_that_count_are_one_source() {
        for (unit, wanted) in [
            ("session-12.scope", "session-<n>.scope"),
            ("user@1000.service", "user@<n>.service"),
            ("sshd@7-10.0.0.1:22-10.0.0.2:51000.service", "sshd@<n>.service"),
            ("run-r8c5a1f.service", "run-<n>.service"),
            ("run-u17.service", "run-<n>.service"),
            ("postgresql@15-main.service", "postgresql@15-main.service"),
            ("getty@tty1.service", "getty@tty1.service"),
            ("e2scrub.service", "e2scrub.service"),
            ("kernel", "kernel"),
            ("chatd", "chatd"),
            ("python3.11", "python3.11"),
            ("org.gnome.Shell.desktop", "org.gnome.Shell.desktop"),
            ("job-4711", "job-<n>"),
            ("3f2a9b1c0d4e", "<n>"),
            ("deadbeef", "deadbeef"),
        ] {
            let mut out = String::new();
            source(unit, &mut out);
            assert_eq!(out, wanted);
        }
    }

    #[test]
    fn a_word_joined_to_a_number_is_its_own_template() {
        assert_eq!(masked("0:token:user0"), "<n>:token:<secret>");
        for line in ["0:token:user0", "a:0:token:user0:b", "token:0:token:x", "user:token:user0"]
            .into_iter()
            .chain([
                "0.user=msgmsg",
                "0-user:joe",
                "0..msg='a b'",
                "0...user=joe",
                "user=msg0token",
                "x:''@a:b'y",
                "®:''@ᾶ:ጘ'🌀",
            ])
        {
            assert_eq!(masked(&masked(line)), masked(line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn a_template_is_its_own_template(line in "\\PC{0,300}") {
            let once = masked(&line);
            prop_assert_eq!(masked(&once), once);
        }

        #[test]
        fn a_likely_line_is_its_own_template(line in "([a-f0-9]{1,6}|user|token|msg|[a-z]{1,5}|[0-9.:]{1,9}|[\"'`=:;, <>@!#/_-]|<n>|<user>){0,60}") {
            let once = masked(&line);
            prop_assert_eq!(masked(&once), once);
        }

        #[test]
        fn lines_that_differ_in_numbers_share_a_template(
            pieces in prop::collection::vec(("[a-zA-Z \"'=:.,/@_<>-]{0,12}", 0u64.., 0u32..), 0..12),
        ) {
            let line = |pick: fn(&(String, u64, u32)) -> String| -> String {
                pieces.iter().map(|piece| format!("{}{}", piece.0, pick(piece))).collect()
            };
            let (one, other) = (line(|p| p.1.to_string()), line(|p| p.2.to_string()));
            prop_assume!(one.len() < REACH && other.len() < REACH);
            prop_assert_eq!(masked(&one), masked(&other));
        }

        #[test]
        fn any_bytes_give_a_short_printable_template(line in prop::collection::vec(any::<u8>(), 0..2000)) {
            let mut out = String::new();
            mask(&line, &mut out);
            prop_assert_eq!(crate::text::printable(&out, LONGEST), out);
            let sample = sample(&line);
            prop_assert_eq!(crate::text::printable(&sample, LONGEST_SAMPLE), sample);
        }
    }
}
