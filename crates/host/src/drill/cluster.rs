//! A new, empty PostgreSQL server inside a sealed machine, at the place where Debian has it.
//!
//! Leaves out what is restored into it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backup::postgres::cluster::{Cluster, User};
use backup::user;

use crate::drill::sealed::Sealed;
use crate::error::Error;

/// Where Debian's packages have the servers, one folder for each major version.
const SERVERS: &str = "/usr/lib/postgresql";
const LIMIT: Duration = Duration::from_secs(180);
/// Nothing of it outlives the drill: what only guards against a power cut is left out, and what is
/// loaded into a new table is not written twice. Indexes are made faster with more memory.
const SETTINGS: [&str; 10] = [
    "checkpoint_timeout=1h",
    "maintenance_work_mem=128MB",
    "max_wal_senders=0",
    "wal_level=minimal",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "listen_addresses=localhost",
    "max_wal_size=4GB",
    "unix_socket_directories=/var/run/postgresql",
];

/// The system user that a PostgreSQL of Debian runs as.
pub(crate) fn user() -> Result<User, Error> {
    let name = "postgres";
    let found = user::named(name).map_err(|source| Error::File {
        what: "read",
        path: PathBuf::from("/etc/passwd"),
        source,
    })?;
    found.ok_or_else(|| Error::NoUser { user: name.to_owned() })
}

/// The major version to use for a database of this version: the same, else the oldest that is
/// newer, since a newer server takes an older one's dump.
pub(crate) fn version(was: &str) -> Result<u32, Error> {
    let Ok(entries) = fs::read_dir(SERVERS) else { return Err(Error::NoPostgresql) };
    let servers = entries.flatten().filter(|entry| entry.path().join("bin/initdb").exists());
    let installed = servers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    chosen(was, installed.collect()).ok_or(Error::NoPostgresql)
}

fn chosen(was: &str, mut installed: Vec<u32>) -> Option<u32> {
    installed.sort_unstable();
    let was: u32 = was.split('.').next()?.parse().ok()?;
    installed.into_iter().find(|&version| version >= was)
}

/// Makes the server inside and starts it by its own unit; `sockets` is this host's side of the
/// folder that is bound to `/var/run/postgresql` inside.
pub(crate) fn make(machine: &Sealed, version: u32, sockets: &Path) -> Result<Cluster, Error> {
    let number = version.to_string();
    let mut words = vec!["pg_createcluster", "--locale=C.UTF-8", "--encoding=UTF8", "--port=5432"];
    for setting in &SETTINGS {
        words.extend(["-o", setting]);
    }
    words.extend([number.as_str(), "main", "--", "--no-sync"]);
    machine.must(&words, LIMIT)?;
    machine.must(&["systemctl", "daemon-reload"], LIMIT)?;
    let unit = format!("postgresql@{number}-main.service");
    machine.must(&["systemctl", "start", "--", &unit, "postgresql.service"], LIMIT)?;
    Ok(Cluster {
        socket: sockets.to_owned(),
        port: 5432,
        role: "postgres".to_owned(),
        user: Some(user()?),
        tools: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_server_is_never_given_a_newer_dump() {
        assert_eq!(chosen("15.18", vec![17, 15, 13]), Some(15));
        assert_eq!(chosen("14.2", vec![17, 15, 13]), Some(15));
        assert_eq!(chosen("16.1", vec![15, 13]), None);
        assert_eq!(chosen("", vec![15]), None);
    }
}
