//! The compact form of a Packages file: one line for each package, with what a closure needs.
//!
//! It is half as long as the file and read ten times faster, so it is what is kept. Leaves out
//! descriptions, tags, and all relations that never bring or forbid a package.

use std::collections::HashMap;
use std::fmt::Write;
use std::io::BufRead;
use std::ops::Range;

use deb822_fast::borrowed::{BorrowedParagraph, iter_paragraphs_borrowed};
use model::text::printable;

use crate::relation;

/// The first line; a file that begins otherwise is made again.
pub const HEADING: &str = "stead packages 1\n";
/// The last line begins so, and says how many lines there are between the two.
pub const FOOTING: &str = "end:\t";

/// No stanza of an archive is longer, in bytes.
const LONGEST_STANZA: usize = 4 << 20;
/// No index is longer, in bytes: Debian's longest is 60 MB.
const LONGEST_INDEX: u64 = 1 << 30;

/// What stands in a line, in this order, separated by tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Name,
    Version,
    Architecture,
    /// Letters: `e` Essential, `i` Important or Protected; a digit for the priority, 5 for
    /// required down to 1 for extra; `S`, `F` or `A` for Multi-Arch same, foreign or allowed.
    Marks,
    /// When the name was first mentioned in the file, by whatever field; counted from 0.
    Mention,
    Provides,
    PreDepends,
    Depends,
    Conflicts,
    Breaks,
    Recommends,
    /// As in the stanza, possibly with a version in parentheses; empty if it is the name.
    Source,
    Filename,
    Size,
    InstalledSize,
    Sha256,
}

/// How many columns there are.
pub const COLUMNS: usize = 16;

/// A Packages file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read it after line {line}")]
    Read { line: u64, source: std::io::Error },
    #[error("line {line}: a stanza longer than {LONGEST_STANZA} bytes")]
    LongStanza { line: u64 },
    #[error("longer than {LONGEST_INDEX} bytes")]
    LongIndex,
    #[error("line {line}: no text in UTF-8")]
    NotText { line: u64 },
    #[error("stanza at line {line}: {message}")]
    Malformed { line: u64, message: String },
    #[error("stanza at line {line}: {package} lacks its `{field}`")]
    Lacks { line: u64, package: String, field: &'static str },
    #[error("stanza at line {line}: `{value}` is no {what}")]
    Wrong { line: u64, what: &'static str, value: String },
    #[error("stanza at line {line}: {package}'s `{field}`")]
    Relation { line: u64, package: String, field: &'static str, source: relation::Error },
}

/// Reads a Packages file stanza by stanza and gives its compact form.
pub fn compact(mut input: impl BufRead) -> Result<String, Error> {
    let mut writer = Writer { out: HEADING.to_owned(), mentions: HashMap::new() };
    let mut stanza = Vec::new();
    // Lines read, and the line on which the stanza began.
    let (mut line, mut began) = (0, 1);
    let mut bytes = 0;
    loop {
        let before = stanza.len();
        let room = (LONGEST_STANZA + 1 - before) as u64;
        let read = std::io::Read::take(&mut input, room)
            .read_until(b'\n', &mut stanza)
            .map_err(|source| Error::Read { line, source })?;
        line += 1;
        bytes += read as u64;
        if stanza.len() > LONGEST_STANZA {
            return Err(Error::LongStanza { line: began });
        }
        if bytes > LONGEST_INDEX {
            return Err(Error::LongIndex);
        }
        let blank = stanza[before..].trim_ascii().is_empty();
        if !blank {
            continue;
        }
        if !stanza.trim_ascii().is_empty() {
            let text = std::str::from_utf8(&stanza).map_err(|_| Error::NotText { line: began })?;
            writer.stanza(text, began)?;
        }
        if read == 0 {
            break;
        }
        stanza.clear();
        began = line + 1;
    }
    Ok(writer.finish())
}

/// The lines of a text that is whole: a file may be cut short by a loss of power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// Where they stand in the text.
    pub range: Range<usize>,
    pub count: usize,
}

/// The lines of the packages, if the text is whole.
pub fn lines(text: &str) -> Option<Lines> {
    text.starts_with(HEADING).then_some(())?;
    let (lines, count) = text.strip_suffix('\n')?.rsplit_once(FOOTING)?;
    let found = lines.get(HEADING.len()..)?.as_bytes();
    let found = memchr::memchr_iter(b'\n', found).count();
    let range = HEADING.len()..lines.len();
    (lines.ends_with('\n') && count.parse() == Ok(found)).then_some(Lines { range, count: found })
}

struct Writer {
    out: String,
    /// For each name its rank, and whether it has a line of its own.
    mentions: HashMap<String, (u32, bool)>,
}

impl Writer {
    fn stanza(&mut self, text: &str, line: u64) -> Result<(), Error> {
        let mut stanzas = iter_paragraphs_borrowed(text);
        let Some(stanza) = stanzas.next() else { return Ok(()) };
        let stanza = stanza.map_err(|error| Error::Malformed {
            line,
            message: printable(&error.to_string(), 200),
        })?;
        let stanza = Stanza { fields: stanza, line };
        let name = stanza.checked("Package", "package name", is_name)?;
        let rank = self.mention(&name);
        if let Some(mention) = self.mentions.get_mut(&name) {
            mention.1 = true;
        }
        // apt meets the names of relations in this order.
        let mut relations: HashMap<&str, String> = HashMap::new();
        for field in [
            "Pre-Depends",
            "Depends",
            "Conflicts",
            "Breaks",
            "Recommends",
            "Suggests",
            "Replaces",
            "Enhances",
            "Provides",
        ] {
            let Some(value) = stanza.get(field) else { continue };
            let groups = relation::parse(&value).map_err(|source| Error::Relation {
                line,
                package: name.clone(),
                field,
                source,
            })?;
            for relation in groups.iter().flatten() {
                self.mention(relation.name);
            }
            relations.insert(field, value);
        }
        let related = |field| relations.get(field).map_or("", String::as_str);
        let version = stanza.checked("Version", "version", is_version)?;
        let architecture = stanza.checked("Architecture", "architecture", is_name)?;
        let source = stanza.get("Source").unwrap_or_default();
        let filename = stanza.checked("Filename", "path inside the archive", is_inside)?;
        let size = stanza.checked("Size", "number", is_number)?;
        let sha256 = stanza.checked("SHA256", "SHA256", is_sha256)?;
        // In KiB; a few packages of Debian have none.
        let installed = stanza.get("Installed-Size").unwrap_or_else(|| "0".to_owned());
        if !is_number(&installed) {
            return Err(stanza.wrong("number", &installed));
        }
        let line = [
            &name,
            &version,
            &architecture,
            &stanza.marks(),
            &rank.to_string(),
            related("Provides"),
            related("Pre-Depends"),
            related("Depends"),
            related("Conflicts"),
            related("Breaks"),
            related("Recommends"),
            &source,
            &filename,
            &size,
            &installed,
            &sha256,
        ]
        .join("\t");
        self.out.push_str(&line);
        self.out.push('\n');
        Ok(())
    }

    fn mention(&mut self, name: &str) -> u32 {
        if let Some((rank, _)) = self.mentions.get(name) {
            return *rank;
        }
        let rank = u32::try_from(self.mentions.len()).expect("an index is shorter than 4 GiB");
        self.mentions.insert(name.to_owned(), (rank, false));
        rank
    }

    /// Names that are only mentioned follow in lines of two columns: a later file may define them.
    fn finish(mut self) -> String {
        let mut only: Vec<(&str, u32)> = self
            .mentions
            .iter()
            .filter(|(_, (_, defined))| !defined)
            .map(|(name, (rank, _))| (name.as_str(), *rank))
            .collect();
        only.sort_unstable_by_key(|(_, rank)| *rank);
        for (name, rank) in only {
            writeln!(self.out, "{name}\t{rank}").expect("a string takes all");
        }
        let lines = self.out.lines().count() - 1;
        writeln!(self.out, "{FOOTING}{lines}").expect("a string takes all");
        self.out.shrink_to_fit();
        self.out
    }
}

struct Stanza<'a> {
    fields: BorrowedParagraph<'a>,
    line: u64,
}

impl Stanza<'_> {
    /// A field's value in one line, without tabs.
    fn get(&self, field: &str) -> Option<String> {
        let lines = self.fields.get(field)?;
        let value = lines.join(" ");
        let value = value.trim_ascii();
        (!value.is_empty()).then(|| value.replace(|c: char| c.is_control(), " "))
    }

    fn checked(
        &self,
        field: &'static str,
        what: &'static str,
        right: fn(&str) -> bool,
    ) -> Result<String, Error> {
        let Some(value) = self.get(field) else {
            let package = self.get("Package").unwrap_or_else(|| "a package".to_owned());
            return Err(Error::Lacks { line: self.line, package: printable(&package, 80), field });
        };
        if right(&value) { Ok(value) } else { Err(self.wrong(what, &value)) }
    }

    fn wrong(&self, what: &'static str, value: &str) -> Error {
        Error::Wrong { line: self.line, what, value: printable(value, 80) }
    }

    fn marks(&self) -> String {
        let mut marks = String::new();
        let yes = |field| self.get(field).is_some_and(|value| value == "yes");
        if yes("Essential") {
            marks.push('e');
        }
        if yes("Important") || yes("Protected") {
            marks.push('i');
        }
        marks.push(match self.get("Priority").as_deref() {
            Some("required") => '5',
            Some("important") => '4',
            Some("standard") => '3',
            Some("optional") => '2',
            Some("extra") => '1',
            _ => '0',
        });
        match self.get("Multi-Arch").as_deref() {
            Some("same") => marks.push('S'),
            Some("foreign") => marks.push('F'),
            Some("allowed") => marks.push('A'),
            _ => {}
        }
        marks
    }
}

fn is_name(value: &str) -> bool {
    value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_'))
}

/// deb-version(7): an epoch of digits, then letters, digits and `.+-~`, colons after an epoch only.
fn is_version(value: &str) -> bool {
    let (epoch, rest) = value.split_once(':').unwrap_or(("0", value));
    epoch.parse::<u32>().is_ok()
        && !rest.is_empty()
        && rest
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'~' | b':'))
}

/// A relative path without steps upwards.
fn is_inside(value: &str) -> bool {
    !value.starts_with('/') && !value.contains('\\') && value.split('/').all(|step| step != "..")
}

fn is_number(value: &str) -> bool {
    value.parse::<u64>().is_ok()
}

fn is_sha256(value: &str) -> bool {
    value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit())
}
