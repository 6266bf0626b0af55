//! The record on this machine: append-only signed logs and the views computed from them, in one
//! SQLite file.
//!
//! Leaves out exchange with peers, and what a check or a fact means.
//! No entry's meaning depends on a clock: order is the log's order, and every `now` is a label.

mod database;
mod operation;
mod pen;
mod queries;
mod readings;
pub mod rows;
mod summaries;
mod verify;
mod views;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use model::changes;
use model::entry::{Entry, FactV1, RunV1, VerdictV1};
use model::host_name::HostName;
use model::plan::stead::Retention;
use model::reading::{History, Reading};
use model::report::Report;
use p2panda_store::{SqliteError, SqliteStore};

use crate::error::Error;
use crate::identity::Identity;
use crate::record::pen::Pen;
use crate::record::rows::{
    Compacted, Dated, Fact, Log, Reach, Standing, Stored, Summary, Verified, Which,
};

/// The record. Cheap to clone; several processes may hold the same file open and write to it.
#[derive(Clone, Debug)]
pub struct Record {
    store: SqliteStore,
    identity: Identity,
    path: PathBuf,
}

/// Names the operation of a failure.
trait Named<T> {
    fn named(self, operation: &'static str, record: &Record) -> Result<T, Error>;
}

impl<T, E: Into<SqliteError>> Named<T> for Result<T, E> {
    fn named(self, operation: &'static str, record: &Record) -> Result<T, Error> {
        self.map_err(|error| Error::of(operation, &record.path, error.into()))
    }
}

impl Record {
    /// Opens the record, making its file with mode 0600 where it is missing.
    ///
    /// What is appended goes into the logs of `identity`'s key.
    ///
    /// # Errors
    /// If the file cannot be made, is no record, is locked, or was written by a newer stead.
    pub async fn open(path: &Path, identity: Identity) -> Result<Self, Error> {
        let store = database::open(path).await?;
        let record = Self { store, identity, path: path.to_owned() };
        let views: i64 = sqlx::query_scalar("SELECT views FROM stead_schema")
            .fetch_one(record.store.pool())
            .await
            .named("open the record", &record)?;
        if views != views::VERSION {
            record.rebuild().await?;
        }
        Ok(record)
    }

    /// Closes the file once everything that is under way has ended.
    ///
    /// What a process that is killed leaves in the write-ahead log is found there at the next
    /// opening; after a close, all is in the one file.
    pub async fn close(&self) {
        // Another process may be reading: then it is the next one's to do.
        let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(self.store.pool()).await;
        self.store.pool().close().await;
    }

    /// The device that writes here.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Appends the entries to this device's logs, all or none.
    ///
    /// # Errors
    /// If the record stays locked or cannot be written; then none is in it.
    pub async fn append(&self, entries: &[Entry], now: Timestamp) -> Result<(), Error> {
        let work = async {
            let pen = Pen::take(&self.store, &self.identity).await?;
            pen.append(entries, now).await?;
            pen.commit().await
        };
        work.await.named("append to the record", self)
    }

    /// Compares a report with the standing verdicts, appends what changed and that it was run, and
    /// gives the changes.
    ///
    /// Only checks that ran are compared ([`changes::verdicts`]); `what` says which those were
    /// ([`RunV1::what`]). New evidence for an old verdict is
    /// no entry; it is kept in a local table, which [`Record::standings`] reads.
    ///
    /// # Errors
    /// As [`Record::append`].
    pub async fn judge(
        &self,
        host: &HostName,
        report: &Report,
        what: &str,
        now: Timestamp,
        took: Duration,
    ) -> Result<Vec<VerdictV1>, Error> {
        let work = async {
            let pen = Pen::take(&self.store, &self.identity).await?;
            let known = pen.with(async |it| queries::known(it, host).await).await?;
            let changes = changes::verdicts(host, &known, report);
            let mut entries: Vec<Entry> = changes.iter().cloned().map(Entry::VerdictV1).collect();
            entries.push(Entry::RunV1(RunV1 {
                host: host.clone(),
                what: what.to_owned(),
                counts: report.counts,
                milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            }));
            pen.append(&entries, now).await?;
            pen.with(async |it| {
                for finding in changes::by_subject(report).into_values() {
                    queries::keep_evidence(it, host, finding).await?;
                }
                queries::drop_evidence(it, host).await
            })
            .await?;
            pen.commit().await?;
            Ok::<_, SqliteError>(changes)
        };
        work.await.named("record a run", self)
    }

    /// Compares all slow facts of a host with the known ones, appends what changed, and gives it.
    ///
    /// # Errors
    /// As [`Record::append`].
    pub async fn observe(
        &self,
        host: &HostName,
        lines: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<Vec<FactV1>, Error> {
        let work = async {
            let pen = Pen::take(&self.store, &self.identity).await?;
            let known = pen.with(async |it| queries::known_facts(it, host).await).await?;
            let changes = changes::facts(host, &known, lines);
            let entries: Vec<Entry> = changes.iter().cloned().map(Entry::FactV1).collect();
            pen.append(&entries, now).await?;
            pen.commit().await?;
            Ok::<_, SqliteError>(changes)
        };
        work.await.named("record facts", self)
    }

    /// Keeps readings until [`Record::compact`] folds them; numbers that are not finite are left
    /// out.
    ///
    /// # Errors
    /// If the record stays locked or cannot be written.
    pub async fn measure(
        &self,
        host: &HostName,
        readings: &[Reading],
        now: Timestamp,
    ) -> Result<(), Error> {
        readings::measure(self.store.pool(), host, readings, now).await.named("keep readings", self)
    }

    /// Folds the readings of complete hours into an entry each, and hours and days beyond what the
    /// plan retains into days and nothing. To be called about once an hour.
    ///
    /// Retention counts days that have readings, in the order in which they were written: neither
    /// a clock that jumps nor a machine that was off loses any.
    ///
    /// # Errors
    /// As [`Record::append`]; hours and days that were finished before stay folded.
    pub async fn compact(
        &self,
        host: &HostName,
        now: Timestamp,
        retention: &Retention,
    ) -> Result<Compacted, Error> {
        readings::compact(&self.store, &self.identity, host, now, *retention)
            .await
            .named("fold readings", self)
    }

    /// The kept readings of a host: raw since the last compaction, then by the hour, then by the
    /// day.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub async fn history(&self, host: &HostName, reach: &Reach) -> Result<History, Error> {
        readings::history(self.store.pool(), host, reach).await.named("read the history", self)
    }

    /// What was kept under this name on this device.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub async fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        sqlx::query_scalar("SELECT body FROM stead_kept WHERE name = ?")
            .bind(name)
            .fetch_optional(self.store.pool())
            .await
            .named("read what was kept", self)
    }

    /// Keeps bytes under a name, on this device only and in no log.
    ///
    /// # Errors
    /// If the record stays locked or cannot be written.
    pub async fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        sqlx::query("INSERT OR REPLACE INTO stead_kept (name, body) VALUES (?, ?)")
            .bind(name)
            .bind(bytes)
            .execute(self.store.pool())
            .await
            .named("keep", self)?;
        Ok(())
    }

    /// The hosts that the record knows of, by name.
    ///
    /// # Errors
    /// If the record cannot be read; so with all that follow.
    pub async fn hosts(&self) -> Result<Vec<HostName>, Error> {
        queries::hosts(self.store.pool()).await.named("list hosts", self)
    }

    /// The standing verdicts of one host or of all, by host, the worst of each first.
    pub async fn standings(&self, host: Option<&HostName>) -> Result<Vec<Standing>, Error> {
        queries::standings(self.store.pool(), host).await.named("read verdicts", self)
    }

    /// All hosts at a glance, by name: counts, at most `most` verdicts that are no pass, the last
    /// run, and one fact. A few queries, however many hosts there are.
    pub async fn summaries(&self, most: u32, fact: &str) -> Result<Vec<Summary>, Error> {
        summaries::summaries(self.store.pool(), most, fact).await.named("read the overview", self)
    }

    /// The standing facts of a host, by key.
    pub async fn facts(&self, host: &HostName) -> Result<Vec<Fact>, Error> {
        queries::facts(self.store.pool(), host).await.named("read facts", self)
    }

    /// The last changes of verdicts and facts, the newest first, in the order of their arrival.
    pub async fn changes(&self, which: &Which, limit: u32) -> Result<Vec<Dated<Entry>>, Error> {
        queries::changes(self.store.pool(), which, limit).await.named("read changes", self)
    }

    /// The last whole runs on a host, the newest first.
    pub async fn runs(&self, host: &HostName, limit: u32) -> Result<Vec<Dated<RunV1>>, Error> {
        queries::runs(self.store.pool(), host, limit).await.named("read runs", self)
    }

    /// All logs with their lengths.
    pub async fn logs(&self) -> Result<Vec<Log>, Error> {
        let logs = queries::logs(self.store.pool()).await.named("list logs", self)?;
        Ok(logs.into_iter().map(|(log, _)| log).collect())
    }

    /// The operations as they are stored, the newest first, those before a place if one is given.
    pub async fn entries(&self, limit: u32, before: Option<i64>) -> Result<Vec<Stored>, Error> {
        queries::entries(self.store.pool(), limit, before).await.named("list entries", self)
    }

    /// Walks every log: numbers, backlinks, signatures, the hashes of the bodies that are there.
    ///
    /// # Errors
    /// If the file is too damaged to be read. A fault that can be placed is in the answer instead.
    pub async fn verify(&self) -> Result<Verified, Error> {
        let operation = "verify the record";
        let mut connection = self.store.pool().acquire().await.named(operation, self)?;
        verify::verify(&mut connection).await.named(operation, self)
    }

    /// Throws the views away and computes them anew from the logs.
    ///
    /// Stays out of raw readings, newest evidence and what is kept: those are in no log.
    ///
    /// # Errors
    /// As [`Record::append`]; then the views are as they were.
    pub async fn rebuild(&self) -> Result<(), Error> {
        let work = async {
            let pen = Pen::take(&self.store, &self.identity).await?;
            pen.with(async |it| views::rebuild(it).await).await?;
            pen.commit().await
        };
        work.await.named("rebuild the views", self)
    }
}
