//! A place in the journal, as journalctl prints it: `s=…;i=…;b=…;m=…;t=…;x=…`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A cursor longer than this is none.
const LONGEST: usize = 250;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Cursor(String);

impl Cursor {
    /// Takes what may be handed to journalctl as an argument, and nothing else.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let proper = bytes.starts_with(b"s=")
            && bytes.len() <= LONGEST
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'=' | b';'));
        proper.then(|| Self(String::from_utf8_lossy(bytes).into_owned()))
    }

    /// Whether an entry with that cursor is this one or came before it: entries of one sequence
    /// (`s`) are numbered (`i`, hexadecimal). Entries of another sequence did not.
    pub(crate) fn covers(&self, other: &[u8]) -> bool {
        let (Some(mine), Some(theirs)) = (
            part(self.0.as_bytes(), b"s=").zip(number(self.0.as_bytes())),
            part(other, b"s=").zip(number(other)),
        ) else {
            return false;
        };
        mine.0 == theirs.0 && theirs.1 <= mine.1
    }

    pub(crate) fn is(&self, other: &[u8]) -> bool {
        self.0.as_bytes() == other
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn part<'a>(cursor: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    cursor.split(|&b| b == b';').find_map(|part| part.strip_prefix(key))
}

fn number(cursor: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(part(cursor, b"i=")?).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_covers_what_came_before_in_its_sequence() {
        let cursor = Cursor::new(b"s=ab;i=1f;b=1;m=2;t=3;x=4").expect("a cursor");
        assert!(cursor.is(b"s=ab;i=1f;b=1;m=2;t=3;x=4"));
        assert!(cursor.covers(b"s=ab;i=1f;b=1;m=2;t=3;x=4"));
        assert!(cursor.covers(b"s=ab;i=9;b=1;m=2;t=3;x=4"));
        assert!(!cursor.covers(b"s=ab;i=20;b=1;m=2;t=3;x=4"));
        assert!(!cursor.covers(b"s=cd;i=9;b=1;m=2;t=3;x=4"));
        assert!(!cursor.covers(b"nonsense"));
    }

    #[test]
    fn what_is_no_cursor_never_becomes_an_argument() {
        for bytes in [&b"--help"[..], b"", b"s=\xff", b"s=a b", &[b's'; 400]] {
            assert_eq!(Cursor::new(bytes), None);
        }
    }
}
