//! What can go wrong with the identity and the record.

use std::io;
use std::path::{Path, PathBuf};

use p2panda_store::SqliteError;
use thiserror::Error;

/// Each names what was tried and on which file.
#[derive(Debug, Error)]
pub enum Error {
    #[error("cannot read the device's key `{path}`")]
    ReadKey { path: PathBuf, source: io::Error },
    #[error("cannot write the device's key `{path}`")]
    WriteKey { path: PathBuf, source: io::Error },
    #[error("others may read the device's key `{path}`: its mode is {mode:04o}")]
    OpenKey { path: PathBuf, mode: u32 },
    #[error("`{path}` holds no device key of stead")]
    MalformedKey { path: PathBuf },
    #[error("cannot make the record's file `{path}`")]
    MakeRecord { path: PathBuf, source: io::Error },
    #[error("cannot {operation}: another process keeps the record `{path}` locked")]
    Locked { operation: &'static str, path: PathBuf },
    #[error("cannot {operation}: `{path}` is no record, or is damaged")]
    Damaged { operation: &'static str, path: PathBuf, source: SqliteError },
    #[error("cannot {operation}: no space is left for the record `{path}`")]
    Full { operation: &'static str, path: PathBuf },
    #[error("cannot {operation}: the record `{path}` may not be written")]
    ReadOnly { operation: &'static str, path: PathBuf },
    #[error(
        "the record `{path}` was written by a newer stead: its schema is {found}, ours is {known}"
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("cannot {operation} in the record `{path}`")]
    Database { operation: &'static str, path: PathBuf, source: SqliteError },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::OpenKey { path, .. } => Some(format!(
                "`chmod 600 {path}` closes it; make a new key if others may have read it",
                path = path.display()
            )),
            Self::MalformedKey { path } => Some(format!(
                "restore {path} from a backup, or move it away to begin with a new key",
                path = path.display()
            )),
            Self::Locked { .. } => Some("`fuser -v` on the file says which process".to_owned()),
            Self::Damaged { path, .. } => Some(format!(
                "move {path} and its -wal file away; a new record begins by itself",
                path = path.display()
            )),
            Self::Full { path, .. } => {
                let folder = path.parent().unwrap_or(path);
                Some(format!("`df -h {}` says how full it is", folder.display()))
            }
            Self::Newer { .. } => Some("use the stead that wrote it, or a newer one".to_owned()),
            _ => None,
        }
    }

    /// Names the failed operation; tells apart what the user can mend, by SQLite's result codes
    /// (<https://www.sqlite.org/rescode.html>).
    pub(crate) fn of(operation: &'static str, path: &Path, source: SqliteError) -> Self {
        let path = path.to_owned();
        // An extended code has the primary one in its lowest byte.
        match code(&source).map(|code| code & 0xff) {
            Some(5 | 6) => Self::Locked { operation, path },
            Some(8) => Self::ReadOnly { operation, path },
            Some(11 | 26) => Self::Damaged { operation, path, source },
            Some(13) => Self::Full { operation, path },
            _ => Self::Database { operation, path, source },
        }
    }
}

/// SQLite's extended result code.
pub(crate) fn code(error: &SqliteError) -> Option<i32> {
    let error = match error {
        SqliteError::Sqlite(error) => error,
        SqliteError::Migrate(
            sqlx::migrate::MigrateError::Execute(error)
            | sqlx::migrate::MigrateError::ExecuteMigration(error, _),
        ) => error,
        _ => return None,
    };
    error.as_database_error()?.code()?.parse().ok()
}
