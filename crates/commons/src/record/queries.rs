//! Reads the views.
//!
//! Leaves out readings: they have a file of their own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::changes::Known;
use model::entry::{Entry, RunV1};
use model::host_name::HostName;
use model::verdict::{Finding, Verdict};
use p2panda_core::cbor::decode_cbor;
use p2panda_store::SqliteError;
use p2panda_store::sqlite::{DecodeError, SqlitePool};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use crate::record::operation;
use crate::record::rows::{Content, Dated, Fact, Log, Standing, Stored, Which};

pub(crate) async fn known(
    connection: &mut SqliteConnection,
    host: &HostName,
) -> Result<Known, SqliteError> {
    let rows: Vec<(String, String, String)> =
        sqlx::query_as("SELECT name, subject, verdict FROM stead_verdicts WHERE host = ?")
            .bind(host.as_str())
            .fetch_all(connection)
            .await?;
    rows.into_iter().map(|(name, subject, word)| Ok(((name, subject), verdict(&word)?))).collect()
}

pub(crate) async fn known_facts(
    connection: &mut SqliteConnection,
    host: &HostName,
) -> Result<BTreeMap<String, String>, SqliteError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT name, value FROM stead_facts WHERE host = ?")
            .bind(host.as_str())
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().collect())
}

pub(crate) type StandingRow = (String, String, String, String, i64, String, Option<String>);

pub(crate) async fn standings(
    pool: &SqlitePool,
    host: Option<&HostName>,
) -> Result<Vec<Standing>, SqliteError> {
    // The evidence table holds the newest figures for what this device judges itself.
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT v.host, v.name, v.subject, v.verdict, v.since, \
         CASE WHEN e.host IS NULL THEN v.evidence ELSE e.evidence END, \
         CASE WHEN e.host IS NULL THEN v.fix ELSE e.fix END \
         FROM stead_verdicts v LEFT JOIN stead_evidence e USING (host, name, subject)",
    );
    if let Some(host) = host {
        query.push(" WHERE v.host = ").push_bind(host.as_str());
    }
    let rows: Vec<StandingRow> = query.build_query_as().fetch_all(pool).await?;
    let mut standings: Vec<Standing> =
        rows.into_iter().map(standing).collect::<Result<_, SqliteError>>()?;
    standings.sort_by(|a, b| {
        (a.host.cmp(&b.host))
            .then(b.finding.verdict.cmp(&a.finding.verdict))
            .then_with(|| a.finding.name.cmp(&b.finding.name))
            .then_with(|| a.finding.subject.cmp(&b.finding.subject))
    });
    Ok(standings)
}

pub(crate) fn standing(row: StandingRow) -> Result<Standing, SqliteError> {
    let (host, name, subject, word, since, evidence, fix) = row;
    let finding = Finding { name, verdict: verdict(&word)?, subject, evidence, fix };
    Ok(Standing { host: host_name(host)?, finding, since: time(since) })
}

pub(crate) async fn facts(pool: &SqlitePool, host: &HostName) -> Result<Vec<Fact>, SqliteError> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT name, value, since FROM stead_facts WHERE host = ? ORDER BY name")
            .bind(host.as_str())
            .fetch_all(pool)
            .await?;
    let fact = |(key, value, since)| Fact { key, value, since: time(since) };
    Ok(rows.into_iter().map(fact).collect())
}

pub(crate) async fn changes(
    pool: &SqlitePool,
    which: &Which,
    limit: u32,
) -> Result<Vec<Dated<Entry>>, SqliteError> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT c.at, o.body FROM stead_changes c JOIN operations_v1 o ON o.rowid = c.place \
         WHERE o.body IS NOT NULL",
    );
    let conditions = [
        (" AND c.host = ", which.host.as_ref().map(HostName::as_str)),
        (" AND c.name = ", which.name.as_deref()),
        (" AND c.subject = ", which.subject.as_deref()),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            query.push(condition).push_bind(value);
        }
    }
    query.push(" ORDER BY c.place DESC LIMIT ").push_bind(limit);
    let rows: Vec<(i64, Vec<u8>)> = query.build_query_as().fetch_all(pool).await?;
    rows.into_iter().map(|(at, body)| Ok(Dated { at: time(at), entry: decoded(&body)? })).collect()
}

pub(crate) async fn runs(
    pool: &SqlitePool,
    host: &HostName,
    limit: u32,
) -> Result<Vec<Dated<RunV1>>, SqliteError> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT r.at, o.body FROM stead_runs r JOIN operations_v1 o ON o.rowid = r.place \
         WHERE r.host = ? AND o.body IS NOT NULL ORDER BY r.place DESC LIMIT ?",
    )
    .bind(host.as_str())
    .bind(limit)
    .fetch_all(pool)
    .await?;
    let mut runs = Vec::new();
    for (at, body) in rows {
        if let Entry::RunV1(entry) = decoded(&body)? {
            runs.push(Dated { at: time(at), entry });
        }
    }
    Ok(runs)
}

pub(crate) async fn hosts(pool: &SqlitePool) -> Result<Vec<HostName>, SqliteError> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT host FROM stead_verdicts UNION SELECT host FROM stead_facts ORDER BY host",
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(host_name).collect()
}

pub(crate) async fn logs(
    executor: impl SqliteExecutor<'_>,
) -> Result<Vec<(Log, Vec<u8>)>, SqliteError> {
    let rows: Vec<(String, Vec<u8>, i64)> =
        sqlx::query_as("SELECT author, log_id, entries FROM stead_heights ORDER BY author, log_id")
            .fetch_all(executor)
            .await?;
    Ok(rows
        .into_iter()
        .map(|(author, id, entries)| {
            let name = decode_cbor(&id[..]).unwrap_or_else(|_| "unreadable".to_owned());
            (Log { author, name, entries: u64::try_from(entries).unwrap_or(0) }, id)
        })
        .collect())
}

type EntryRow = (i64, String, Vec<u8>, Option<Vec<u8>>);

pub(crate) async fn entries(
    pool: &SqlitePool,
    limit: u32,
    before: Option<i64>,
) -> Result<Vec<Stored>, SqliteError> {
    let rows: Vec<EntryRow> = sqlx::query_as(
        "SELECT rowid, hash, header, body FROM operations_v1 WHERE rowid < ? \
         ORDER BY rowid DESC LIMIT ?",
    )
    .bind(before.unwrap_or(i64::MAX))
    .bind(limit)
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|(place, hash, header, body)| {
            let header = operation::header(&header)
                .map_err(|error| SqliteError::Decode("header".to_owned(), error.into()))?;
            let text = |key| header.extensions.get(key).cloned().unwrap_or_default();
            let content = match body {
                None => Content::Deleted,
                Some(body) => match operation::entry(&header, &body) {
                    Some(entry) => Content::Entry(entry),
                    None => Content::Unknown { bytes: body.len() },
                },
            };
            Ok(Stored {
                place,
                author: header.verifying_key.to_hex(),
                log: text(operation::LOG),
                number: header.seq_num,
                hash,
                at: time(operation::label(&header)),
                kind: text(operation::KIND),
                content,
            })
        })
        .collect()
}

/// Refreshes the local copy of the newest evidence, whose figures vary without being entries.
pub(crate) async fn keep_evidence(
    connection: &mut SqliteConnection,
    host: &HostName,
    finding: &Finding,
) -> Result<(), SqliteError> {
    sqlx::query(
        "INSERT INTO stead_evidence (host, name, subject, evidence, fix) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT DO UPDATE SET evidence = excluded.evidence, fix = excluded.fix \
         WHERE evidence <> excluded.evidence OR fix IS NOT excluded.fix",
    )
    .bind(host.as_str())
    .bind(&finding.name)
    .bind(&finding.subject)
    .bind(&finding.evidence)
    .bind(&finding.fix)
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets the evidence of what is judged no more.
pub(crate) async fn drop_evidence(
    connection: &mut SqliteConnection,
    host: &HostName,
) -> Result<(), SqliteError> {
    sqlx::query(
        "DELETE FROM stead_evidence WHERE host = ?1 AND NOT EXISTS (SELECT 1 FROM stead_verdicts v \
         WHERE v.host = ?1 AND v.name = stead_evidence.name AND v.subject = stead_evidence.subject)",
    )
    .bind(host.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// A label as a time.
pub(crate) fn time(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::MAX)
}

/// The entry of a body that the views say is known.
fn decoded(body: &[u8]) -> Result<Entry, SqliteError> {
    decode_cbor(body).map_err(|error| SqliteError::Decode("entry".to_owned(), error.into()))
}

pub(crate) fn verdict(word: &str) -> Result<Verdict, SqliteError> {
    [Verdict::Pass, Verdict::Unknown, Verdict::Warn, Verdict::Fail]
        .into_iter()
        .find(|verdict| verdict.word() == word)
        .ok_or_else(|| bad("verdict"))
}

pub(crate) fn host_name(text: String) -> Result<HostName, SqliteError> {
    text.try_into().map_err(|_| bad("host's name"))
}

fn bad(what: &str) -> SqliteError {
    SqliteError::Decode(what.to_owned(), DecodeError::FromStr)
}
