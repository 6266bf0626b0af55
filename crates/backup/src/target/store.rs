//! What every kind of target can do with a repository's files.
//!
//! Leaves out how: each kind has its own module.

use std::fmt;

use bytes::Bytes;

use crate::error::Error;

/// The kinds of files in restic's repository, and their folders.
///
/// Source: restic's public design document, "Repository Format".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Config,
    Key,
    Lock,
    Snapshot,
    Index,
    Pack,
}

impl Kind {
    /// Those that have a folder.
    pub const IN_FOLDERS: [Self; 5] =
        [Self::Key, Self::Lock, Self::Snapshot, Self::Index, Self::Pack];

    /// The folder's name; the config is a file at the top.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Key => "keys",
            Self::Lock => "locks",
            Self::Snapshot => "snapshots",
            Self::Index => "index",
            Self::Pack => "data",
        }
    }

    /// The noun for people.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Key => "key",
            Self::Lock => "lock",
            Self::Snapshot => "snapshot",
            Self::Index => "index",
            Self::Pack => "pack",
        }
    }

    /// Where a file of this kind lies below the repository: `data/2f/2f01…`, `keys/77ab…`.
    pub fn path(self, name: &str) -> String {
        match self {
            Self::Config => "config".to_owned(),
            Self::Pack => format!("data/{}/{name}", name.get(..2).unwrap_or("")),
            _ => format!("{}/{name}", self.folder()),
        }
    }

    /// How it is called in a message: `pack 2f01…`.
    pub fn object(self, name: &str) -> String {
        match self {
            Self::Config => "the config".to_owned(),
            _ => format!("{} {name}", self.noun()),
        }
    }
}

/// Whether a file's name is one of the repository's: a SHA-256 in hexadecimal digits. What else
/// lies there, as a temporary file, is not part of it.
pub fn is_name(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// One repository's files. Each call is bounded in time, and tried again a few times.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Where it is, for people.
    fn place(&self) -> String;

    /// Makes the folders of a new repository.
    fn prepare(&self) -> Result<(), Error>;

    /// Whether there is a config, and so a repository.
    fn is_founded(&self) -> Result<bool, Error>;

    /// Names and sizes of all files of a kind; for a config there is nothing to list.
    fn list(&self, kind: Kind) -> Result<Vec<(String, u64)>, Error>;

    /// A whole file, or [`Error::Gone`].
    fn read(&self, kind: Kind, name: &str) -> Result<Bytes, Error>;

    /// A piece of a file, exactly `length` bytes from `offset` on.
    fn read_part(&self, kind: Kind, name: &str, offset: u64, length: u64) -> Result<Bytes, Error>;

    /// Writes a file whole or not at all, and durably. What is there already is left alone:
    /// names are sums of contents, and a second config is [`Error::Exists`].
    fn write(&self, kind: Kind, name: &str, content: &[Bytes]) -> Result<(), Error>;

    /// Removes a file; one that is not there is no error.
    fn remove(&self, kind: Kind, name: &str) -> Result<(), Error>;

    /// Removes what a killed process left half written, while nobody writes; where a target has
    /// no such thing, or none that is worth it, nothing.
    fn sweep(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_where_restic_looks_for_them() {
        let name = "2f".repeat(32);
        assert_eq!(Kind::Pack.path(&name), format!("data/2f/{name}"));
        assert_eq!(Kind::Lock.path(&name), format!("locks/{name}"));
        assert_eq!(Kind::Config.path(""), "config");
        assert!(is_name(&name));
        assert!(!is_name("2f.part"));
    }
}
