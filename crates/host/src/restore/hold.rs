//! One restore of a service at a time, and none while it is backed up.
//!
//! Locks of the kernel's, which a killed process lets go of: what it left is told from what runs.
//! Leaves out what is left then, which is the journal's.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use backup::lock;
use backup::refusal::Refusal;
use backup::staging::{self, Staging};
use model::backup::restore::FOLDER;
use model::text::with_causes;

use crate::error::Error;

/// The right to change the state of one service; whoever has it, no other restore of it runs.
#[derive(Debug)]
pub struct Hold {
    service: String,
    _lock: File,
}

impl Hold {
    /// Takes it.
    ///
    /// # Errors
    /// If a restore of this service runs.
    pub fn take(service: &str) -> Result<Self, Error> {
        Self::take_in(Path::new(FOLDER), service)
    }

    fn take_in(folder: &Path, service: &str) -> Result<Self, Error> {
        // It comes from a command line, and becomes the name of a file.
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
        if service.is_empty() || service.starts_with('.') || !service.chars().all(plain) {
            return Err(Error::Refused { told: format!("`{service}` is no name of a service") });
        }
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| Error::File { what: "make", path: folder.to_owned(), source })?;
        let path = lock_path(folder, service);
        match lock::take(&path) {
            Ok(Some(lock)) => Ok(Self { service: service.to_owned(), _lock: lock }),
            Ok(None) => Err(Error::Restoring { service: service.to_owned() }),
            Err(source) => Err(Error::File { what: "lock", path, source }),
        }
    }

    pub fn service(&self) -> &str {
        &self.service
    }

    /// Keeps backups of the service away, too: they would save half of the old state and half of
    /// the new one.
    ///
    /// # Errors
    /// If one runs.
    pub(crate) fn still(&self) -> Result<Staging, Error> {
        still_in(Path::new(staging::FOLDER), &self.service)
    }
}

/// Whether a restore of this service runs. Keeps nobody from taking the hold meanwhile.
pub(crate) fn is_held(service: &str) -> io::Result<bool> {
    lock::is_held(&lock_path(Path::new(FOLDER), service))
}

fn lock_path(folder: &Path, service: &str) -> PathBuf {
    folder.join(format!(".{service}.lock"))
}

fn still_in(folder: &Path, service: &str) -> Result<Staging, Error> {
    Staging::take(folder, service).map_err(|refusal| match refusal {
        Refusal::Busy { service } => Error::Saving { service },
        refusal => Error::Refused { told: with_causes(&refusal) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_restores_of_one_service_the_second_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Hold::take_in(folder.path(), "chat").expect("free");
        let second = Hold::take_in(folder.path(), "chat").expect_err("held");
        assert!(matches!(&second, Error::Restoring { service } if service == "chat"));
        Hold::take_in(folder.path(), "wiki").expect("another service");
        drop(first);
        Hold::take_in(folder.path(), "chat").expect("free again");
        assert!(Hold::take_in(folder.path(), "../chat").is_err());
    }

    #[test]
    fn nothing_is_restored_while_it_is_backed_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let backup = Staging::take(folder.path(), "chat").expect("free");
        let refused = still_in(folder.path(), "chat").expect_err("a backup runs");
        assert!(matches!(refused, Error::Saving { .. }));
        drop(backup);
        let restore = still_in(folder.path(), "chat").expect("free");
        assert!(staging_is_busy(folder.path()), "nor the other way round");
        drop(restore);
    }

    fn staging_is_busy(folder: &Path) -> bool {
        matches!(Staging::take(folder, "chat"), Err(Refusal::Busy { .. }))
    }
}
