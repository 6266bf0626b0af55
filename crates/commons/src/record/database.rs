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

use crate::error::Error;

/// The version of our tables and, with them, of p2panda's: a newer p2panda-store raises it.
const SCHEMA: i64 = 1;
/// How long to wait for another process's write to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often opening is tried again when another process is making the file at this moment.
const TRIES: u32 = 20;

/// p2panda sorts by `CAST(seq_num AS NUMERIC)`; with this index it need not read a whole log, and
/// no log can ever fork: a second operation of the same number is refused. The heights tell a log
/// whose end is lost from one that was never longer.
const TABLES: &str = "
CREATE TABLE stead_schema (
    only INTEGER PRIMARY KEY CHECK (only = 0), version INTEGER NOT NULL, views INTEGER NOT NULL) STRICT;
INSERT INTO stead_schema VALUES (0, 1, 0);
CREATE TABLE stead_heights (
    author TEXT NOT NULL, log_id BLOB NOT NULL, entries INTEGER NOT NULL,
    PRIMARY KEY (author, log_id)) STRICT, WITHOUT ROWID;
CREATE TRIGGER stead_count AFTER INSERT ON operations_v1 BEGIN
    INSERT INTO stead_heights VALUES (new.verifying_key, new.log_id, 1)
    ON CONFLICT DO UPDATE SET entries = entries + 1;
END;
CREATE UNIQUE INDEX stead_order ON operations_v1 (verifying_key, log_id, CAST(seq_num AS NUMERIC));

CREATE TABLE stead_verdicts (
    host TEXT NOT NULL, name TEXT NOT NULL, subject TEXT NOT NULL, verdict TEXT NOT NULL,
    evidence TEXT NOT NULL, fix TEXT, since INTEGER NOT NULL,
    PRIMARY KEY (host, name, subject)) STRICT, WITHOUT ROWID;
CREATE TABLE stead_facts (
    host TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (host, name)) STRICT, WITHOUT ROWID;
CREATE TABLE stead_changes (
    place INTEGER PRIMARY KEY, host TEXT NOT NULL, name TEXT NOT NULL, subject TEXT, at INTEGER NOT NULL) STRICT;
CREATE INDEX stead_changes_by_host ON stead_changes (host, name, subject);
CREATE TABLE stead_runs (
    place INTEGER PRIMARY KEY, host TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE INDEX stead_runs_by_host ON stead_runs (host);
CREATE TABLE stead_readings (
    host TEXT NOT NULL, seconds INTEGER NOT NULL, start INTEGER NOT NULL, place INTEGER NOT NULL,
    PRIMARY KEY (host, seconds, start)) STRICT, WITHOUT ROWID;

CREATE TABLE stead_evidence (
    host TEXT NOT NULL, name TEXT NOT NULL, subject TEXT NOT NULL, evidence TEXT NOT NULL, fix TEXT,
    PRIMARY KEY (host, name, subject)) STRICT, WITHOUT ROWID;
CREATE TABLE stead_raw (
    id INTEGER PRIMARY KEY, host TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE stead_kept (name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
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
        // When the disk is full, SQLite may roll back by itself. sqlx 0.8.6 then believes the
        // connection to be in a transaction still, and would turn the next one into a savepoint
        // that is never committed. Such a connection is closed instead.
        .before_acquire(|connection, _| {
            let clean = !connection.is_in_transaction();
            Box::pin(async move { Ok(clean) })
        })
        .connect_with(options)
        .await
        .map_err(|source| fault(source.into()))?;
    match migrate(&pool).await.map_err(fault)? {
        Schema::Ours(SCHEMA) => Ok(SqliteStore::from_pool(pool)),
        Schema::Ours(found) => Err(Error::Newer { path: path.to_owned(), found, known: SCHEMA }),
        Schema::Empty | Schema::Foreign => Err(Error::Foreign { path: path.to_owned() }),
    }
}

/// What is in the file, as far as its schema says.
enum Schema {
    Empty,
    /// Ours, of this version.
    Ours(i64),
    /// Another program's, or ours with a damaged schema.
    Foreign,
}

/// Makes what is missing, and changes nothing that is foreign or newer than ours.
async fn migrate(pool: &SqlitePool) -> Result<Schema, SqliteError> {
    let mut connection = pool.acquire().await?;
    if !matches!(schema(&mut connection).await?, Schema::Empty) {
        return schema(&mut connection).await;
    }
    // Under the write lock, so that of two processes one makes it all and the other finds it made.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    if matches!(schema(&mut transaction).await?, Schema::Empty) {
        p2panda_store::sqlite::migrations().run_direct(&mut *transaction).await?;
        transaction.execute(TABLES).await?;
    }
    transaction.commit().await?;
    schema(&mut connection).await
}

async fn schema(connection: &mut SqliteConnection) -> Result<Schema, SqliteError> {
    let names: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table'")
            .fetch_all(&mut *connection)
            .await?;
    if names.is_empty() {
        return Ok(Schema::Empty);
    }
    if !["stead_schema", "stead_heights", "operations_v1"]
        .iter()
        .all(|name| names.iter().any(|n| n == name))
    {
        return Ok(Schema::Foreign);
    }
    let version: Option<i64> =
        sqlx::query_scalar("SELECT version FROM stead_schema").fetch_optional(connection).await?;
    Ok(version.map_or(Schema::Foreign, Schema::Ours))
}
