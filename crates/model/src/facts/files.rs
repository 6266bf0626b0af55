//! Modes of secrets and keys.
//!
//! Leaves out what the files hold: no byte of a secret is ever a fact.

use serde::{Deserialize, Serialize};

use crate::seen::Seen;

/// Who may read the files that only some should read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Files {
    /// The secrets that the plan declares, in its order.
    pub secrets: Vec<Secret>,
    /// Every private key that was found.
    pub keys: Seen<Vec<Key>>,
    /// Folders and files that may be or hold keys, and could not be read.
    pub unread: Vec<Unread>,
}

/// A declared secret; the path as the plan has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    pub path: String,
    /// `None` if there is no such file.
    pub access: Seen<Option<Access>>,
}

/// A file that holds a private key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    pub path: String,
    pub access: Access,
    /// Whether a folder above it keeps every other user out, so that its own mode is not reached.
    pub sheltered: bool,
}

/// Owner, group and mode of a file, links followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The permission bits, 12 of them.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// The user's name; the number if it has none.
    pub owner: String,
    /// The group's name; the number if it has none.
    pub group: String,
}

/// A path as facts and findings show it; facts of declared files are found again by it.
pub fn shown(path: &str) -> String {
    // PATH_MAX of Linux.
    crate::text::printable(path, 4096)
}

/// Something that could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unread {
    pub path: String,
    pub reason: String,
}
