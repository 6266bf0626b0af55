//! The one way to append: read the log's head, sign, insert and update the views in one
//! transaction that holds SQLite's write lock from its start, so that a log never forks.
//!
//! Leaves out what is worth an entry.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::entry::Entry;
use p2panda_core::{Hash, SeqNum, VerifyingKey};
use p2panda_store::logs::LogStore;
use p2panda_store::operations::OperationStore;
use p2panda_store::sqlite::TransactionPermit;
use p2panda_store::{SqliteError, SqliteStore, Transaction};
use sqlx::SqliteConnection;

use crate::identity::Identity;
use crate::record::operation::{self, Header, Operation};
use crate::record::views;

/// The write lock, and the key to sign with. Dropped without a commit, nothing was written.
pub(crate) struct Pen<'a> {
    store: &'a SqliteStore,
    identity: &'a Identity,
    permit: TransactionPermit,
}

impl<'a> Pen<'a> {
    /// Waits for the write lock.
    pub(crate) async fn take(
        store: &'a SqliteStore,
        identity: &'a Identity,
    ) -> Result<Self, SqliteError> {
        let permit = store.begin().await?;
        let pen = Self { store, identity, permit };
        // A transaction that reads first may find at its first write that another process has
        // written meanwhile, and can only fail. So it begins with a write, which changes nothing.
        pen.with(async |connection| {
            sqlx::query("UPDATE stead_schema SET version = version").execute(connection).await?;
            Ok(())
        })
        .await?;
        Ok(pen)
    }

    /// Does something within the transaction.
    pub(crate) async fn with<R>(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<R, SqliteError>,
    ) -> Result<R, SqliteError> {
        self.store.tx(async |transaction| work(&mut *transaction).await).await
    }

    /// Appends the entries, each to the end of its log.
    pub(crate) async fn append(
        &self,
        entries: &[Entry],
        now: Timestamp,
    ) -> Result<(), SqliteError> {
        let mut heads: BTreeMap<&str, Option<Header>> = BTreeMap::new();
        for entry in entries {
            let log = operation::log(entry);
            let head = match heads.remove(log) {
                Some(head) => head,
                None => self.head(log).await?,
            };
            let operation = operation::sign(self.identity, head.as_ref(), entry, now)
                .map_err(|error| SqliteError::Encode("entry".to_owned(), error))?;
            let inserted =
                self.store.insert_operation(&operation.hash, &operation, &log.to_owned()).await?;
            if !inserted {
                // Another operation has this place: what was read as the head is none.
                return Err(SqliteError::Sqlite(sqlx::Error::Protocol(format!(
                    "log `{log}` already has an operation {}",
                    operation.header.seq_num
                ))));
            }
            let (hash, at) = (operation::hex(&operation.hash), operation::label(&operation.header));
            self.with(async |connection| {
                let place: i64 =
                    sqlx::query_scalar("SELECT rowid FROM operations_v1 WHERE hash = ?")
                        .bind(hash)
                        .fetch_one(&mut *connection)
                        .await?;
                views::apply(connection, place, at, entry).await?;
                Ok(())
            })
            .await?;
            heads.insert(log, Some(operation.header));
        }
        Ok(())
    }

    async fn head(&self, log: &str) -> Result<Option<Header>, SqliteError> {
        let author = self.identity.author();
        let head = <SqliteStore as LogStore<Operation, VerifyingKey, String, SeqNum, Hash>>::
            get_latest_entry_tx(self.store, &author, &log.to_owned()).await?;
        Ok(head.map(|operation| operation.header))
    }

    /// Makes all of it last.
    pub(crate) async fn commit(self) -> Result<(), SqliteError> {
        self.store.commit(self.permit).await
    }
}
