//! Snapshots of a repository, what making, restoring and checking them gave.
//!
//! Leaves out making, restoring and checking.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The tag of a snapshot that lacks something that could not be read.
pub const INCOMPLETE: &str = "incomplete";

/// restic's id of a snapshot: 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SnapshotId(String);

impl SnapshotId {
    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits, as restic shows it.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

impl FromStr for SnapshotId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let fits = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| Self(text.to_owned())).ok_or(NotAnId)
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text is not a snapshot's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a snapshot's id has 64 hexadecimal digits")]
pub struct NotAnId;

/// One snapshot, as the repository describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    pub id: SnapshotId,
    /// When it was begun, by the clock of the host that made it.
    pub at: Timestamp,
    pub host: String,
    pub paths: Vec<String>,
    pub tags: Vec<String>,
    /// Of all files; old versions of restic do not write it.
    pub bytes: Option<u64>,
    pub files: Option<u64>,
}

impl Snapshot {
    /// Whether it lacks something that could not be read.
    pub fn is_incomplete(&self) -> bool {
        self.tags.iter().any(|tag| tag == INCOMPLETE)
    }
}

/// What a backup wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    pub id: SnapshotId,
    pub files: u64,
    pub bytes: u64,
    /// Of these, unchanged since the last snapshot and so not read again.
    pub unchanged: u64,
    /// Written to the target.
    pub added_bytes: u64,
    /// Files that were gone, or were written to, while they were taken.
    pub notes: Vec<Trouble>,
    pub took: Duration,
}

/// Something about one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub path: PathBuf,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It was listed, and gone when it was opened: not in the snapshot.
    Vanished,
    /// It was written to while it was read: in the snapshot, perhaps of two minds.
    Changed,
    /// It is not in the snapshot, for this reason.
    Unreadable(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = model::text::printable(&self.path.to_string_lossy(), 4096);
        match &self.what {
            What::Vanished => write!(f, "`{path}` was gone when it was to be read"),
            What::Changed => write!(f, "`{path}` was written to while it was read"),
            What::Unreadable(reason) => write!(f, "`{path}` cannot be read: {reason}"),
        }
    }
}

/// What a restore brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub files: u64,
    pub bytes: u64,
    /// What is not as the snapshot says: an owner, a mode, a time. Contents are never here: a
    /// content that cannot be restored is an error.
    pub faults: Vec<String>,
    pub strangers: Strangers,
    pub took: Duration,
}

/// Users and groups that own something in a snapshot and that this machine does not have: their
/// files have the numbers of the machine that was saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strangers {
    pub users: BTreeMap<String, u32>,
    pub groups: BTreeMap<String, u32>,
}

/// How deep a check looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Each key, snapshot, index and tree; each pack's presence and size.
    Structure,
    /// And so many of 100 packs, by bytes, chosen by chance, at least one.
    Sample(u8),
    /// And every pack.
    All,
}

/// Something that a check found wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// What it is about, as `pack 2f…`.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
    /// False where it costs nothing but space.
    pub harmful: bool,
}

/// What pruning did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub snapshots: u64,
    /// Packs that are removed, those written anew included.
    pub packs: u64,
    /// Written anew without what nothing needs any longer.
    pub rewritten_bytes: u64,
    pub freed_bytes: u64,
}
