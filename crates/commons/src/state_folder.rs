//! Where a member's keys and record lie, outside the plan's folder, for this user only.
//!
//! Leaves out what is in the files.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use model::plan::stead::SteadId;
use rustix::fs::{FlockOperation, flock};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum Error {
    #[error("cannot tell where keys are to be kept: neither HOME nor XDG_DATA_HOME is set")]
    NoHome,
    #[error("cannot make `{path}`")]
    Make { path: PathBuf, source: io::Error },
    #[error("`{path}` belongs to another user")]
    Foreign { path: PathBuf },
    #[error("cannot make the scraper's token `{path}`")]
    Token { path: PathBuf, source: io::Error },
    #[error("cannot lock `{path}`")]
    Lock { path: PathBuf, source: io::Error },
}

impl Error {
    /// Whether nothing can be written there.
    pub const fn is_of_the_place(&self) -> bool {
        matches!(self, Self::Make { .. } | Self::Lock { .. })
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoHome => Some("name a folder: `stead --state FOLDER …`".to_owned()),
            Self::Foreign { .. } => {
                Some("run as its owner, or name a folder of your own with `--state`".to_owned())
            }
            _ => None,
        }
    }
}

/// The folder of one stead's keys and record; mode 0700.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFolder {
    path: PathBuf,
}

/// Held by the one process that watches; freed by the kernel when it ends, however it ends.
#[derive(Debug)]
pub struct Watch {
    _file: File,
}

impl StateFolder {
    /// The usual place: `$XDG_DATA_HOME/stead/<id>`, by the XDG base directory specification.
    ///
    /// # Errors
    /// If the environment names no home.
    pub fn usual(id: &SteadId) -> Result<PathBuf, Error> {
        let absolute = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
        };
        let data = absolute("XDG_DATA_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
            .ok_or(Error::NoHome)?;
        Ok(data.join("stead").join(id.as_str()))
    }

    /// Opens the folder, making it where it is missing, and closes it to others.
    ///
    /// # Errors
    /// If it cannot be made or belongs to somebody else.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let make = |source| Error::Make { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(make)?;
        let found = fs::metadata(path).map_err(make)?;
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(Error::Foreign { path: path.to_owned() });
        }
        if found.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(make)?;
        }
        Ok(Self { path: path.to_owned() })
    }

    /// The device's private key.
    pub fn key(&self) -> PathBuf {
        self.path.join("device.key")
    }

    /// The member's own key of age.
    pub fn age(&self) -> PathBuf {
        self.path.join("age.key")
    }

    /// The signed logs and their views.
    pub fn record(&self) -> PathBuf {
        self.path.join("record.db")
    }

    /// Where the process that watches answers.
    pub fn socket(&self) -> PathBuf {
        self.path.join("node.sock")
    }

    /// What the process that watches keeps locked.
    pub fn lock(&self) -> PathBuf {
        self.path.join("node.lock")
    }

    /// The token with which a scraper may read `/metrics`: in `metrics.token`, made when missing.
    ///
    /// # Errors
    /// If it can be neither read nor made.
    pub fn scrape_token(&self) -> Result<String, Error> {
        let path = self.path.join("metrics.token");
        let token = |source| Error::Token { path: path.clone(), source };
        if let Ok(text) = fs::read_to_string(&path)
            && !text.trim().is_empty()
        {
            return Ok(text.trim().to_owned());
        }
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| token(error.into()))?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let _ = fs::remove_file(&path);
        let mut file =
            File::options().create_new(true).write(true).mode(0o600).open(&path).map_err(token)?;
        file.write_all(text.as_bytes()).map_err(token)?;
        Ok(text)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Becomes the one process that watches; `None` if another one is.
    ///
    /// # Errors
    /// If the lock's file cannot be made.
    pub fn watch(&self) -> Result<Option<Watch>, Error> {
        let path = self.lock();
        let lock = |source: io::Error| Error::Lock { path: path.clone(), source };
        // A pipe that nobody reads would keep a plain opening waiting.
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let mut options = File::options();
        options.create(true).truncate(false).write(true).custom_flags(nonblock);
        let file = options.open(&path).map_err(lock)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Watch { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(lock(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_closed_to_others() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("a/b");
        fs::create_dir_all(&path).expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("opened");
        StateFolder::open(&path).expect("opens");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn only_one_may_watch_at_a_time() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = StateFolder::open(place.path()).expect("opens");
        let first = folder.watch().expect("locks");
        assert!(first.is_some());
        assert!(folder.watch().expect("asks").is_none());
        drop(first);
        assert!(folder.watch().expect("locks").is_some());
    }
}
