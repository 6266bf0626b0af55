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
    #[error("`{path}` is a database, but no record of stead, or a damaged one")]
    Foreign { path: PathBuf },
    #[error(
        "the record `{path}` was written by a newer stead: its schema is {found}, ours is {known}"
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("cannot {operation}: `{path}`")]
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
                "restore {path} from a backup; or move it and record.db away: then new ones begin",
                path = path.display()
            )),
            Self::Locked { .. } => Some("`fuser -v` on the file says which process".to_owned()),
            Self::Damaged { path, .. } | Self::Foreign { path } => Some(format!(
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

    /// Whether the place of the record is at fault, not what is in it: a full disk, a file system
    /// that may not be written.
    pub const fn is_of_the_place(&self) -> bool {
        matches!(
            self,
            Self::Full { .. }
                | Self::ReadOnly { .. }
                | Self::MakeRecord { .. }
                | Self::WriteKey { .. }
                | Self::Database { .. }
        )
    }

    /// Names the failed operation; tells apart what the user can mend, by SQLite's result codes
    /// (<https://www.sqlite.org/rescode.html>).
    pub(crate) fn of(operation: &'static str, path: &Path, source: SqliteError) -> Self {
        let path = path.to_owned();
        let code = code(&source);
        // SQLITE_IOERR_SHMSIZE: no space for the index of the -wal file.
        if code == Some(4874) {
            return Self::Full { operation, path };
        }
        // An extended code has the primary one in its lowest byte.
        match code.map(|code| code & 0xff) {
            Some(5 | 6) => Self::Locked { operation, path },
            Some(8) => Self::ReadOnly { operation, path },
            Some(11 | 26) => Self::Damaged { operation, path, source },
            Some(13) => Self::Full { operation, path },
            _ => Self::Database { operation, path, source },
        }
    }
}

/// SQLite's extended result code.
fn code(error: &SqliteError) -> Option<i32> {
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

#[cfg(test)]
mod tests {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
    use sqlx::{Connection, Executor};

    use super::*;

    async fn connect(path: &Path) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let options = options.busy_timeout(std::time::Duration::ZERO);
        SqliteConnection::connect_with(&options).await.expect("connected")
    }

    #[tokio::test]
    async fn a_lock_is_told_as_a_lock_with_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.db");
        let (mut one, mut two) = (connect(&path).await, connect(&path).await);
        one.execute("CREATE TABLE t (x)").await.expect("made");
        let _held = one.begin_with("BEGIN IMMEDIATE").await.expect("held");
        let source = two.execute("INSERT INTO t VALUES (1)").await.expect_err("locked");
        let error = Error::of("append to the record", &path, source.into());
        assert!(matches!(error, Error::Locked { .. }));
        let text = error.to_string();
        assert!(text.starts_with("cannot append to the record: another process"), "{text}");
        assert!(text.contains("x.db"), "{text}");
    }

    #[tokio::test]
    async fn a_full_disk_is_told_as_full() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.db");
        let mut one = connect(&path).await;
        one.execute("PRAGMA max_page_count = 3; CREATE TABLE t (x)").await.expect("made");
        let source = loop {
            if let Err(error) = one.execute("INSERT INTO t VALUES (zeroblob(1000))").await {
                break error;
            }
        };
        let error = Error::of("keep", &path, source.into());
        assert!(matches!(error, Error::Full { .. }));
        assert!(error.hint().expect("a hint").starts_with("`df -h "));
    }
}
