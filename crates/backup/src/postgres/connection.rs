//! A connection to one database through the server's Unix socket, set so that the same row reads
//! the same on every server.
//!
//! Leaves out passwords, and what is asked.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage};

use crate::postgres::cluster::{Cluster, User};
use crate::refusal::Refusal;

/// How long a server may take to let us in.
const CONNECT: Duration = Duration::from_secs(30);

/// What the text of a value depends on, and what could end a long transaction.
const SET: &str = "SET search_path = ''; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; \
    SET timezone = 'UTC'; SET extra_float_digits = 3; SET bytea_output = 'hex'; \
    SET lc_monetary = 'C'; SET xmlbinary = 'base64'; SET row_security = off; SET jit = off; \
    SET client_encoding = 'UTF8'; SET quote_all_identifiers = off; \
    SET standard_conforming_strings = on; SET lock_timeout = '60s'; \
    SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name IN \
    ('statement_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', \
    'transaction_timeout')";

/// Blocks its caller; dropping it ends it.
pub(crate) struct Connection {
    runtime: Runtime,
    client: Client,
    work: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// One row; a value is its text.
pub(crate) type Row = Vec<Option<String>>;

impl Connection {
    pub(crate) fn open(cluster: &Cluster, database: &str) -> Result<Self, Refusal> {
        let path = cluster.socket.join(format!(".s.PGSQL.{}", cluster.port));
        let refused = |words: String, state: Option<String>| Refusal::Connect {
            socket: path.clone(),
            role: cluster.role.clone(),
            database: database.to_owned(),
            words,
            state,
        };
        let stream =
            stream(&path, cluster.user).map_err(|error| refused(error.to_string(), None))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| refused(error.to_string(), None))?;
        let mut config = Config::new();
        config.user(&cluster.role).dbname(database).application_name("stead-backup");
        let opened = runtime.block_on(async {
            let stream = tokio::net::UnixStream::from_std(stream)
                .map_err(|error| refused(error.to_string(), None))?;
            let connecting = config.connect_raw(stream, NoTls);
            match tokio::time::timeout(CONNECT, connecting).await {
                Err(_) => Err(refused(format!("no answer in {} s", CONNECT.as_secs()), None)),
                Ok(Err(error)) => Err(refused(words(&error), state(&error))),
                Ok(Ok(opened)) => Ok(opened),
            }
        });
        let (client, connection) = opened?;
        let work = runtime.spawn(async move {
            // How a connection ends is told to whoever waits for an answer.
            let _ = connection.await;
        });
        let this = Self { runtime, client, work };
        this.rows("take our settings", SET)?;
        Ok(this)
    }

    /// The rows of the answer, or of the last ones if there are several; `what` is what the server
    /// does, for an error.
    pub(crate) fn rows(&self, what: &str, sql: &str) -> Result<Vec<Row>, Refusal> {
        let answer = self.runtime.block_on(self.client.simple_query(sql));
        let answer =
            answer.map_err(|error| Refusal::Ask { what: what.to_owned(), words: words(&error) })?;
        let rows = answer.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(rows
            .map(|row| {
                let value = |at| row.try_get(at).ok().flatten().map(str::to_owned);
                (0..row.len()).map(value).collect()
            })
            .collect())
    }

    /// The first row, which there must be.
    pub(crate) fn row(&self, what: &str, sql: &str) -> Result<Row, Refusal> {
        self.rows(what, sql)?.into_iter().next().ok_or_else(|| Refusal::Ask {
            what: what.to_owned(),
            words: "its answer is empty".to_owned(),
        })
    }
}

/// A value of a row; empty if it is missing.
pub(crate) fn text(row: &[Option<String>], at: usize) -> String {
    row.get(at).cloned().flatten().unwrap_or_default()
}

/// Quotes a name for SQL, always.
pub(crate) fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Quotes a string for SQL, whatever the server's settings.
pub(crate) fn string(text: &str) -> String {
    format!(" E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The server's own words, or the driver's.
fn words(error: &Error) -> String {
    match error.as_db_error() {
        Some(error) => match error.detail() {
            Some(detail) => format!("{} ({detail})", error.message()),
            None => error.message().to_owned(),
        },
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

fn state(error: &Error) -> Option<String> {
    error.code().map(|code| code.code().to_owned())
}

/// A stream to the socket. Whom the server sees on the other end is fixed when it is connected.
fn stream(path: &Path, user: Option<User>) -> io::Result<UnixStream> {
    let path = path.to_owned();
    // A thread of its own, which ends after this: it never gets its old identity back, and no
    // other thread loses it, since these calls are the kernel's and concern one thread.
    let connecting = std::thread::spawn(move || {
        if let Some(User { uid, gid }) = user {
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            set_thread_groups(&[])?;
            set_thread_res_gid(gid, gid, gid)?;
            set_thread_res_uid(uid, uid, uid)?;
        }
        UnixStream::connect(path)
    });
    let stream =
        connecting.join().map_err(|_| io::Error::other("the connecting thread broke off"))??;
    stream.set_nonblocking(true)?;
    Ok(stream)
}
