//! The record's file: its creation, settings and schema.
//!
//! Leaves out what the tables mean. The operations' table is p2panda's, made by its migrations;
//! ours have names that begin with `stead_`, and both are made in one transaction.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use p2panda_store::{SqliteError, SqliteStore};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, Executor, SqliteConnection};

use crate::error::{Error, code};

/// The version of our tables and, with them, of p2panda's: a newer p2panda-store raises it.
const SCHEMA: i64 = 1;
/// How long to wait for another process's write to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often opening is tried again when another process is making the file at this moment.
const TRIES: u32 = 20;

/// p2panda sorts by `CAST(seq_num AS NUMERIC)`; with this index it need not read a whole log, and
/// no log can ever fork: a second operation of the same number is refused.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS stead_schema (only INTEGER PRIMARY KEY CHECK (only = 0), version INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO stead_schema VALUES (0, 1);
CREATE UNIQUE INDEX IF NOT EXISTS stead_order ON operations_v1 (verifying_key, log_id, CAST(seq_num AS NUMERIC));

CREATE TABLE IF NOT EXISTS stead_verdicts (
    host TEXT NOT NULL, name TEXT NOT NULL, subject TEXT NOT NULL, verdict TEXT NOT NULL,
    evidence TEXT NOT NULL, fix TEXT, since INTEGER NOT NULL,
    PRIMARY KEY (host, name, subject)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stead_facts (
    host TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (host, name)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stead_changes (
    place INTEGER PRIMARY KEY, host TEXT NOT NULL, name TEXT NOT NULL, subject TEXT, at INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS stead_changes_by_host ON stead_changes (host, name, subject);
CREATE TABLE IF NOT EXISTS stead_runs (
    place INTEGER PRIMARY KEY, host TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS stead_runs_by_host ON stead_runs (host);
CREATE TABLE IF NOT EXISTS stead_readings (
    host TEXT NOT NULL, seconds INTEGER NOT NULL, start INTEGER NOT NULL, place INTEGER NOT NULL,
    PRIMARY KEY (host, seconds, start)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stead_unknown (place INTEGER PRIMARY KEY, kind TEXT NOT NULL) STRICT;

CREATE TABLE IF NOT EXISTS stead_evidence (
    host TEXT NOT NULL, name TEXT NOT NULL, subject TEXT NOT NULL, evidence TEXT NOT NULL, fix TEXT,
    PRIMARY KEY (host, name, subject)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stead_raw (
    id INTEGER PRIMARY KEY, host TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS stead_kept (name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// Opens the file, making it with mode 0600 where it is missing, and brings its schema up to date.
pub(crate) async fn open(path: &Path) -> Result<SqliteStore, Error> {
    make(path).map_err(|source| Error::MakeRecord { path: path.to_owned(), source })?;
    let mut tries = 0;
    loop {
        match connect(path).await {
            // While one process turns the new file to write-ahead logging, SQLite tells the
            // others at once that it is locked, without waiting.
            Err(Error::Locked { .. }) if tries < TRIES => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            other => return other,
        }
    }
}

fn make(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
                fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
            }
            Ok(())
        }
        Err(error) => Err(error),
    }
}

async fn connect(path: &Path) -> Result<SqliteStore, Error> {
    let operation = "open the record";
    let fault = |source: SqliteError| Error::of(operation, path, source);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // What was acknowledged survives a power cut too: were the end of a log lost after a peer
        // has seen it, going on would fork the log.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE)
        .foreign_keys(true)
        .statement_cache_capacity(40)
        // In KiB, for each of two connections.
        .pragma("cache_size", "-512")
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .pragma("journal_size_limit", "4194304");
    let pool = SqlitePoolOptions::new()
        .max_connections(2)
        .min_connections(0)
        .acquire_timeout(PATIENCE + PATIENCE)
        .connect_with(options)
        .await
        .map_err(|source| fault(source.into()))?;
    let found = migrate(&pool).await.map_err(fault)?;
    if found > SCHEMA {
        pool.close().await;
        return Err(Error::Newer { path: path.to_owned(), found, known: SCHEMA });
    }
    Ok(SqliteStore::from_pool(pool))
}

/// Makes what is missing; gives the version found, and changes nothing if it is newer than ours.
async fn migrate(pool: &SqlitePool) -> Result<i64, SqliteError> {
    let mut connection = pool.acquire().await?;
    if let Some(found) = version(&mut connection).await?.filter(|found| *found >= SCHEMA) {
        return Ok(found);
    }
    // Under the write lock, so that of two processes one makes it all and the other finds it made.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    p2panda_store::sqlite::migrations().run_direct(&mut *transaction).await?;
    transaction.execute(TABLES).await?;
    transaction.commit().await?;
    Ok(SCHEMA)
}

async fn version(connection: &mut SqliteConnection) -> Result<Option<i64>, SqliteError> {
    let found: Result<i64, sqlx::Error> =
        sqlx::query_scalar("SELECT version FROM stead_schema").fetch_one(connection).await;
    match found.map_err(SqliteError::from) {
        Ok(found) => Ok(Some(found)),
        // A plain error (1) at this query is that there is no such table yet.
        Err(error) if code(&error) == Some(1) => Ok(None),
        Err(error) => Err(error),
    }
}
