//! Debian's control files (deb822(5)) read stanza by stanza, with little memory.
//!
//! Leaves out what the fields mean.

use std::io::{self, BufRead, Read};

/// The most bytes of one line that are kept.
const LINE: u64 = 64 * 1024;

/// The most bytes of one stanza that are kept.
const STANZA: usize = 4 << 20;

/// Reads stanzas from any reader.
pub(crate) struct Stanzas<R> {
    reader: R,
    text: Vec<u8>,
}

/// One stanza: fields, each with its lines.
#[derive(Clone, Copy)]
pub(crate) struct Stanza<'a>(&'a [u8]);

impl<R: BufRead> Stanzas<R> {
    pub(crate) const fn new(reader: R) -> Self {
        Self { reader, text: Vec::new() }
    }

    /// The next stanza; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Stanza<'_>>> {
        self.text.clear();
        loop {
            let start = self.text.len();
            let read = (&mut self.reader).take(LINE).read_until(b'\n', &mut self.text)?;
            let line = &self.text[start..];
            let blank = line.iter().all(u8::is_ascii_whitespace);
            // A line that is too long goes on in the next turn and is cut here.
            if read as u64 == LINE && !line.ends_with(b"\n") {
                skip_line(&mut self.reader)?;
                self.text.push(b'\n');
            }
            if blank || self.text.len() > STANZA {
                self.text.truncate(start);
            }
            if read == 0 || (blank && !self.text.is_empty()) {
                break;
            }
        }
        Ok((!self.text.is_empty()).then_some(Stanza(&self.text)))
    }
}

/// Reads on to behind the line break.
fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

impl<'a> Stanza<'a> {
    /// The first line of a field; names are compared without regard to case.
    pub(crate) fn field(self, name: &str) -> Option<&'a str> {
        self.lines().find_map(|line| value(line, name))
    }

    /// The lines of a field that go on below its first, without their indent.
    pub(crate) fn more(self, name: &str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut lines = self.lines();
        // Ends behind the field's first line, or at the end.
        lines.any(|line| value(line, name).is_some());
        lines.take_while(|line| line.starts_with(b" ")).map(<[u8]>::trim_ascii)
    }

    fn lines(self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.0.split(|byte| *byte == b'\n')
    }
}

fn value<'a>(line: &'a [u8], name: &str) -> Option<&'a str> {
    let (key, rest) = line.split_at_checked(name.len())?;
    let rest = rest.strip_prefix(b":")?;
    key.eq_ignore_ascii_case(name.as_bytes())
        .then(|| std::str::from_utf8(rest.trim_ascii()).unwrap_or_default())
}

/// Calls `each` with every stanza.
pub(crate) fn each(reader: impl BufRead, mut each: impl FnMut(Stanza<'_>)) -> io::Result<()> {
    let mut stanzas = Stanzas::new(reader);
    while let Some(stanza) = stanzas.next()? {
        each(stanza);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_fields_and_their_lines_are_read() {
        let text = b"\n\nPackage: a\nConffiles:\n /etc/a 1\n /etc/b 2 obsolete\nVersion: 1\n\n \nPackage: b\n";
        let mut stanzas = Stanzas::new(&text[..]);
        let first = stanzas.next().unwrap().unwrap();
        assert_eq!(first.field("package"), Some("a"));
        assert_eq!(first.field("Version"), Some("1"));
        assert_eq!(first.field("Pack"), None);
        let conffiles: Vec<_> = first.more("Conffiles").collect();
        assert_eq!(conffiles, [&b"/etc/a 1"[..], b"/etc/b 2 obsolete"]);
        assert_eq!(stanzas.next().unwrap().unwrap().field("Package"), Some("b"));
        assert!(stanzas.next().unwrap().is_none());
    }

    #[test]
    fn an_endless_line_is_cut_and_the_next_field_read() {
        let mut text = b"Package: a\nDescription: ".to_vec();
        text.resize(1 << 20, b'x');
        text.extend_from_slice(b"\nVersion: 2\n\nPackage: b\n");
        let mut names = Vec::new();
        each(&text[..], |stanza| {
            names.push((
                stanza.field("Package").map(str::to_owned),
                stanza.field("Version").map(str::to_owned),
            ));
        })
        .unwrap();
        assert_eq!(names[0], (Some("a".to_owned()), Some("2".to_owned())));
        assert_eq!(names[1].0.as_deref(), Some("b"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            each(&bytes[..], |stanza| {
                stanza.field("Package");
                stanza.more("Conffiles").count();
            })
            .unwrap();
        }
    }
}
