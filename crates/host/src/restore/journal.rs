//! What a restore has done and is about to do, written and on the disk before each step.
//!
//! Leaves out the steps.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use backup::whole;
use jiff::Timestamp;
pub use model::backup::restore::Phase;
use model::backup::restore::path;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// One path that is swapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swap {
    pub live: PathBuf,
    /// Beside `live`, on the same file system, until it is renamed.
    pub new: PathBuf,
    /// What `live` is renamed to.
    pub old: PathBuf,
    /// Whether there was anything at `live`.
    pub was_there: bool,
}

/// A database that is swapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renamed {
    pub live: String,
    pub new: String,
    pub old: String,
    pub was_there: bool,
    /// The server's port on the local socket.
    pub port: u16,
}

/// A restore of one service in its own place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalV1 {
    pub service: String,
    pub target: String,
    pub snapshot: String,
    pub snapshot_at: Timestamp,
    pub at: Timestamp,
    pub phase: Phase,
    pub swaps: Vec<Swap>,
    pub database: Option<Renamed>,
    /// Those that ran before, in the order in which they are started.
    pub units: Vec<String>,
}

impl JournalV1 {
    /// What is kept under which names.
    pub fn kept(&self) -> Vec<String> {
        let paths = self.swaps.iter().filter(|swap| swap.was_there);
        let paths = paths.map(|swap| swap.old.display().to_string());
        let database = self.database.iter().filter(|database| database.was_there);
        paths.chain(database.map(|database| format!("database {}", database.old))).collect()
    }

    /// Writes it, in this phase; it is on the disk when this returns.
    pub(crate) fn enter(&mut self, phase: Phase) -> Result<(), Error> {
        self.phase = phase;
        let path = PathBuf::from(path(&self.service));
        let failed = |reason: String| Error::Journal { path: path.clone(), reason };
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.to_string()))?;
        whole::replace(&path, &text, 0o600).map_err(|error| failed(error.to_string()))
    }

    /// Removes it.
    pub(crate) fn end(&self) -> Result<(), Error> {
        let path = PathBuf::from(path(&self.service));
        fs::remove_file(&path).map_err(|source| Error::File { what: "remove", path, source })
    }
}

/// The journal of the last restore of a service that is not over or whose old state is kept.
pub fn of(service: &str) -> Result<Option<JournalV1>, Error> {
    let path = PathBuf::from(path(service));
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| Error::Journal { path, reason: error.to_string() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File { what: "read", path, source }),
    }
}
