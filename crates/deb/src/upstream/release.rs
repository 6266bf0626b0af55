//! What a suite's Release file says: who it is, how old, and the sums of its indexes.
//!
//! The format is <https://wiki.debian.org/DebianRepository/Format>. Leaves out its signature.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use model::text::printable;

use crate::control;
use crate::fetch::digest::Digest;

/// A Release file, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    pub suite: Option<String>,
    pub codename: Option<String>,
    pub origin: Option<String>,
    pub label: Option<String>,
    /// Of a point release, as `12.15`.
    pub version: Option<String>,
    pub date: Timestamp,
    /// After this, what is served may hide newer versions.
    pub valid_until: Option<Timestamp>,
    pub by_hash: bool,
    /// Packages for all architectures are in the index of each.
    pub all_in_each: bool,
    /// `NotAutomatic: yes`.
    pub not_automatic: bool,
    /// `ButAutomaticUpgrades: yes`.
    pub automatic_upgrades: bool,
    pub architectures: Vec<String>,
    pub components: Vec<String>,
    /// By path inside the suite's folder.
    pub files: BTreeMap<String, Listed>,
}

/// A file that the Release file lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}

/// A Release file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Control(#[from] control::Error),
    #[error("it has no `{field}`")]
    Lacks { field: &'static str },
    #[error("its `{field}` is no date: `{value}`")]
    Date { field: &'static str, value: String },
    #[error("its list of SHA256 sums has the line `{line}`; expected: sum, size, path")]
    Line { line: String },
}

impl Release {
    /// Reads the text, without a signature around it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let paragraph = control::parse_one(text.as_bytes())?;
        let get = |name: &'static str| paragraph.get(name).map(str::trim);
        let said = |name| get(name).filter(|text| !text.is_empty()).map(|it| printable(it, 200));
        let yes = |name| get(name) == Some("yes");
        let words = |name| -> Vec<String> {
            get(name).unwrap_or_default().split_whitespace().map(|it| printable(it, 100)).collect()
        };
        let date = |field: &'static str| get(field).map(|value| moment(field, value)).transpose();
        let sums = get("SHA256").ok_or(Error::Lacks { field: "SHA256" })?;
        let lines = sums.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(Self {
            suite: said("Suite"),
            codename: said("Codename"),
            origin: said("Origin"),
            label: said("Label"),
            version: said("Version"),
            date: date("Date")?.ok_or(Error::Lacks { field: "Date" })?,
            valid_until: date("Valid-Until")?,
            by_hash: yes("Acquire-By-Hash"),
            all_in_each: get("No-Support-for-Architecture-all") == Some("Packages"),
            not_automatic: yes("NotAutomatic"),
            automatic_upgrades: yes("ButAutomaticUpgrades"),
            architectures: words("Architectures"),
            components: words("Components"),
            files: lines.map(listed).collect::<Result<_, _>>()?,
        })
    }

    /// True if it is the suite that was asked for: by its own name, or its code name.
    ///
    /// One that says neither cannot be told from another suite of the same archive, and is
    /// believed only because of its signature.
    pub fn is(&self, suite: &str) -> bool {
        let names = [&self.suite, &self.codename];
        names.iter().all(|name| name.is_none())
            || names.iter().any(|name| name.as_deref() == Some(suite))
    }

    /// What it calls itself, for people.
    pub fn names(&self) -> String {
        let names: Vec<&str> =
            [&self.suite, &self.codename].into_iter().flatten().map(String::as_str).collect();
        names.join(", ")
    }
}

/// Dates end in `UTC` here, which RFC 2822 does not know.
fn moment(field: &'static str, value: &str) -> Result<Timestamp, Error> {
    let text = value.strip_suffix("UTC").map(|rest| format!("{rest}+0000"));
    let zoned = rfc2822::parse(text.as_deref().unwrap_or(value));
    zoned
        .map(|zoned| zoned.timestamp())
        .map_err(|_| Error::Date { field, value: printable(value, 60) })
}

fn listed(line: &str) -> Result<(String, Listed), Error> {
    let wrong = || Error::Line { line: printable(line, 200) };
    let words: Vec<&str> = line.split_whitespace().collect();
    let [sum, size, path] = words.as_slice() else { return Err(wrong()) };
    let digest = Digest::sha256(sum).map_err(|_| wrong())?;
    let size = size.parse().map_err(|_| wrong())?;
    let inside = !path.starts_with('/')
        && path.split('/').all(|step| !matches!(step, ".." | "." | ""))
        && path.bytes().all(|byte| byte.is_ascii_graphic());
    if !inside {
        return Err(wrong());
    }
    Ok(((*path).to_owned(), Listed { digest, size }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> String {
        format!(
            "Origin: Debian\nSuite: oldstable-security\nCodename: bookworm-security\n\
             Date: Wed, 18 Nov 2026 22:17:41 UTC\nValid-Until: Wed, 25 Nov 2026 22:17:41 +0000\n\
             Acquire-By-Hash: yes\nArchitectures: amd64 arm64\nMD5Sum:\n abc 1 main/x\n\
             SHA256:\n {} 1484322 main/binary-arm64/Packages.xz\n",
            "ab".repeat(32)
        )
    }

    #[test]
    fn a_release_file_is_read() {
        let release = Release::parse(&text()).expect("a Release file");
        assert_eq!(release.date.to_string(), "2026-11-18T22:17:41Z");
        assert_eq!(release.valid_until.expect("until").to_string(), "2026-11-25T22:17:41Z");
        assert!(release.by_hash && !release.all_in_each && !release.not_automatic);
        assert_eq!(release.files["main/binary-arm64/Packages.xz"].size, 1_484_322);
        assert!(release.is("bookworm-security") && release.is("oldstable-security"));
        assert!(!release.is("bookworm"));
        assert_eq!(release.names(), "oldstable-security, bookworm-security");
    }

    #[test]
    fn a_fault_names_the_field() {
        let message = |from: &str, to: &str| {
            let text = text().replace(from, to);
            Release::parse(&text).expect_err("a fault").to_string()
        };
        assert_eq!(
            message("Date: Wed, 18", "Date: 18 of"),
            "its `Date` is no date: `18 of Nov 2026 22:17:41 UTC`"
        );
        assert_eq!(message("Date:", "Dat:"), "it has no `Date`");
        assert_eq!(message("SHA256:", "SHA512:"), "it has no `SHA256`");
        assert!(message(" 1484322 ", " many ").contains("expected: sum, size, path"));
        assert!(message("main/binary", "../binary").contains("expected: sum, size, path"));
        assert!(message("abab", "xyab").contains("expected: sum, size, path"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(Date|SHA256|Suite|[a-f0-9 ]{0,70}|[: \\n.,/]){0,30}") {
            let _ = Release::parse(&text);
        }
    }
}
