//! The `ar` archive around a .deb's members.
//!
//! Leaves out ar's long names and symbol tables, which no .deb has.

use std::io::{self, Read, Write};

pub const MAGIC: &[u8; 8] = b"!<arch>\n";

/// A member's header: 60 bytes of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    /// In bytes, without the filling byte of an odd size.
    pub size: u64,
}

/// Writes a member's header. What follows is `size` bytes, and [`fill`].
pub fn header(out: &mut impl Write, name: &str, size: u64, mtime: u64) -> io::Result<()> {
    let text = format!("{name:<16}{mtime:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, "100644");
    if text.len() != 60 {
        return Err(io::Error::other(format!("`{name}` of {size} bytes is too large for a .deb")));
    }
    out.write_all(text.as_bytes())
}

/// Fills an odd size up.
pub fn fill(out: &mut impl Write, size: u64) -> io::Result<()> {
    if size % 2 == 1 { out.write_all(b"\n") } else { Ok(()) }
}

/// Reads the first bytes of an archive.
pub fn open(input: &mut impl Read) -> io::Result<()> {
    let mut magic = [0; 8];
    input.read_exact(&mut magic).map_err(|error| named("its beginning", error))?;
    if &magic != MAGIC {
        return Err(malformed("it does not begin as an ar archive, `!<arch>`"));
    }
    Ok(())
}

/// Reads the next header; `None` at the end.
pub fn next(input: &mut impl Read) -> io::Result<Option<Member>> {
    let mut header = [0; 60];
    let mut filled = 0;
    while filled < header.len() {
        match input.read(&mut header[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(malformed("it ends within a member's header")),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if &header[58..] != b"`\n" {
        return Err(malformed("a member's header does not end as ar has it"));
    }
    let text = |from: usize, to: usize| {
        std::str::from_utf8(&header[from..to])
            .map(str::trim_end)
            .map_err(|_| malformed("a member's header is no text"))
    };
    let name = text(0, 16)?.trim_end_matches('/').to_owned();
    let digits = text(48, 58)?;
    let size = Some(digits)
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| malformed("a member's size is no number"))?;
    Ok(Some(Member { name, size }))
}

/// Reads over what is left of a member and its filling byte.
pub fn skip(input: &mut impl Read, left: u64, size: u64) -> io::Result<()> {
    let expected = left + size % 2;
    let passed = io::copy(&mut input.take(expected), &mut io::sink())?;
    // Some writers leave the filling byte of the last member out.
    if passed < left { Err(malformed("it ends within a member")) } else { Ok(()) }
}

pub(crate) fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Says of what an error is.
pub(crate) fn named(what: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_read_as_it_was_written() {
        let mut bytes = MAGIC.to_vec();
        header(&mut bytes, "control.tar.xz", 3, 1_577_836_800).expect("written");
        bytes.extend(b"abc");
        fill(&mut bytes, 3).expect("written");
        header(&mut bytes, "x", 0, 0).expect("written");
        let mut input = bytes.as_slice();
        open(&mut input).expect("an archive");
        let member = next(&mut input).expect("well-formed");
        assert_eq!(member, Some(Member { name: "control.tar.xz".to_owned(), size: 3 }));
        skip(&mut input, 3, 3).expect("there");
        assert_eq!(next(&mut input).expect("well-formed").map(|member| member.size), Some(0));
        assert_eq!(next(&mut input).expect("well-formed"), None);
    }

    #[test]
    fn a_member_too_large_for_its_header_is_refused() {
        assert!(header(&mut Vec::new(), "data.tar.xz", 10_000_000_000, 0).is_err());
        assert!(header(&mut Vec::new(), "a-name-of-17-char", 1, 0).is_err());
    }
}
