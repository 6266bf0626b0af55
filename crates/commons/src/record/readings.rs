//! Readings: raw ones in a local table, past hours and days as entries of the log.
//!
//! Leaves out how they are folded and which go: that is `model::fold`'s. At any time each reading is in
//! exactly one of raw, hour and day: what replaces and what is replaced change in one transaction.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::entry::{Entry, ReadingsV1};
use model::fold::{DAY, HOUR, days_to_fold, days_to_forget, fold_meters, start};
use model::host_name::HostName;
use model::plan::stead::Retention;
use model::reading::{History, Meter, Reading, Window};
use p2panda_core::cbor::{decode_cbor, encode_cbor};
use p2panda_store::sqlite::SqlitePool;
use p2panda_store::{SqliteError, SqliteStore};
use sqlx::SqliteConnection;

use crate::identity::Identity;
use crate::record::operation;
use crate::record::pen::Pen;
use crate::record::queries::time;
use crate::record::rows::{Compacted, Reach};

/// Raw readings of one moment: by series, each subject with its epoch and value.
type Moment = BTreeMap<String, Vec<(String, u64, f64)>>;
type Meters = Vec<(Meter, Vec<Window>)>;

/// Keeps the readings of one moment; numbers that are not finite are none.
pub(crate) async fn measure(
    pool: &SqlitePool,
    host: &HostName,
    readings: &[Reading],
    now: Timestamp,
) -> Result<(), SqliteError> {
    let mut moment = Moment::new();
    for reading in readings.iter().filter(|reading| reading.value.is_finite()) {
        let row = (reading.meter.subject.clone(), reading.epoch, reading.value);
        moment.entry(reading.meter.series.clone()).or_default().push(row);
    }
    if moment.is_empty() {
        return Ok(());
    }
    let body =
        encode_cbor(&moment).map_err(|error| SqliteError::Encode("readings".to_owned(), error))?;
    sqlx::query("INSERT INTO stead_raw (host, at, body) VALUES (?, ?, ?)")
        .bind(host.as_str())
        .bind(now.as_microsecond())
        .bind(body)
        .execute(pool)
        .await?;
    Ok(())
}

/// Folds what is complete, an hour or a day in each transaction.
pub(crate) async fn compact(
    store: &SqliteStore,
    identity: &Identity,
    host: &HostName,
    now: Timestamp,
    retention: Retention,
) -> Result<Compacted, SqliteError> {
    let mut compacted = Compacted::default();
    // Every hour but the present one is complete, even one that a wrong clock put in the future:
    // should it be written to again, the two are folded together.
    let present = start(now, HOUR);
    for hour in raw_hours(store.pool(), host).await? {
        if hour != present {
            let pen = Pen::take(store, identity).await?;
            fold_hour(&pen, host, hour, now).await?;
            pen.commit().await?;
            compacted.hours += 1;
        }
    }
    let hours = starts(store.pool(), host, HOUR).await?;
    for day in days_to_fold(&hours, retention.hourly_days.into()) {
        let pen = Pen::take(store, identity).await?;
        fold_day(&pen, host, day, now).await?;
        pen.commit().await?;
        compacted.days += 1;
    }
    let days = starts(store.pool(), host, DAY).await?;
    let forgotten = days_to_forget(&days, retention.daily_days.into());
    if !forgotten.is_empty() {
        let pen = Pen::take(store, identity).await?;
        pen.with(async |connection| {
            for day in &forgotten {
                forget(connection, host, DAY, *day).await?;
            }
            Ok(())
        })
        .await?;
        pen.commit().await?;
        compacted.forgotten = forgotten.len();
    }
    Ok(compacted)
}

async fn fold_hour(
    pen: &Pen<'_>,
    host: &HostName,
    hour: Timestamp,
    now: Timestamp,
) -> Result<(), SqliteError> {
    let first = hour.as_microsecond();
    let end = first + i64::from(HOUR) * 1_000_000;
    let meters = pen
        .with(async |connection| {
            let mut parts = taken(connection, host, HOUR, hour).await?;
            let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
                "DELETE FROM stead_raw WHERE host = ? AND at >= ? AND at < ? RETURNING at, body",
            )
            .bind(host.as_str())
            .bind(first)
            .bind(end)
            .fetch_all(&mut *connection)
            .await?;
            for (at, body) in rows {
                parts.extend(raw(at, &body)?);
            }
            Ok(fold_meters(parts, HOUR))
        })
        .await?;
    write(pen, host, HOUR, meters, now).await
}

async fn fold_day(
    pen: &Pen<'_>,
    host: &HostName,
    day: Timestamp,
    now: Timestamp,
) -> Result<(), SqliteError> {
    let meters = pen
        .with(async |connection| {
            let mut parts = taken(connection, host, DAY, day).await?;
            let hours: Vec<i64> = sqlx::query_scalar(
                "SELECT start FROM stead_readings WHERE host = ? AND seconds = ? \
                 AND start >= ? AND start < ? ORDER BY start",
            )
            .bind(host.as_str())
            .bind(HOUR)
            .bind(day.as_second())
            .bind(day.as_second() + i64::from(DAY))
            .fetch_all(&mut *connection)
            .await?;
            for hour in hours {
                // Folded as they come, so that a day of hours is never in memory at once.
                parts.extend(taken(connection, host, HOUR, second(hour)).await?);
                parts = fold_meters(parts, DAY);
            }
            Ok(parts)
        })
        .await?;
    write(pen, host, DAY, meters, now).await
}

async fn write(
    pen: &Pen<'_>,
    host: &HostName,
    window_seconds: u32,
    meters: Meters,
    now: Timestamp,
) -> Result<(), SqliteError> {
    if meters.is_empty() {
        return Ok(());
    }
    let entry = ReadingsV1 { host: host.clone(), window_seconds, meters };
    pen.append(&[Entry::ReadingsV1(entry)], now).await
}

/// The windows of an hour or a day, whose entry is forgotten: the caller writes its successor.
async fn taken(
    connection: &mut SqliteConnection,
    host: &HostName,
    seconds: u32,
    start: Timestamp,
) -> Result<Meters, SqliteError> {
    let body: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT o.body FROM stead_readings r JOIN operations_v1 o ON o.rowid = r.place \
         WHERE r.host = ? AND r.seconds = ? AND r.start = ? AND o.body IS NOT NULL",
    )
    .bind(host.as_str())
    .bind(seconds)
    .bind(start.as_second())
    .fetch_optional(&mut *connection)
    .await?;
    forget(connection, host, seconds, start).await?;
    body.map_or(Ok(Meters::new()), |body| meters(&body))
}

/// Deletes an entry's body and its row in the view; the header stays.
async fn forget(
    connection: &mut SqliteConnection,
    host: &HostName,
    seconds: u32,
    start: Timestamp,
) -> Result<(), SqliteError> {
    sqlx::query(
        "UPDATE operations_v1 SET body = NULL WHERE rowid IN \
         (SELECT place FROM stead_readings WHERE host = ? AND seconds = ? AND start = ?)",
    )
    .bind(host.as_str())
    .bind(seconds)
    .bind(start.as_second())
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM stead_readings WHERE host = ? AND seconds = ? AND start = ?")
        .bind(host.as_str())
        .bind(seconds)
        .bind(start.as_second())
        .execute(connection)
        .await?;
    Ok(())
}

/// The hours in which there are raw readings.
async fn raw_hours(pool: &SqlitePool, host: &HostName) -> Result<Vec<Timestamp>, SqliteError> {
    let times: Vec<i64> = sqlx::query_scalar("SELECT at FROM stead_raw WHERE host = ? ORDER BY at")
        .bind(host.as_str())
        .fetch_all(pool)
        .await?;
    let mut hours: Vec<Timestamp> = times.into_iter().map(|at| start(time(at), HOUR)).collect();
    hours.dedup();
    Ok(hours)
}

/// The starts of the kept windows, in the order in which they were written.
async fn starts(
    pool: &SqlitePool,
    host: &HostName,
    seconds: u32,
) -> Result<Vec<Timestamp>, SqliteError> {
    let rows: Vec<i64> = sqlx::query_scalar(
        "SELECT start FROM stead_readings WHERE host = ? AND seconds = ? ORDER BY place",
    )
    .bind(host.as_str())
    .bind(seconds)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(second).collect())
}

/// Reads the history: the newest days, the newest hours, and what is in no window yet.
pub(crate) async fn history(
    pool: &SqlitePool,
    host: &HostName,
    reach: &Reach,
) -> Result<History, SqliteError> {
    let mut history: BTreeMap<Meter, Vec<Window>> = BTreeMap::new();
    let mut add = |meters: Meters| {
        for (meter, windows) in meters {
            if reach.meter.as_ref().is_none_or(|asked| *asked == meter) {
                history.entry(meter).or_default().extend(windows);
            }
        }
    };
    for (seconds, many) in [(DAY, reach.days), (HOUR, reach.hours)] {
        let places: Vec<i64> = sqlx::query_scalar(
            "SELECT place FROM stead_readings WHERE host = ? AND seconds = ? \
             ORDER BY start DESC LIMIT ?",
        )
        .bind(host.as_str())
        .bind(seconds)
        .bind(many)
        .fetch_all(pool)
        .await?;
        for place in places.into_iter().rev() {
            // One body at a time: all at once would be many times the history's own size.
            let body: Option<Option<Vec<u8>>> =
                sqlx::query_scalar("SELECT body FROM operations_v1 WHERE rowid = ?")
                    .bind(place)
                    .fetch_optional(pool)
                    .await?;
            if let Some(body) = body.flatten() {
                add(meters(&body)?);
            }
        }
    }
    let rows: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT at, body FROM stead_raw WHERE host = ? ORDER BY at, id")
            .bind(host.as_str())
            .fetch_all(pool)
            .await?;
    for (at, body) in rows {
        add(raw(at, &body)?);
    }
    for windows in history.values_mut() {
        windows.sort_by_key(|window| window.at);
    }
    Ok(History::new(history))
}

fn meters(body: &[u8]) -> Result<Meters, SqliteError> {
    let entry = operation::readings(body)
        .map_err(|error| SqliteError::Decode("readings".to_owned(), error.into()))?;
    Ok(entry.meters)
}

fn raw(at: i64, body: &[u8]) -> Result<Meters, SqliteError> {
    let moment: Moment = decode_cbor(body)
        .map_err(|error| SqliteError::Decode("readings".to_owned(), error.into()))?;
    let mut meters = Meters::new();
    for (series, subjects) in moment {
        for (subject, epoch, value) in subjects {
            let window = Window::raw(time(at), epoch, value);
            meters.push((Meter::new(series.as_str(), subject), vec![window]));
        }
    }
    Ok(meters)
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}
