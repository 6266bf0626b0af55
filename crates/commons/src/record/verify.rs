//! Walks every log and checks that it is whole and its writer's own.
//!
//! Leaves out the views: whoever doubts them rebuilds them.

use model::entry::Entry;
use p2panda_core::{Body, Hash, validate_backlink, validate_operation};
use p2panda_store::SqliteError;
use sqlx::SqliteConnection;

use crate::record::operation::{self, Header, Operation};
use crate::record::queries;
use crate::record::rows::{Log, Verified};

/// How many operations are read at a time.
const STRIDE: i64 = 200;

#[derive(sqlx::FromRow)]
struct Row {
    hash: String,
    version: String,
    signature: String,
    payload_size: String,
    payload_hash: Option<String>,
    timestamp: String,
    seq_num: String,
    header: Vec<u8>,
    header_size: String,
    body: Option<Vec<u8>>,
}

/// Checks the file's structure, then each log: numbers without a gap, backlinks, signatures, the
/// bodies that are there, and that p2panda's columns say what the signed headers say.
pub(crate) async fn verify(connection: &mut SqliteConnection) -> Result<Verified, SqliteError> {
    let mut verified = Verified::default();
    let structure: String =
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut *connection).await?;
    if structure != "ok" {
        verified.fault = Some(format!("the file's structure: {structure}"));
        return Ok(verified);
    }
    let uncounted: Option<String> = sqlx::query_scalar(
        "SELECT verifying_key FROM operations_v1 o WHERE NOT EXISTS (SELECT 1 FROM stead_heights h \
         WHERE h.author = o.verifying_key AND h.log_id = o.log_id) LIMIT 1",
    )
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(author) = uncounted {
        verified.fault = Some(format!("a log of {author} is not counted among the logs"));
        return Ok(verified);
    }
    for (log, id) in queries::logs(&mut *connection).await? {
        verified.logs += 1;
        let mut last: Option<Header> = None;
        loop {
            let after = last.as_ref().map_or(-1, |header| header.seq_num.cast_signed());
            let rows: Vec<Row> = sqlx::query_as(
                "SELECT hash, version, signature, payload_size, payload_hash, timestamp, seq_num, \
                 header, header_size, body FROM operations_v1 \
                 WHERE verifying_key = ? AND log_id = ? AND CAST(seq_num AS NUMERIC) > ? \
                 ORDER BY CAST(seq_num AS NUMERIC) LIMIT ?",
            )
            .bind(&log.author)
            .bind(&id)
            .bind(after)
            .bind(STRIDE)
            .fetch_all(&mut *connection)
            .await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                verified.entries += 1;
                let number = last.as_ref().map_or(0, |header| header.seq_num + 1);
                match sound(&log, row, last.as_ref()) {
                    Ok((header, Found::Known)) => last = Some(header),
                    Ok((header, Found::Unknown)) => {
                        verified.unknown += 1;
                        last = Some(header);
                    }
                    Ok((header, Found::Deleted)) => {
                        verified.deleted += 1;
                        last = Some(header);
                    }
                    Err(fault) => {
                        verified.fault = Some(format!(
                            "entry {number} of log `{}` of {}: {fault}",
                            log.name, log.author
                        ));
                        return Ok(verified);
                    }
                }
            }
        }
        let length = last.map_or(0, |header| header.seq_num + 1);
        if length != log.entries {
            verified.fault = Some(format!(
                "log `{}` of {}: entry {length} is missing, {} were written",
                log.name, log.author, log.entries
            ));
            return Ok(verified);
        }
    }
    Ok(verified)
}

enum Found {
    Known,
    Unknown,
    Deleted,
}

fn sound(log: &Log, row: Row, last: Option<&Header>) -> Result<(Header, Found), String> {
    let header = operation::header(&row.header).map_err(|error| format!("its header: {error}"))?;
    if header.to_bytes() != row.header {
        return Err("its header is not written as p2panda writes it".to_owned());
    }
    let operation =
        Operation { hash: header.hash(), header: header.clone(), body: row.body.map(Body::from) };
    validate_operation(&operation).map_err(|error| error.to_string())?;
    match last {
        Some(last) => validate_backlink(last, &header).map_err(|error| error.to_string())?,
        None if header.seq_num > 0 => {
            return Err(format!("it is missing; {} is the first there is", header.seq_num));
        }
        None => {}
    }
    let label = header.extensions.get(operation::LOG);
    let columns = [
        ("hash", row.hash == operation.hash.to_hex()),
        ("verifying_key", log.author == header.verifying_key.to_hex()),
        ("log_id", label == Some(&log.name)),
        ("version", row.version == header.version.to_string()),
        (
            "signature",
            header.signature.is_some_and(|signature| row.signature == signature.to_hex()),
        ),
        ("payload_size", row.payload_size == header.payload_size.to_string()),
        ("payload_hash", row.payload_hash == header.payload_hash.as_ref().map(Hash::to_hex)),
        ("timestamp", row.timestamp == header.timestamp.to_string()),
        ("seq_num", row.seq_num == header.seq_num.to_string()),
        ("header_size", row.header_size == row.header.len().to_string()),
    ];
    if let Some((column, _)) = columns.into_iter().find(|(_, well)| !well) {
        return Err(format!("its column {column} differs from its signed header"));
    }
    let found = match operation.body() {
        None => Found::Deleted,
        Some(_) if !Entry::KINDS.contains(&operation::kind(&header)) => Found::Unknown,
        Some(_) => Found::Known,
    };
    Ok((header, found))
}
