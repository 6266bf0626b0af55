//! One process at a time changes a repository.
//!
//! Leaves out readers: what is served is whole at every moment.

use std::fs::{File, OpenOptions};

use rustix::fs::{FlockOperation, flock};

use crate::repository::error::Error;
use crate::repository::settings::Place;

/// Held until dropped; the kernel lets go of it when the process dies, however it dies.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub fn take(place: &Place) -> Result<Self, Error> {
        let path = place.lock();
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Busy { path: place.folder.clone() }),
            Err(error) => Err(Error::io("lock", path)(error.into())),
        }
    }
}
