//! The views: what the entries add up to, kept in tables that can be thrown away and rebuilt.
//!
//! Leaves out who asks. Entries are applied in the order in which they arrived here; of two on one
//! subject the later holds, as both come from the one device that speaks for the host.

use model::entry::{Entry, FactV1, ReadingsV1, RunV1, VerdictV1};
use p2panda_store::SqliteError;
use sqlx::{Executor, SqliteConnection};

use crate::record::operation;

/// The version of what the views make of the logs: a new kind of entry raises it, so that entries
/// which an older stead took in without knowing them are replayed.
pub(crate) const VERSION: i64 = 1;
/// How many operations are replayed at a time.
const STRIDE: i64 = 500;

/// Applies one entry. `place` is its row in the operations' table, `at` its label.
pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    place: i64,
    at: i64,
    entry: &Entry,
) -> Result<(), sqlx::Error> {
    match entry {
        Entry::VerdictV1(entry) => verdict(connection, place, at, entry).await,
        Entry::FactV1(entry) => fact(connection, place, at, entry).await,
        Entry::RunV1(entry) => run(connection, place, at, entry).await,
        Entry::ReadingsV1(entry) => readings(connection, place, entry).await,
    }
}

async fn verdict(
    connection: &mut SqliteConnection,
    place: i64,
    at: i64,
    entry: &VerdictV1,
) -> Result<(), sqlx::Error> {
    change(connection, place, at, entry.host.as_str(), &entry.check, Some(&entry.subject)).await?;
    let query = match entry.after {
        Some(verdict) => sqlx::query(
            "INSERT OR REPLACE INTO stead_verdicts (host, name, subject, verdict, evidence, fix, since) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .bind(entry.host.as_str())
        .bind(&entry.check)
        .bind(&entry.subject)
        .bind(verdict.word())
        .bind(&entry.evidence)
        .bind(&entry.fix)
        .bind(at),
        None => sqlx::query("DELETE FROM stead_verdicts WHERE host = ? AND name = ? AND subject = ?")
            .bind(entry.host.as_str())
            .bind(&entry.check)
            .bind(&entry.subject),
    };
    query.execute(connection).await.map(drop)
}

async fn fact(
    connection: &mut SqliteConnection,
    place: i64,
    at: i64,
    entry: &FactV1,
) -> Result<(), sqlx::Error> {
    change(connection, place, at, entry.host.as_str(), &entry.key, None).await?;
    let query = match &entry.after {
        Some(value) => sqlx::query(
            "INSERT OR REPLACE INTO stead_facts (host, name, value, since) VALUES (?, ?, ?, ?)",
        )
        .bind(entry.host.as_str())
        .bind(&entry.key)
        .bind(value)
        .bind(at),
        None => sqlx::query("DELETE FROM stead_facts WHERE host = ? AND name = ?")
            .bind(entry.host.as_str())
            .bind(&entry.key),
    };
    query.execute(connection).await.map(drop)
}

async fn change(
    connection: &mut SqliteConnection,
    place: i64,
    at: i64,
    host: &str,
    name: &str,
    subject: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO stead_changes (place, host, name, subject, at) VALUES (?, ?, ?, ?, ?)")
        .bind(place)
        .bind(host)
        .bind(name)
        .bind(subject)
        .bind(at)
        .execute(connection)
        .await
        .map(drop)
}

async fn run(
    connection: &mut SqliteConnection,
    place: i64,
    at: i64,
    entry: &RunV1,
) -> Result<(), sqlx::Error> {
    // A run of some checks says nothing of how long ago the others were asked.
    if entry.what != RunV1::WHOLE {
        return Ok(());
    }
    sqlx::query("INSERT INTO stead_runs (place, host, at) VALUES (?, ?, ?)")
        .bind(place)
        .bind(entry.host.as_str())
        .bind(at)
        .execute(connection)
        .await
        .map(drop)
}

async fn readings(
    connection: &mut SqliteConnection,
    place: i64,
    entry: &ReadingsV1,
) -> Result<(), sqlx::Error> {
    let Some(first) = entry.meters.iter().find_map(|(_, windows)| windows.first()) else {
        return Ok(());
    };
    sqlx::query(
        "INSERT OR REPLACE INTO stead_readings (host, seconds, start, place) VALUES (?, ?, ?, ?)",
    )
    .bind(entry.host.as_str())
    .bind(entry.window_seconds)
    .bind(first.at.as_second())
    .bind(place)
    .execute(connection)
    .await
    .map(drop)
}

/// Throws the views away and replays all logs; entries of unknown kinds change nothing.
pub(crate) async fn rebuild(connection: &mut SqliteConnection) -> Result<(), SqliteError> {
    connection
        .execute(
            "DELETE FROM stead_verdicts; DELETE FROM stead_facts; DELETE FROM stead_changes; \
             DELETE FROM stead_runs; DELETE FROM stead_readings;",
        )
        .await?;
    sqlx::query("UPDATE stead_schema SET views = ?")
        .bind(VERSION)
        .execute(&mut *connection)
        .await?;
    let mut last = i64::MIN;
    loop {
        let rows: Vec<(i64, Vec<u8>, Option<Vec<u8>>)> = sqlx::query_as(
            "SELECT rowid, header, body FROM operations_v1 WHERE rowid > ? ORDER BY rowid LIMIT ?",
        )
        .bind(last)
        .bind(STRIDE)
        .fetch_all(&mut *connection)
        .await?;
        let Some((place, ..)) = rows.last() else { return Ok(()) };
        last = *place;
        for (place, header, body) in rows {
            // A deleted body was replaced by a later entry: it changes nothing any more.
            let Some(body) = body else { continue };
            let header = operation::header(&header)
                .map_err(|error| SqliteError::Decode("header".to_owned(), error.into()))?;
            if let Some(entry) = operation::entry(&header, &body) {
                apply(connection, place, operation::label(&header), &entry).await?;
            }
        }
    }
}
