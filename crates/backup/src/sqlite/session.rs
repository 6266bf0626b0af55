//! One connection to a SQLite database, which blocks its caller.
//!
//! Leaves out what is asked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use tokio::runtime::Runtime;

use crate::refusal::Refusal;

/// How long to wait for a writer.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Session {
    runtime: Runtime,
    connection: std::cell::RefCell<Option<SqliteConnection>>,
    path: PathBuf,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.borrow_mut().take() {
            // The last to leave takes the write-ahead log away, like any other user of it.
            let _ = self.runtime.block_on(connection.close());
        }
    }
}

impl Session {
    /// Like any user of the database: a journal that a crash left is played back first.
    pub(crate) fn open(path: &Path) -> Result<Self, Refusal> {
        let refused =
            |words: String| Refusal::Sqlite { what: "open", path: path.to_owned(), words };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| refused(error.to_string()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .busy_timeout(PATIENCE)
            // What the file says is data: no function in its schema is trusted.
            .pragma("trusted_schema", "OFF")
            .pragma("cell_size_check", "ON")
            .disable_statement_logging();
        let connection =
            runtime.block_on(options.connect()).map_err(|error| refused(error.to_string()))?;
        let connection = std::cell::RefCell::new(Some(connection));
        Ok(Self { runtime, connection, path: path.to_owned() })
    }

    /// Calls for each row.
    pub(crate) fn each(
        &self,
        what: &'static str,
        sql: &str,
        mut call: impl FnMut(&SqliteRow),
    ) -> Result<(), Refusal> {
        use futures_util::TryStreamExt;
        let refused = |words: String| Refusal::Sqlite { what, path: self.path.clone(), words };
        let mut connection = self.connection.borrow_mut();
        let connection = connection.as_mut().ok_or_else(|| refused("it is closed".to_owned()))?;
        self.runtime
            .block_on(async {
                let mut rows = sqlx::query(sql).fetch(connection);
                while let Some(row) = rows.try_next().await? {
                    call(&row);
                }
                Ok(())
            })
            .map_err(|error: sqlx::Error| refused(error.to_string()))
    }

    /// The rows of texts; what is no text is empty.
    pub(crate) fn texts(&self, what: &'static str, sql: &str) -> Result<Vec<Vec<String>>, Refusal> {
        let mut rows = Vec::new();
        self.each(what, sql, |row| {
            let text = |at| row.try_get_unchecked::<Option<String>, _>(at).ok().flatten();
            rows.push((0..row.len()).map(|at| text(at).unwrap_or_default()).collect());
        })?;
        Ok(rows)
    }

    pub(crate) fn copy(&self, to: &Path) -> Result<(), Refusal> {
        let to = to.to_string_lossy().replace('\'', "''");
        self.each("copy", &format!("VACUUM INTO '{to}'"), |_| ())
    }

    /// Refuses a database whose pages or indexes are damaged.
    pub(crate) fn whole(&self) -> Result<(), Refusal> {
        let said = self.texts("check", "PRAGMA integrity_check(3)")?;
        if said == [["ok"]] {
            return Ok(());
        }
        let words = said.concat().join("; ");
        Err(Refusal::Sqlite { what: "find whole", path: self.path.clone(), words })
    }
}
