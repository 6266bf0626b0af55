//! One file while it is read: never more than its described size, and never silently less.
//!
//! Leaves out opening it.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::snapshot::What;
use crate::source::troubles::Troubles;

/// Reads a file that was opened and described before.
pub struct Reading {
    file: File,
    path: PathBuf,
    was: Stamp,
    left: u64,
    troubles: Troubles,
    told: bool,
}

/// What changes whenever a file is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Reading {
    pub fn new(file: File, path: PathBuf, metadata: &Metadata, troubles: Troubles) -> Self {
        let was = Stamp::of(metadata);
        Self { file, path, was, left: was.size, troubles, told: false }
    }

    fn tell(&mut self, what: What) {
        if !self.told {
            self.told = true;
            self.troubles.add(&self.path, what);
        }
    }

    /// The end, by the description: what was appended since is the next backup's.
    fn end(&mut self) {
        match self.file.metadata() {
            Ok(metadata) if Stamp::of(&metadata) != self.was => self.tell(What::Changed),
            _ => {}
        }
    }
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            self.end();
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        loop {
            match self.file.read(&mut buffer[..most]) {
                // A restore would fill it up with zeros that were never there.
                Ok(0) => {
                    let reason = "it became shorter while it was read";
                    self.tell(What::Unreadable(reason.to_owned()));
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
                }
                Ok(read) => {
                    self.left -= read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.tell(What::Unreadable(error.to_string()));
                    return Err(error);
                }
            }
        }
    }
}
