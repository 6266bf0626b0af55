//! Databases renamed and dropped on this host's own PostgreSQL, each step fit to be done again.
//!
//! Leaves out what is in them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use backup::postgres;
use backup::postgres::cluster::{Cluster, SOCKETS};
use model::backup::scope::Scope;
use model::recipe::care::Engine;

use crate::drill::cluster::user;
use crate::drill::command;
use crate::error::Error;
use crate::restore::journal::Renamed;

const LIMIT: Duration = Duration::from_secs(120);

/// The server that has the service's database, else Debian's first; none if it needs none.
pub(crate) fn server(scope: &Scope) -> Result<Option<Cluster>, Error> {
    let wanted = scope.database.as_ref().filter(|one| one.engine == Engine::Postgresql);
    let Some(database) = wanted else { return Ok(None) };
    let folder = Path::new(SOCKETS);
    let owner = database.owner.as_deref().unwrap_or("postgres");
    let found = postgres::find(folder, &database.name, owner)
        .or_else(|_| postgres::find(folder, "postgres", "postgres"));
    let found =
        found.map_err(|refusal| Error::NoServer { told: model::text::with_causes(&refusal) })?;
    at(found.port).map(Some)
}

/// The server at this port, for its superuser.
pub(crate) fn at(port: u16) -> Result<Cluster, Error> {
    Ok(Cluster {
        socket: PathBuf::from(SOCKETS),
        port,
        role: "postgres".to_owned(),
        user: Some(user()?),
        tools: None,
    })
}

/// Where the server keeps its data.
pub(crate) fn folder(port: u16) -> Result<PathBuf, Error> {
    Ok(PathBuf::from(ask(port, "SHOW data_directory")?.trim()))
}

/// Whether the server has a database of this name.
pub(crate) fn exists(port: u16, name: &str) -> Result<bool, Error> {
    let sql = format!("SELECT 1 FROM pg_database WHERE datname = {}", string(name));
    Ok(ask(port, &sql)?.trim() == "1")
}

/// Puts the new database in its place and keeps the old one under its other name.
pub(crate) fn forward(renamed: &Renamed) -> Result<(), Error> {
    if !exists(renamed.port, &renamed.new)? {
        return Ok(());
    }
    if renamed.was_there && !exists(renamed.port, &renamed.old)? {
        rename(renamed.port, &renamed.live, &renamed.old)?;
    }
    rename(renamed.port, &renamed.new, &renamed.live)
}

/// Puts the old database back.
pub(crate) fn back(renamed: &Renamed) -> Result<(), Error> {
    let old = exists(renamed.port, &renamed.old)?;
    let swapped = !exists(renamed.port, &renamed.new)?;
    if swapped && exists(renamed.port, &renamed.live)? && (old || !renamed.was_there) {
        rename(renamed.port, &renamed.live, &renamed.new)?;
    }
    if old && !exists(renamed.port, &renamed.live)? {
        rename(renamed.port, &renamed.old, &renamed.live)?;
    }
    Ok(())
}

/// Drops a database if it is there.
pub(crate) fn drop(port: u16, name: &str) -> Result<(), Error> {
    ask(port, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(name))).map(|_| ())
}

/// Renames one; whoever still speaks to it is cut off, since its units are stopped.
fn rename(port: u16, from: &str, to: &str) -> Result<(), Error> {
    let end = format!(
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = {}",
        string(from)
    );
    ask(port, &end)?;
    let sql = format!("ALTER DATABASE {} RENAME TO {}", identifier(from), identifier(to));
    ask(port, &sql).map(|_| ())
}

fn ask(port: u16, sql: &str) -> Result<String, Error> {
    let mut command = Command::new("runuser");
    command
        .args(["-u", "postgres", "--", "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "--no-password"])
        .args(["-h", SOCKETS, "-p", &port.to_string(), "-d", "postgres", "-c", sql])
        .current_dir("/");
    command::must(&mut command, LIMIT)
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn string(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
