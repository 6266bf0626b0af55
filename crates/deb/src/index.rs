//! The packages that repositories offer for one architecture, held in little memory.
//!
//! Leaves out fetching and verifying the files (`upstream`), and choosing among packages
//! (`closure`).

pub mod compact;
mod names;

use std::cmp::Ordering;
use std::io::BufRead;

use model::text::printable;

pub use crate::index::names::Name;

use crate::index::compact::{COLUMNS, Column, Lines};
use crate::index::names::{Names, Span};
use crate::relation;

/// A repository's usual priority, as in apt_preferences(5).
pub const PRIORITY: i16 = 500;
/// The priority of a suite whose Release says `NotAutomatic: yes` and `ButAutomaticUpgrades: yes`,
/// as Debian's backports do.
pub const PRIORITY_BACKPORTS: i16 = 100;

/// All packages of some Packages files, every version of each.
///
/// Lines of [`compact`] lie one after the other in one text; all else points into it.
#[derive(Debug)]
pub struct Index {
    architecture: String,
    text: String,
    names: Names,
    /// For each name its newest package met, and its last provider met.
    heads: Vec<Head>,
    packages: Vec<Package>,
    providers: Vec<Provider>,
    files: Vec<String>,
}

/// The number of a package, in the order of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub(crate) u32);

#[derive(Clone, Copy, Debug)]
struct Head {
    package: u32,
    provider: u32,
    /// When the name was first mentioned: the file, then the rank in it.
    mentioned: (u32, u32),
}

#[derive(Clone, Copy, Debug)]
struct Package {
    line: Span,
    version: Span,
    name: Name,
    marks: Marks,
    file: u16,
    priority: i16,
    /// The next package of this name, or `NONE`.
    next: u32,
}

#[derive(Clone, Copy, Debug)]
struct Provider {
    package: Id,
    version: Span,
    next: u32,
}

const NONE: u32 = u32::MAX;

/// What a stanza says in few words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    pub essential: bool,
    /// `Important: yes` or `Protected: yes`.
    pub important: bool,
    /// 5 required, 4 important, 3 standard, 2 optional, 1 extra, 0 unknown.
    pub priority: u8,
    pub multi_arch: MultiArch,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MultiArch {
    #[default]
    No,
    Same,
    Foreign,
    Allowed,
}

/// An index that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read the package index `{file}`")]
    Compact { file: String, source: compact::Error },
    #[error("the kept index `{file}` is damaged at line {line}")]
    Kept { file: String, line: usize },
    #[error("the package index `{file}`: {package} has a `Provides` that cannot be read")]
    Provides { file: String, package: String, source: relation::Error },
    #[error("the package indexes are longer than 4 GiB together")]
    Long,
}

impl Index {
    /// An index without packages, of `arm64` for example.
    pub fn new(architecture: &str) -> Self {
        Self {
            architecture: architecture.to_owned(),
            text: String::new(),
            names: Names::default(),
            heads: Vec::new(),
            packages: Vec::new(),
            providers: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Adds what a Packages file holds, decompressed; `file` is what it is called in errors.
    pub fn add_packages(
        &mut self,
        file: &str,
        priority: i16,
        input: impl BufRead,
    ) -> Result<(), Error> {
        let text = compact::compact(input)
            .map_err(|source| Error::Compact { file: printable(file, 300), source })?;
        self.add_compact(file, priority, text)
    }

    /// Adds what [`compact::compact`] made. Packages for other architectures are passed over.
    ///
    /// After an error the index is of no use any more.
    pub fn add_compact(&mut self, file: &str, priority: i16, text: String) -> Result<(), Error> {
        let damaged = |line| Error::Kept { file: printable(file, 300), line };
        let Lines { range, count } = compact::lines(&text).ok_or_else(|| damaged(1))?;
        if self.text.len() + text.len() >= NONE as usize {
            return Err(Error::Long);
        }
        let mut at;
        if self.text.is_empty() {
            at = range.start;
            self.text = text;
            self.text.truncate(range.end);
        } else {
            at = self.text.len();
            self.text.reserve_exact(range.len());
            self.text.push_str(&text[range]);
        }
        self.names.reserve(&self.text, count);
        self.files.push(printable(file, 300));
        self.packages.reserve(count);
        self.heads.reserve(count);
        // The heading is line 1.
        let mut number = 1;
        while at < self.text.len() {
            number += 1;
            let rest = &self.text.as_bytes()[at..];
            let length = memchr::memchr(b'\n', rest).ok_or_else(|| damaged(number))?;
            self.line(at, length, priority).map_err(|fault| match fault {
                Fault::Line => damaged(number),
                Fault::Provides { package, source } => {
                    Error::Provides { file: printable(file, 300), package, source }
                }
            })?;
            at += length + 1;
        }
        Ok(())
    }

    fn line(&mut self, at: usize, length: usize, priority: i16) -> Result<(), Fault> {
        let text = &self.text;
        let line = &text[at..at + length];
        let part = |piece: &str| Span {
            // The piece lies in the text, which is shorter than 4 GiB.
            start: (at + (piece.as_ptr() as usize - line.as_ptr() as usize)) as u32,
            length: piece.len() as u32,
        };
        let mut columns = line.split('\t');
        let mut next = || columns.next().ok_or(Fault::Line);
        let file = u16::try_from(self.files.len() - 1).map_err(|_| Fault::Line)?;
        let name = part(next()?);
        let second = part(next()?);
        let Some(architecture) = columns.next() else {
            let rank = second.of(text).parse().map_err(|_| Fault::Line)?;
            self.meet(name, (u32::from(file), rank));
            return Ok(());
        };
        let mut next = || columns.next().ok_or(Fault::Line);
        let marks = Marks::read(next()?).ok_or(Fault::Line)?;
        let rank = next()?.parse().map_err(|_| Fault::Line)?;
        let provides = part(next()?);
        // The rest is looked at when it is asked for.
        let read = (provides.start + provides.length) as usize - at;
        if memchr::memchr_iter(b'\t', &line.as_bytes()[read..]).count() != COLUMNS - 6 {
            return Err(Fault::Line);
        }
        if architecture != "all" && architecture != self.architecture {
            return Ok(());
        }
        let whole = part(line);
        let name = self.meet(name, (u32::from(file), rank));
        let id = self.packages.len() as u32;
        let head = &mut self.heads[name.0 as usize];
        let next = std::mem::replace(&mut head.package, id);
        let package = Package { line: whole, version: second, name, marks, file, priority, next };
        self.packages.push(package);
        if provides.length != 0 { self.provide(Id(id), provides) } else { Ok(()) }
    }

    fn provide(&mut self, package: Id, field: Span) -> Result<(), Fault> {
        let fault = |source| Fault::Provides {
            package: self
                .names
                .get(self.packages[package.0 as usize].name)
                .of(&self.text)
                .to_owned(),
            source,
        };
        let groups = relation::parse(field.of(&self.text)).map_err(fault)?;
        let base = self.text.as_ptr() as usize;
        let part = |piece: &str| Span {
            start: (piece.as_ptr() as usize - base) as u32,
            length: piece.len() as u32,
        };
        let provided: Vec<(Span, Span)> = groups
            .iter()
            .flatten()
            .map(|relation| {
                let version = relation.version.map(|(_, version)| part(version));
                (part(relation.name), version.unwrap_or_default())
            })
            .collect();
        for (name, version) in provided {
            // Its rank came, or comes, with a line of its own.
            let name = self.meet(name, (NONE, NONE));
            let number = self.providers.len() as u32;
            let head = &mut self.heads[name.0 as usize];
            let next = std::mem::replace(&mut head.provider, number);
            self.providers.push(Provider { package, version, next });
        }
        Ok(())
    }

    fn meet(&mut self, name: Span, mentioned: (u32, u32)) -> Name {
        let name = self.names.meet(&self.text, name);
        if self.heads.len() < self.names.len() {
            self.heads.push(Head { package: NONE, provider: NONE, mentioned });
        }
        let head = &mut self.heads[name.0 as usize];
        head.mentioned = head.mentioned.min(mentioned);
        name
    }

    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// How many packages there are, versions counted one by one.
    pub fn len(&self) -> usize {
        self.packages.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    pub fn packages(&self) -> impl Iterator<Item = Id> + use<> {
        (0..self.packages.len() as u32).map(Id)
    }

    pub fn find(&self, name: &str) -> Option<Name> {
        self.names.find(&self.text, name)
    }

    /// Every version of a package, the last read first.
    pub fn versions(&self, name: Name) -> impl Iterator<Item = Id> {
        let first = self.heads[name.0 as usize].package;
        let next = |id: &u32| Some(self.packages[*id as usize].next).filter(|id| *id != NONE);
        std::iter::successors((first != NONE).then_some(first), next).map(Id)
    }

    /// The version that apt would install: of the highest priority, then the highest version,
    /// then the file read first.
    pub fn candidate(&self, name: Name) -> Option<Id> {
        self.versions(name).reduce(|best, other| {
            let (a, b) = (&self.packages[best.0 as usize], &self.packages[other.0 as usize]);
            let newer = relation::compare(self.version(other), self.version(best));
            match b.priority.cmp(&a.priority).then(newer.unwrap_or(Ordering::Equal)) {
                Ordering::Less => best,
                // `other` was read earlier.
                Ordering::Equal | Ordering::Greater => other,
            }
        })
    }

    /// What provides a name, with the version provided: the last read first.
    pub fn providers(&self, name: Name) -> impl Iterator<Item = (Id, Option<&str>)> {
        let first = self.heads[name.0 as usize].provider;
        let next = |at: &u32| Some(self.providers[*at as usize].next).filter(|at| *at != NONE);
        std::iter::successors((first != NONE).then_some(first), next).map(|at| {
            let provider = &self.providers[at as usize];
            let version = provider.version;
            (provider.package, (version.length != 0).then(|| version.of(&self.text)))
        })
    }

    /// When a name was first mentioned: the file, then the rank in it.
    pub fn mentioned(&self, name: Name) -> (u32, u32) {
        self.heads[name.0 as usize].mentioned
    }

    pub fn name(&self, id: Id) -> &str {
        self.spelled(self.packages[id.0 as usize].name)
    }

    pub fn name_of(&self, id: Id) -> Name {
        self.packages[id.0 as usize].name
    }

    pub fn spelled(&self, name: Name) -> &str {
        self.names.get(name).of(&self.text)
    }

    pub fn version(&self, id: Id) -> &str {
        self.packages[id.0 as usize].version.of(&self.text)
    }

    pub fn marks(&self, id: Id) -> Marks {
        self.packages[id.0 as usize].marks
    }

    /// The file that the package was read from, as it was called.
    pub fn file(&self, id: Id) -> &str {
        &self.files[usize::from(self.packages[id.0 as usize].file)]
    }

    /// A column of the package's line; empty where the stanza has no such field.
    pub fn get(&self, id: Id, column: Column) -> &str {
        let line = self.packages[id.0 as usize].line.of(&self.text);
        line.split('\t').nth(column as usize).unwrap_or_default()
    }

    /// A column that is a number, as `Size` in bytes and `InstalledSize` in KiB.
    pub fn number(&self, id: Id, column: Column) -> u64 {
        self.get(id, column).parse().unwrap_or(0)
    }

    /// The source package's name.
    pub fn source(&self, id: Id) -> &str {
        let source = self.get(id, Column::Source);
        source.split(' ').next().filter(|name| !name.is_empty()).unwrap_or(self.name(id))
    }
}

enum Fault {
    Line,
    Provides { package: String, source: relation::Error },
}

impl Marks {
    fn read(text: &str) -> Option<Self> {
        let mut marks = Self::default();
        for letter in text.bytes() {
            match letter {
                b'e' => marks.essential = true,
                b'i' => marks.important = true,
                b'0'..=b'5' => marks.priority = letter - b'0',
                b'S' => marks.multi_arch = MultiArch::Same,
                b'F' => marks.multi_arch = MultiArch::Foreign,
                b'A' => marks.multi_arch = MultiArch::Allowed,
                _ => return None,
            }
        }
        Some(marks)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stanza(name: &str, version: &str, more: &str) -> String {
        let sha256 = "0".repeat(64);
        format!(
            "Package: {name}\nVersion: {version}\nArchitecture: arm64\nFilename: pool/{name}.deb\n\
             Size: 10\nSHA256: {sha256}\n{more}\n"
        )
    }

    fn index(files: &[(&str, i16, String)]) -> Index {
        let mut index = Index::new("arm64");
        for (file, priority, text) in files {
            index.add_packages(file, *priority, text.as_bytes()).expect("an index");
        }
        index
    }

    fn whole(lines: &str) -> String {
        let count = lines.lines().count();
        format!("{}{lines}\n{}{count}\n", compact::HEADING, compact::FOOTING)
    }

    fn version(index: &Index, name: &str) -> String {
        let candidate = index.candidate(index.find(name).expect("known")).expect("a candidate");
        format!("{} of {}", index.version(candidate), index.file(candidate))
    }

    #[test]
    fn a_stanza_is_kept_with_what_a_closure_needs() {
        let text = stanza(
            "a",
            "1:2-3",
            "Source: b (1:2)\nEssential: yes\nMulti-Arch: same\nPriority: required\n\
             Depends: c,\n d (>= 1)\nDescription: long\n .\n text\nInstalled-Size: 7\n",
        );
        let index = index(&[("main", PRIORITY, text)]);
        let id = index.packages().next().expect("one");
        assert_eq!(index.get(id, Column::Depends), "c, d (>= 1)");
        assert_eq!((index.source(id), index.version(id)), ("b", "1:2-3"));
        assert_eq!((index.number(id, Column::InstalledSize), index.len()), (7, 1));
        assert_eq!(index.get(id, Column::Filename), "pool/a.deb");
        let marks = index.marks(id);
        assert_eq!((marks.essential, marks.important, marks.priority), (true, false, 5));
        assert_eq!(marks.multi_arch, MultiArch::Same);
    }

    #[test]
    fn the_candidate_is_of_the_highest_priority_then_the_highest_version() {
        let index = index(&[
            ("stable", PRIORITY, stanza("a", "1.9", "") + &stanza("b", "1", "")),
            ("security", PRIORITY, stanza("a", "1.10", "") + &stanza("b", "1", "")),
            ("backports", PRIORITY_BACKPORTS, stanza("a", "2", "") + &stanza("c", "2", "")),
        ]);
        assert_eq!(version(&index, "a"), "1.10 of security");
        assert_eq!(version(&index, "b"), "1 of stable");
        assert_eq!(version(&index, "c"), "2 of backports");
        assert_eq!(index.versions(index.find("a").expect("known")).count(), 3);
    }

    #[test]
    fn providers_and_first_mentions_are_known() {
        let text = stanza("a", "1", "Provides: mail, x (= 2)\nSuggests: z\n")
            + &stanza("z", "1", "Provides: mail\n")
            + &stanza("other", "1", "").replace("arm64", "amd64");
        let index = index(&[("main", PRIORITY, text)]);
        let mail = index.find("mail").expect("provided");
        let names: Vec<&str> = index.providers(mail).map(|(id, _)| index.name(id)).collect();
        assert_eq!(names, ["z", "a"]);
        let x = index.find("x").expect("provided");
        assert_eq!(index.providers(x).next().and_then(|(_, version)| version), Some("2"));
        let mentioned = |name: &str| index.mentioned(index.find(name).expect("known"));
        assert!(mentioned("a") < mentioned("z") && mentioned("z") < mentioned("mail"));
        assert!(index.find("other").is_none(), "it is for another architecture");
    }

    #[test]
    fn a_fault_names_file_line_and_field() {
        let message = |text: &str| {
            let error = Index::new("arm64").add_packages("main", PRIORITY, text.as_bytes());
            model::text::with_causes(&error.expect_err("a fault"))
        };
        let first = stanza("a", "1", "");
        assert_eq!(
            message(&(first.clone() + &stanza("b", "1", "Depends: c (1)\n"))),
            "cannot read the package index `main`: stanza at line 8: b's `Depends`: \
             expected `<<`, `<=`, `=`, `>=` or `>>` at byte 3, found `1)`"
        );
        assert_eq!(
            message(&first.replace("Size: 10\n", "")),
            "cannot read the package index `main`: stanza at line 1: a lacks its `Size`"
        );
        assert_eq!(
            message(&first.replace("pool/", "pool/../../")),
            "cannot read the package index `main`: stanza at line 1: \
             `pool/../../a.deb` is no path inside the archive"
        );
        let kept = Index::new("arm64").add_compact("kept", PRIORITY, whole("a"));
        assert_eq!(
            kept.expect_err("damaged").to_string(),
            "the kept index `kept` is damaged at line 2"
        );
        let short =
            compact::compact(first.as_bytes()).expect("an index").replace("end:\t1", "end:\t2");
        assert!(Index::new("arm64").add_compact("kept", PRIORITY, short).is_err());
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in "(Package|Version|Depends|[a-z]{1,3}|[: \\n\\t#(),=1]){0,40}") {
            let _ = Index::new("arm64").add_packages("any", PRIORITY, text.as_bytes());
            let _ = Index::new("arm64").add_compact("any", PRIORITY, whole(&text));
        }

        #[test]
        fn no_damage_to_a_kept_line_makes_it_panic(at in 0usize..150, with in "[\\t\\nx5]") {
            let mut text = compact::compact(stanza("a", "1", "Provides: b\n").as_bytes())
                .expect("an index");
            if at < text.len() {
                text.replace_range(at..=at, &with);
            }
            let _ = Index::new("arm64").add_compact("any", PRIORITY, text);
        }
    }
}
