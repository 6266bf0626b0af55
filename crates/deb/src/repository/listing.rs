//! The texts of a suite: `Packages`, `Contents` and `Release`.
//!
//! Formats: <https://wiki.debian.org/DebianRepository/Format>. Leaves out compressing and signing.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rayon::slice::ParallelSliceMut;

use crate::repository::entry::{Entry, Key};

/// A text, and where it may be parted: after each of these bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub text: String,
    ends: Vec<usize>,
}

/// The bytes of a piece, on average. Larger ones compress better, smaller ones are sooner done
/// anew when a package comes.
const PIECE: u32 = 128 << 10;

impl Text {
    /// Its pieces, in order.
    pub fn pieces(&self) -> Vec<&[u8]> {
        let mut rest = self.text.as_bytes();
        let mut from = 0;
        let mut pieces = Vec::new();
        for end in self.ends.iter().copied().chain([self.text.len()]) {
            let (piece, after) = rest.split_at(end - from);
            (rest, from) = (after, end);
            if !piece.is_empty() {
                pieces.push(piece);
            }
        }
        pieces
    }
}

/// Whether a piece begins at this name, where names take about so many bytes of the text each.
/// The name alone decides (FNV-1a), so that what comes before it moves no other boundary.
fn begins(name: &str, bytes_each: u32) -> bool {
    let hash = name
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    // The low bits of this hash are the weak ones.
    (hash ^ (hash >> 15)) % (PIECE / bytes_each).max(1) == 0
}

/// The packages that an index of this suite and architecture lists.
pub(crate) fn listed<'a>(
    packages: impl Iterator<Item = (&'a Key, &'a Entry)>,
    suite: &str,
    architecture: &str,
) -> Vec<(&'a Key, &'a Entry)> {
    packages
        .filter(|(key, entry)| {
            (key.architecture == architecture || key.architecture == "all")
                && entry.suites.iter().any(|one| one == suite)
        })
        .collect()
}

/// `Packages`: the paragraphs in the order of their keys.
pub(crate) fn packages(listed: &[(&Key, &Entry)]) -> Text {
    let size = listed.iter().map(|(_, entry)| entry.stanza.len() + 1).sum();
    let mut text = Text { text: String::with_capacity(size), ends: Vec::new() };
    let mut last = "";
    for (key, entry) in listed {
        if key.package != last && begins(&key.package, 512) {
            text.ends.push(text.text.len());
        }
        last = &key.package;
        text.text.push_str(&entry.stanza);
        text.text.push('\n');
    }
    text
}

/// `Contents`: each file and the packages that have it, versions told once.
pub(crate) fn contents(listed: &[(&Key, &Entry)]) -> Text {
    let owners: Vec<String> = listed
        .iter()
        .map(|(key, entry)| match entry.field("Section") {
            Some(section) if !section.is_empty() => format!("{section}/{}", key.package),
            _ => key.package.clone(),
        })
        .collect();
    let mut lines: Vec<(&str, &str)> = listed
        .iter()
        .zip(&owners)
        .flat_map(|((_, entry), owner)| entry.files.lines().map(|file| (file, owner.as_str())))
        .collect();
    lines.par_sort_unstable();
    lines.dedup();
    let size = lines.iter().map(|(file, owner)| file.len() + owner.len() + 2).sum();
    let mut text = Text { text: String::with_capacity(size), ends: Vec::new() };
    let mut last = None;
    for (file, owner) in lines {
        if last == Some(file) {
            text.text.pop();
            text.text.push(',');
        } else {
            if begins(file, 64) {
                text.ends.push(text.text.len());
            }
            text.text.push_str(file);
            text.text.push(' ');
        }
        text.text.push_str(owner);
        text.text.push('\n');
        last = Some(file);
    }
    text
}

/// A file that `Release` vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    pub sha256: String,
    pub size: usize,
    /// Below the suite's folder.
    pub path: String,
}

/// `Release` of a suite. Without `Valid-Until`: a repository that nobody publishes for a year, or
/// a medium, stays good. Without MD5 and SHA-1: apt of every Debian since 2017 takes SHA-256.
pub(crate) fn release(
    name: &str,
    suite: &str,
    architectures: &[String],
    at: Timestamp,
    sums: &[Sum],
) -> String {
    let date = at.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S UTC").to_string();
    let mut text = format!(
        "Origin: {name}\n\
         Label: {name}\n\
         Suite: {suite}\n\
         Codename: {suite}\n\
         Date: {date}\n\
         Architectures: all {}\n\
         Components: main\n\
         Description: packages of {name} for {suite}\n\
         Acquire-By-Hash: yes\n\
         No-Support-for-Architecture-all: Packages\n\
         SHA256:\n",
        architectures.join(" ")
    );
    for Sum { sha256, size, path } in sums {
        // Writing to a String cannot fail.
        let _ = writeln!(text, " {sha256} {size:>9} {path}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(package: &str, suites: &[&str], files: &str) -> (Key, Entry) {
        let key = Key {
            package: package.to_owned(),
            version: "1".to_owned(),
            architecture: "all".to_owned(),
        };
        let entry = Entry {
            path: String::new(),
            stamp: Default::default(),
            sha256: String::new(),
            suites: suites.iter().map(|&suite| suite.to_owned()).collect(),
            sealed: false,
            origin: None,
            stanza: format!("Package: {package}\nSection: net\n"),
            files: files.to_owned(),
        };
        (key, entry)
    }

    #[test]
    fn a_file_of_two_packages_is_one_line() {
        let packages = [
            entry("alfred", &["trixie"], "usr/bin/x y\nusr/bin/b\n"),
            entry("batctl", &["trixie", "bookworm"], "usr/bin/b\n"),
        ];
        let all = || packages.iter().map(|(key, entry)| (key, entry));
        let text = contents(&listed(all(), "trixie", "amd64"));
        assert_eq!(text.text, "usr/bin/b net/alfred,net/batctl\nusr/bin/x y net/alfred\n");
        let one = listed(all(), "bookworm", "amd64");
        assert_eq!(super::packages(&one).text, "Package: batctl\nSection: net\n\n");
    }

    #[test]
    fn an_insertion_changes_one_piece() {
        let mut many: Vec<(Key, Entry)> =
            (0..4000).map(|n| entry(&format!("package-{n:05}"), &["s"], "")).collect();
        for (_, entry) in &mut many {
            entry.stanza.push_str(&format!("Description: {}\n", "x".repeat(400)));
        }
        let pieces = |many: &[(Key, Entry)]| -> Vec<Vec<u8>> {
            let listed: Vec<_> = many.iter().map(|(key, entry)| (key, entry)).collect();
            packages(&listed).pieces().into_iter().map(<[u8]>::to_vec).collect()
        };
        let before = pieces(&many);
        assert!((8..40).contains(&before.len()), "{} pieces", before.len());
        many.insert(1234, entry("package-01233-new", &["s"], ""));
        let after = pieces(&many);
        let changed = after.iter().filter(|piece| !before.contains(piece)).count();
        assert!((1..=2).contains(&changed), "{changed} of {}", after.len());
    }
}
