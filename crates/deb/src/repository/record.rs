//! The lines of the manifest: what happened to the repository, one record after the other.
//!
//! A record is `<kind> <bytes> <crc32>` in a line, and then so many bytes. The sum finds what a
//! power cut left unfinished; it is no defence against people, who are kept out by the folder's
//! mode. Leaves out what the records add up to: that is `manifest`'s.

use std::fmt::Write;

use flate2::Crc;

use crate::repository::entry::{Entry, Key, Origin, Stamp};

/// What one record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// A package is in the pool, or something about it changed.
    Package(Key, Box<Entry>),
    /// A package was taken out; its file stays for those who hold an older index.
    Gone { key: Key, path: String, generation: u64 },
    /// A file of the pool was deleted.
    Deleted { path: String },
    /// A suite was published with these files of `by-hash`, below its folder.
    Published { suite: String, generation: u64, files: Vec<String> },
}

/// Why bytes are no record.
pub(crate) type Fault = &'static str;

/// What stands at the beginning of some bytes.
pub(crate) enum Next<'a> {
    /// A record, and the bytes behind it.
    Record(Record, &'a [u8]),
    /// The bytes end before the record does: a process was stopped while it wrote.
    Torn,
}

impl Record {
    pub fn write(&self, out: &mut Vec<u8>) {
        let (kind, body) = match self {
            Self::Package(key, entry) => ('p', package(key, entry)),
            Self::Gone { key, path, generation } => {
                ('g', format!("{generation}\n{}\n{path}\n", key_line(key)))
            }
            Self::Deleted { path } => ('d', format!("{path}\n")),
            Self::Published { suite, generation, files } => {
                ('s', format!("{generation} {suite}\n{}\n", files.join("\n")))
            }
        };
        let mut sum = Crc::new();
        sum.update(body.as_bytes());
        out.extend(format!("{kind} {} {:08x}\n", body.len(), sum.sum()).as_bytes());
        out.extend(body.as_bytes());
    }

    pub fn read(bytes: &[u8]) -> Result<Next<'_>, Fault> {
        let Some(end) = bytes.iter().take(64).position(|byte| *byte == b'\n') else {
            return if bytes.len() < 64 { Ok(Next::Torn) } else { Err("no head of a record") };
        };
        let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "no head of a record")?;
        let mut words = head.split(' ');
        let (kind, size, sum) = (words.next(), words.next(), words.next());
        let size: usize = number(size)?;
        let sum = sum.and_then(|sum| u32::from_str_radix(sum, 16).ok()).ok_or("no sum")?;
        let rest = &bytes[end + 1..];
        if rest.len() < size {
            return Ok(Next::Torn);
        }
        let (body, rest) = rest.split_at(size);
        let mut found = Crc::new();
        found.update(body);
        if found.sum() != sum {
            // The last one may have been given its length before its bytes.
            return if rest.is_empty() { Ok(Next::Torn) } else { Err("a record's sum differs") };
        }
        let body = std::str::from_utf8(body).map_err(|_| "a record is no text")?;
        let record = match kind {
            Some("p") => read_package(body)?,
            Some("g") => {
                let mut lines = body.lines();
                let generation = number(lines.next())?;
                let key = read_key(lines.next())?;
                Self::Gone { key, path: line(lines.next())?, generation }
            }
            Some("d") => Self::Deleted { path: line(body.lines().next())? },
            Some("s") => {
                let mut lines = body.lines();
                let (generation, suite) =
                    lines.next().and_then(|head| head.split_once(' ')).ok_or("no suite")?;
                let files = lines.filter(|file| !file.is_empty()).map(str::to_owned).collect();
                let generation = number(Some(generation))?;
                Self::Published { suite: suite.to_owned(), generation, files }
            }
            _ => return Err("a record of an unknown kind: a newer stead wrote it"),
        };
        Ok(Next::Record(record, rest))
    }
}

fn key_line(key: &Key) -> String {
    format!("{} {} {}", key.package, key.version, key.architecture)
}

fn package(key: &Key, entry: &Entry) -> String {
    let mut body = String::with_capacity(entry.stanza.len() + entry.files.len() + 256);
    let Entry { path, stamp, sha256, suites, sealed, origin, stanza, files } = entry;
    let Stamp { size, modified, inode } = stamp;
    let origin = origin.as_ref().and_then(|origin| serde_json::to_string(origin).ok());
    // Writing to a String cannot fail.
    let _ = write!(
        body,
        "{}\n{path}\n{sha256} {size} {modified} {inode} {}\n{}\n{}\n{}\n{stanza}{files}",
        key_line(key),
        u8::from(*sealed),
        suites.join(" "),
        origin.unwrap_or_default(),
        stanza.len(),
    );
    body
}

fn read_package(body: &str) -> Result<Record, Fault> {
    let mut rest = body;
    let mut next = || {
        let (line, after) = rest.split_once('\n')?;
        rest = after;
        Some(line)
    };
    let key = read_key(next())?;
    let path = line(next())?;
    let mut words = next().ok_or("no sums")?.split(' ');
    let sha256 = words.next().filter(|sum| sum.len() == 64).ok_or("no SHA-256")?.to_owned();
    let stamp = Stamp {
        size: number(words.next())?,
        modified: number(words.next())?,
        inode: number(words.next())?,
    };
    let sealed = words.next() == Some("1");
    let suites = line(next())?.split_whitespace().map(str::to_owned).collect();
    let origin: Option<Origin> = match next().ok_or("no origin")? {
        "" => None,
        text => Some(serde_json::from_str(text).map_err(|_| "an origin is malformed")?),
    };
    let length: usize = number(next())?;
    let (stanza, files) = rest.split_at_checked(length).ok_or("a paragraph's length is wrong")?;
    let (stanza, files) = (stanza.to_owned(), files.to_owned());
    let entry = Entry { path, stamp, sha256, suites, sealed, origin, stanza, files };
    Ok(Record::Package(key, Box::new(entry)))
}

fn read_key(line: Option<&str>) -> Result<Key, Fault> {
    let mut words = line.ok_or("no package")?.split(' ');
    let mut word = || words.next().filter(|word| !word.is_empty()).map(str::to_owned);
    match (word(), word(), word()) {
        (Some(package), Some(version), Some(architecture)) => {
            Ok(Key { package, version, architecture })
        }
        _ => Err("a package lacks its version or architecture"),
    }
}

fn number<T: std::str::FromStr>(word: Option<&str>) -> Result<T, Fault> {
    word.and_then(|word| word.parse().ok()).ok_or("no number where one is needed")
}

fn line(line: Option<&str>) -> Result<String, Fault> {
    line.map(str::to_owned).ok_or("a line is missing")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(mut bytes: &[u8]) -> Result<(Vec<Record>, bool), Fault> {
        let mut records = Vec::new();
        while !bytes.is_empty() {
            match Record::read(bytes)? {
                Next::Record(record, rest) => {
                    records.push(record);
                    bytes = rest;
                }
                Next::Torn => return Ok((records, true)),
            }
        }
        Ok((records, false))
    }

    prop_compose! {
        fn record()(
            kind in 0..4,
            words in proptest::collection::vec("[a-z0-9.+~-]{1,9}", 3),
            path in "[ -~é]{0,20}",
            lines in "([ -~é]{0,9}\n){0,4}",
            more in "([a-z/]{1,9}\n){0,4}",
            numbers in (any::<u64>(), any::<i64>(), any::<u64>()),
            origin in proptest::option::of("[ -~é\n]{0,12}"),
            sealed in any::<bool>(),
        ) -> Record {
            let [package, version, architecture] = words.clone().try_into().expect("three");
            let key = Key { package, version, architecture };
            match kind {
                0 => Record::Gone { key, path, generation: numbers.0 },
                1 => Record::Deleted { path },
                2 => Record::Published {
                    suite: words[0].clone(),
                    generation: numbers.0,
                    files: words.clone(),
                },
                _ => Record::Package(key, Box::new(Entry {
                    path,
                    stamp: Stamp {
                        size: numbers.0,
                        modified: numbers.1.into(),
                        inode: numbers.2,
                    },
                    sha256: "0".repeat(64),
                    suites: words,
                    sealed,
                    origin: origin.map(|name| Origin {
                        url: "u".to_owned(),
                        suite: "s".to_owned(),
                        name,
                        release: String::new(),
                        keyring: String::new(),
                    }),
                    stanza: lines,
                    files: more,
                })),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(records in proptest::collection::vec(record(), 0..6)) {
            let mut bytes = Vec::new();
            records.iter().for_each(|record| record.write(&mut bytes));
            prop_assert_eq!(all(&bytes), Ok((records, false)));
        }

        #[test]
        fn a_cut_anywhere_loses_the_last_records_only(
            records in proptest::collection::vec(record(), 1..4),
            cut in any::<proptest::sample::Index>(),
        ) {
            let mut bytes = Vec::new();
            records.iter().for_each(|record| record.write(&mut bytes));
            bytes.truncate(cut.index(bytes.len()));
            let (found, _) = all(&bytes).expect("no fault");
            prop_assert_eq!(&found[..], &records[..found.len()]);
        }

        #[test]
        fn a_changed_byte_never_passes(
            records in proptest::collection::vec(record(), 2..4),
            at in any::<proptest::sample::Index>(),
        ) {
            let mut bytes = Vec::new();
            records.iter().for_each(|record| record.write(&mut bytes));
            let at = at.index(bytes.len());
            bytes[at] ^= 1;
            if let Ok((found, _)) = all(&bytes) {
                prop_assert_ne!(found, records);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = all(&bytes);
        }

        #[test]
        fn any_text_in_a_sound_frame_is_read_or_refused(
            kind in "[pgdsx]", body in "[ -~\n]{0,80}"
        ) {
            let mut sum = Crc::new();
            sum.update(body.as_bytes());
            let text = format!("{kind} {} {:08x}\n{body}", body.len(), sum.sum());
            let _ = all(text.as_bytes());
        }
    }
}
