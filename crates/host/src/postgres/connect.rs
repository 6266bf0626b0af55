//! Connects to a server's Unix socket as its owner would.
//!
//! Leaves out passwords: a server that asks for one is not asked further.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use model::text::printable;
use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_peercred};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use tokio::io::AsyncReadExt;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::postgres::find::{self, Target};
use crate::postgres::row::Row;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);

/// How long an answer may take; the server itself gives up after two seconds.
const ANSWER: Duration = Duration::from_secs(3);

/// The most that is read from one connection, in bytes: whoever made the socket may send anything.
const LONGEST: u64 = 16 * 1024 * 1024;

/// What the server is told to hold us to.
const OPTIONS: &str = "-c default_transaction_read_only=on -c statement_timeout=2000 \
    -c lock_timeout=100 -c idle_in_transaction_session_timeout=10000 \
    -c max_parallel_workers_per_gather=0";

/// Processes that pass queries on to a server and are none.
const POOLERS: [&[u8]; 4] = [b"pgbouncer", b"pgpool", b"odyssey", b"pgcat"];

/// A connection to one database; dropping it ends it.
pub(super) struct Connection {
    client: Client,
    work: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Connection {
    /// Asks in one read-only transaction; the error is the server's words.
    pub(super) async fn ask(&self, query: &str) -> Result<Vec<Row>, String> {
        let answer = tokio::time::timeout(ANSWER, self.client.simple_query(query))
            .await
            .map_err(|_| format!("no answer within {} s", ANSWER.as_secs()))?
            .map_err(|error| words(&error))?;
        Ok(answer
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            })
            .map(|row| {
                let column = |at| row.try_get(at).ok().flatten().map(str::to_owned);
                Row((0..row.len()).map(column).collect())
            })
            .collect())
    }
}

/// Opens a connection to a database; `None` if a pooler holds the socket.
pub(super) async fn open(target: &Target, database: &str) -> Result<Option<Connection>, String> {
    let privileged = rustix::process::geteuid().is_root();
    if privileged && target.uid == 0 {
        return Err("its socket belongs to root, as no PostgreSQL's does".to_owned());
    }
    let stream = stream(target, privileged).await?;
    if let Ok(peer) = socket_peercred(&stream) {
        let name = std::fs::read(format!("/proc/{}/comm", peer.pid.as_raw_nonzero()));
        if name.is_ok_and(|name| POOLERS.contains(&name.trim_ascii_end())) {
            return Ok(None);
        }
    }
    let stream = tokio::net::UnixStream::from_std(stream).map_err(|error| error.to_string())?;
    let (reader, writer) = stream.into_split();
    let stream = tokio::io::join(reader.take(LONGEST), writer);
    let user = if privileged { target.owner.clone() } else { find::myself() };
    let user = user.unwrap_or_else(|| "postgres".to_owned());
    let mut config = Config::new();
    config.user(&user).dbname(database).application_name("stead").options(OPTIONS);
    let (client, connection) = tokio::time::timeout(CONNECT, config.connect_raw(stream, NoTls))
        .await
        .map_err(|_| format!("no answer within {} s", CONNECT.as_secs()))?
        .map_err(|error| refused(&user, privileged, &words(&error)))?;
    let work = tokio::spawn(async move {
        // How a connection ends is told to whoever waits for an answer.
        let _ = connection.await;
    });
    Ok(Some(Connection { client, work }))
}

fn refused(user: &str, privileged: bool, words: &str) -> String {
    let user = printable(user, 64);
    if privileged {
        format!("it does not let {user} in: {words}")
    } else {
        format!(
            "it does not let {user} in: {words}; run stead as root, or give {user} a role: `sudo \
             -u postgres createuser {user}` and `GRANT pg_monitor TO {user}`"
        )
    }
}

/// The server's own words, or the driver's.
fn words(error: &tokio_postgres::Error) -> String {
    let text = match error.as_db_error() {
        Some(error) => error.message().to_owned(),
        None => {
            let source = std::error::Error::source(error);
            source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
        }
    };
    printable(&text, 200)
}

/// A stream to the socket. Whom the server sees on the other end is fixed when it is connected.
async fn stream(target: &Target, as_owner: bool) -> Result<UnixStream, String> {
    let file = target.file.try_clone().map_err(|error| error.to_string())?;
    let (uid, gid) = (target.uid, target.gid);
    let connecting = tokio::task::spawn_blocking(move || {
        // A thread of its own, which ends after this: it never gets its old identity back, and no
        // other thread loses it, since these calls are the kernel's and concern one thread.
        std::thread::spawn(move || {
            if as_owner {
                become_owner(uid, gid)?;
            }
            connect_path(&file)
        })
        .join()
    });
    let socket = connecting
        .await
        .map_err(|error| error.to_string())?
        .map_err(|_| "the connecting thread broke off".to_owned())?
        .map_err(|error| format!("cannot connect to {}: {error}", target.socket))?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(true).map_err(|error| error.to_string())?;
    Ok(stream)
}

/// Gives the calling thread alone another identity, for good.
fn become_owner(uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    Ok(())
}

/// Connects to a socket that was opened as a path, by way of `/proc/self/fd`.
fn connect_path(file: &OwnedFd) -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // A server whose queue is full would keep us waiting without end.
    set_socket_timeout(&socket, Timeout::Send, Some(CONNECT))?;
    connect(&socket, &SocketAddrUnix::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{Mode, OFlags, openat};

    use super::*;

    fn path_of(folder: &std::path::Path) -> (UnixListener, OwnedFd) {
        let path = folder.join(".s.PGSQL.5432");
        let listener = UnixListener::bind(&path).unwrap();
        let file = openat(rustix::fs::CWD, &path, OFlags::PATH, Mode::empty()).unwrap();
        (listener, file)
    }

    #[test]
    fn another_identity_is_one_threads_and_the_server_sees_it() {
        let folder = tempfile::tempdir().unwrap();
        let (listener, file) = path_of(folder.path());
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: changing a thread's identity needs root");
            return;
        }
        let chmod = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(folder.path().join(".s.PGSQL.5432"), chmod).unwrap();
        let joined = std::thread::spawn(move || {
            become_owner(65_534, 65_534)?;
            connect_path(&file)
        })
        .join()
        .unwrap();
        let _socket = joined.unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let peer = socket_peercred(accepted.as_fd()).unwrap();
        assert_eq!((peer.uid.as_raw(), peer.gid.as_raw()), (65_534, 65_534));
        assert!(rustix::process::geteuid().is_root(), "this thread is who it was");
    }

    fn target(file: OwnedFd) -> Target {
        Target {
            name: None,
            port: 5432,
            socket: "test".to_owned(),
            container: None,
            file,
            uid: 65_534,
            gid: 65_534,
            owner: Some("postgres".to_owned()),
        }
    }

    #[tokio::test]
    async fn a_server_that_talks_rubbish_is_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let (listener, file) = path_of(folder.path());
        let chmod = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(folder.path().join(".s.PGSQL.5432"), chmod).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = io::Write::write_all(&mut stream, &[0xff; 5000]);
        });
        assert!(open(&target(file), "postgres").await.is_err());
        server.join().unwrap();
    }
}
