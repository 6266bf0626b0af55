//! A package, laid out: every file and every command, each with the line it comes from.
//!
//! Leaves out how a recipe becomes one, and archives.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::recipe::unit::OnUpgrade;

/// A package, laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub package: String,
    /// `version-revision`.
    pub version: String,
    /// `all`, `amd64`, …
    pub architecture: String,
    /// The control file's fields in order, `Installed-Size` left to the writer.
    pub control: Vec<(String, String)>,
    /// Sorted by path; folders that only hold others are left to the writer.
    pub entries: Vec<Entry>,
    /// What the maintainer scripts make beside the entries.
    pub made: Vec<Made>,
    /// Units of the package and of others that its scripts act on.
    pub units: Vec<UnitActs>,
    /// Files of other packages; when one changes, dpkg calls `postinst triggered`.
    pub watches: Vec<String>,
    /// `preinst`, `postinst`, `prerm`, `postrm`: whole POSIX scripts. Those that would do nothing
    /// are missing.
    pub scripts: Vec<(String, String)>,
    /// What the scripts do, for people.
    pub acts: Vec<Act>,
}

/// A file, link or folder of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Absolute, normalised.
    pub path: String,
    pub content: Content,
    /// Permission bits, as 0o644.
    pub mode: u32,
    /// In the archive all is root's; a maintainer script gives it to these.
    pub owner: String,
    pub group: String,
    pub conffile: bool,
    pub from: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Text(Vec<u8>),
    /// A file on the builder's disk, and its size in bytes.
    Copy {
        from: PathBuf,
        size: u64,
    },
    Link(String),
    Folder,
}

/// Something that is not in the archive: made at installation, kept by removal, gone by purge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    pub kind: MadeKind,
    /// A path, or the name of a user or database.
    pub name: String,
    /// Owner, group and octal mode of a path; the owner's name of a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    pub from: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MadeKind {
    /// A system user and its group.
    User,
    Directory,
    /// Made of random bytes, or brought by somebody.
    Secret,
    Database,
}

/// A unit and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitActs {
    pub name: String,
    pub role: Role,
    /// Starts at boot.
    pub enabled: bool,
    /// Starts at installation.
    pub started: bool,
    #[serde(rename = "on_upgrade")]
    pub upgrade: OnUpgrade,
    pub from: Origin,
}

/// Whose unit it is, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The package's own.
    Own,
    /// Another package's, to which this one adds a drop-in.
    DropIn,
    /// Another package's, kept stopped.
    Held,
    /// Another package's, restarted when this one comes or goes.
    Restarted,
    /// Another package's, reloaded when this one comes or goes.
    Reloaded,
}

/// Where an entry or an act comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// A file of the recipe's folder, `recipe.toml` mostly.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
}

/// Something a maintainer script does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    pub when: When,
    /// Which script does it: `postinst`.
    pub script: String,
    /// The command as it stands in the script, without its guards.
    pub command: String,
    /// Why, in words.
    pub why: String,
    pub from: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    Install,
    Upgrade,
    Remove,
    Purge,
}

/// What a source brought for one architecture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// Sorted by path.
    pub files: Vec<PayloadFile>,
    /// What was fetched, for `stead whence`.
    pub fetched: Vec<Fetched>,
    /// Relations that the source needs, as `python3 (>= 3.11)`.
    pub depends: Vec<String>,
}

/// A file or link that a source brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadFile {
    /// Where it goes, absolute.
    pub path: String,
    /// `Copy` or `Link`, or `Text` for what the builder made (a launcher).
    pub content: Content,
    pub executable: bool,
}

/// Something that was fetched once, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// A URL, or `git+URL@commit`.
    pub from: String,
    /// `sha256:…` or `sha512:…`, hexadecimal, or `git:…`.
    pub digest: String,
    pub bytes: u64,
}

/// The file by which an installed package says where it comes from.
pub fn provenance_path(package: &str) -> String {
    format!("/usr/share/stead/packages/{package}.json")
}

/// The folder in which an installed package keeps its recipe.
pub fn recipe_path(package: &str) -> String {
    format!("/usr/share/stead/recipes/{package}")
}
