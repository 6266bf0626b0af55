//! A file under way: who holds it, and whether it became what was wanted.
//!
//! Leaves out where its bytes come from.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::fetch::address::shown;
use crate::fetch::digest::Digest;
use crate::fetch::error::Error;
use crate::progress::Progress;

/// What is wanted, and who is told.
pub struct Goal<'a> {
    pub url: &'a str,
    pub digest: &'a Digest,
    pub limit: u64,
    pub progress: &'a dyn Progress,
}

/// A file under way, held by this process alone.
pub struct Partial {
    pub path: PathBuf,
    pub file: File,
}

impl Partial {
    /// Waits until no other process holds it.
    pub fn open(path: PathBuf) -> Result<Self, Error> {
        let failed = |source| Error::Cache { path: path.clone(), source };
        loop {
            let mut how = OpenOptions::new();
            let file = how.read(true).write(true).create(true).truncate(false).open(&path);
            let file = file.map_err(failed)?;
            file.lock().map_err(failed)?;
            // Who held it before may have renamed or deleted the file that was opened here.
            let is_it = |there: &fs::Metadata, mine: &fs::Metadata| {
                there.ino() == mine.ino() && there.dev() == mine.dev()
            };
            let mine = file.metadata().map_err(failed)?;
            if fs::metadata(&path).is_ok_and(|there| is_it(&there, &mine)) {
                return Ok(Self { path, file });
            }
        }
    }

    pub fn length(&self) -> Result<u64, Error> {
        let length = self.file.metadata().map(|data| data.len());
        length.map_err(|source| Error::Cache { path: self.path.clone(), source })
    }

    pub fn truncate(&self) -> Result<(), Error> {
        self.file.set_len(0).map_err(|source| Error::Cache { path: self.path.clone(), source })
    }

    pub fn verify(&self, goal: &Goal<'_>) -> Result<(), Error> {
        let mut file = &self.file;
        let got =
            file.seek(SeekFrom::Start(0)).and_then(|_| goal.digest.of_same_kind_read(&mut file));
        let got = got.map_err(|source| Error::Cache { path: self.path.clone(), source })?;
        if got == *goal.digest {
            return Ok(());
        }
        Err(Error::WrongSum {
            url: shown(goal.url),
            expected: Box::new(*goal.digest),
            got: Box::new(got),
        })
    }

    pub fn become_file(self, place: &Path) -> Result<(), Error> {
        let renamed = fs::rename(&self.path, place);
        renamed.map_err(|source| Error::Cache { path: place.to_owned(), source })
    }

    pub fn forget(self) -> Result<(), Error> {
        fs::remove_file(&self.path)
            .map_err(|source| Error::Cache { path: self.path.clone(), source })
    }
}
