//! A PostgreSQL server, and as whom it is spoken to.
//!
//! Leaves out finding out whether it answers.

use std::path::PathBuf;

/// Where Debian's servers have their sockets.
pub const SOCKETS: &str = "/var/run/postgresql";

/// A server on this machine, reached through its Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The socket's folder, as `/var/run/postgresql`.
    pub socket: PathBuf,
    /// The number in the socket's name, as 5432.
    pub port: u16,
    /// The role that is logged in as: the database's owner to dump, a superuser to restore.
    pub role: String,
    /// The system user that the server sees and that its tools run as; the caller if missing.
    pub user: Option<User>,
    /// The folder of `pg_dump` and `pg_restore`; chosen by the server's version if missing.
    pub tools: Option<PathBuf>,
}

/// A system user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}
