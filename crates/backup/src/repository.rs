//! One service's repository at one target, in restic's format: what is in it, what comes in and
//! what comes out.
//!
//! Leaves out dumps and manifests, which are files to it. Keeps no cache on disk: whatever is
//! read comes from the target.

pub mod archive;
mod check;
mod contents;
mod key_file;
mod keys;
mod opened;
mod prune;
mod relay;
mod restore;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::append_only::Rights;
use crate::error::Error;
use crate::password::Password;
use crate::progress::Progress;
use crate::reach::Reach;
pub use crate::repository::archive::Take;
pub use crate::repository::keys::Held;
use crate::repository::opened::Opened;
pub use crate::repository::relay::THREAD as ENGINE;
use crate::snapshot::{Depth, Fault, Pruned, Restored, Saved, Snapshot, SnapshotId};
use crate::target;
use crate::target::store::Store;

/// A repository that a host adds to and reads from; it removes nothing but its own locks.
#[derive(Debug)]
pub struct Repository {
    opened: Opened,
}

impl Repository {
    /// Makes a new repository. Only where a person asked for it: a job that did so would found
    /// one below the mount point of a disk that is not mounted.
    pub fn found(reach: &Reach<'_>) -> Result<Self, Error> {
        Self::found_in(target::reach(reach)?, reach.password)
    }

    /// Opens the one that is there.
    pub fn open(reach: &Reach<'_>) -> Result<Self, Error> {
        Self::open_in(target::reach(reach)?, reach.password)
    }

    /// As [`Repository::found`], in any store: where a new kind of target fits in.
    pub fn found_in(store: Arc<dyn Store>, password: &Password) -> Result<Self, Error> {
        Ok(Self { opened: Opened::found(store, password)? })
    }

    /// As [`Repository::open`], in any store.
    pub fn open_in(store: Arc<dyn Store>, password: &Password) -> Result<Self, Error> {
        Ok(Self { opened: Opened::open(store, password, Rights::Append)? })
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

    /// All snapshots that can be read, newest last. [`Repository::check`] names the others.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, Error> {
        contents::snapshots(&self.opened).map(|(snapshots, _)| snapshots)
    }

    /// One small file of a snapshot, as the manifest.
    pub fn read(&self, id: &SnapshotId, path: &Path) -> Result<Vec<u8>, Error> {
        contents::read(&self.opened, id, path)
    }

    /// Brings the whole tree back below an empty or new folder: a file that was `/etc/x` is then
    /// `<into>/etc/x`. Owners are found by name first.
    pub fn restore(
        &self,
        id: &SnapshotId,
        into: &Path,
        progress: &dyn Progress,
    ) -> Result<Restored, Error> {
        restore::restore(&self.opened, id, into, &[], progress)
    }

    /// As [`Repository::restore`], of these paths alone, each without its first slash, and of the
    /// folders above them; nothing else is fetched.
    pub fn restore_only(
        &self,
        id: &SnapshotId,
        into: &Path,
        only: &[PathBuf],
        progress: &dyn Progress,
    ) -> Result<Restored, Error> {
        restore::restore(&self.opened, id, into, only, progress)
    }

    /// Its key files, and which of them this password opens.
    pub fn keys(&self, password: &Password) -> Result<Vec<Held>, Error> {
        keys::held(&self.opened, password)
    }

    /// Lets this password open it, too.
    pub fn admit(&self, password: &Password) -> Result<(), Error> {
        keys::admit(&self.opened, password)
    }

    /// Names all that is wrong, the harmful first; an error if it could not look.
    pub fn check(&self, depth: Depth, progress: &dyn Progress) -> Result<Vec<Fault>, Error> {
        check::check(&self.opened, depth, progress)
    }
}

/// A repository that may be pruned: another handle, with other credentials where the target
/// tells them apart.
#[derive(Debug)]
pub struct Pruning {
    opened: Opened,
}

impl Pruning {
    /// Opens the one that is there.
    pub fn open(reach: &Reach<'_>) -> Result<Self, Error> {
        let store = target::reach(reach)?;
        Ok(Self { opened: Opened::open(store, reach.password, Rights::Prune)? })
    }

    /// Removes every key file but one that this password opens; those that are gone now.
    pub fn dismiss_others(&self, password: &Password) -> Result<Vec<Held>, Error> {
        keys::dismiss_others(&self.opened, password)
    }

    /// What removing these snapshots would free; changes nothing.
    pub fn plan(&self, drop: &[SnapshotId]) -> Result<Pruned, Error> {
        prune::plan(&self.opened, drop)
    }

    /// Removes these snapshots and all that nothing needs any longer. Nobody else may work on the
    /// repository meanwhile.
    pub fn prune(&self, drop: &[SnapshotId], progress: &dyn Progress) -> Result<Pruned, Error> {
        prune::prune(&self.opened, drop, progress)
    }
}
