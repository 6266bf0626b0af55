//! One package in the pool, as the manifest remembers it.
//!
//! Leaves out how it is stored.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use serde::{Deserialize, Serialize};

/// What makes a package one: its order is that of the indexes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Key {
    pub package: String,
    pub version: String,
    pub architecture: String,
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{} {} ({})", self.package, self.version, self.architecture)
    }
}

/// What shows, without reading it, that a file is the one that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    pub size: u64,
    /// Nanoseconds of the Unix clock.
    pub modified: i128,
    pub inode: u64,
}

impl Stamp {
    pub fn of(found: &Metadata) -> Self {
        let modified = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
        Self { size: found.len(), modified, inode: found.ino() }
    }
}

/// Where a package of another repository came from, and who vouched for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The repository's address, as `http://deb.debian.org/debian`.
    pub url: String,
    pub suite: String,
    /// `Origin` of its Release, as `Debian`.
    #[serde(default)]
    pub name: String,
    /// `Date` of the signed Release that listed the package.
    #[serde(default)]
    pub release: String,
    /// SHA-256 of the keyring that the signature was verified against.
    #[serde(default)]
    pub keyring: String,
}

/// A package of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Below `public/`, as `Filename` names it.
    pub path: String,
    pub stamp: Stamp,
    /// 64 hexadecimal digits.
    pub sha256: String,
    pub suites: Vec<String>,
    /// May go: nobody wants to roll back to it any more.
    pub sealed: bool,
    pub origin: Option<Origin>,
    /// Its paragraph of `Packages`, line break included.
    pub stanza: String,
    /// Its files without the leading slash, one in a line.
    pub files: String,
}

impl Entry {
    /// The first line of a field of the paragraph; names are as we write them.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.stanza
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    }
}
