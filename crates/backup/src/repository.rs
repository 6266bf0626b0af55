//! One service's repository at one target, in restic's format: what is in it, what comes in and
//! what comes out.
//!
//! Leaves out dumps and manifests, which are files to it. Keeps no cache on disk: whatever is
//! read comes from the target.

pub mod archive;
mod opened;
mod relay;

use crate::append_only::Rights;
use crate::error::Error;
use crate::progress::Progress;
use crate::reach::Reach;
pub use crate::repository::archive::Take;
use crate::repository::opened::Opened;
use crate::snapshot::Saved;

/// A repository that a host adds to and reads from; it removes nothing but its own locks.
#[derive(Debug)]
pub struct Repository {
    opened: Opened,
}

impl Repository {
    /// Makes a new repository. Only where a person asked for it: a job that did so would found
    /// one below the mount point of a disk that is not mounted.
    pub fn found(reach: &Reach<'_>) -> Result<Self, Error> {
        Ok(Self { opened: Opened::found(reach)? })
    }

    /// Opens the one that is there.
    pub fn open(reach: &Reach<'_>) -> Result<Self, Error> {
        Ok(Self { opened: Opened::open(reach, Rights::Append)? })
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        self.opened.store.place()
    }

    /// Bytes read from the target since it was opened.
    pub fn read_bytes(&self) -> u64 {
        self.opened.gate.fetched()
    }

    /// Makes a snapshot of the service's paths and the staging folder. Files that did not change
    /// since this host's last snapshot are not read again.
    ///
    /// If something cannot be read, the snapshot is written without it, tagged `incomplete`, and
    /// the answer is [`Error::Incomplete`].
    pub fn save(&self, take: &Take<'_>, progress: &dyn Progress) -> Result<Saved, Error> {
        archive::save(&self.opened, take, progress)
    }
}
