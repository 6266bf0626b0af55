//! The journal's export text, hostile and plain, folded.

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

#[test]
fn only_journald_says_where_a_line_comes_from() {
    let mut line = Entry { unit: b"evil.service".to_vec(), ..Entry::default() };
    line.about = b"good.service".to_vec();
    line.identifier = b"kernel".to_vec();
    assert_eq!(origin(&line).0, "evil.service");
    line.unit = b"init.scope".to_vec();
    assert_eq!(origin(&line).0, "good.service");
    line.transport = b"kernel".to_vec();
    assert_eq!(origin(&line).0, "kernel");
}
