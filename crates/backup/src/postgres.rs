//! PostgreSQL: a dump with its manifest from one snapshot, and a dump restored and counted again.
//!
//! Leaves out logging in by password: roles come over the local socket, as the system user of
//! their name.

mod archive;
mod catalog;
pub mod cluster;
mod connection;
mod passwords;
mod roles;
mod tally;
mod tool;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use model::backup::manifest::DatabaseV1;

use crate::dumped::{self, Dumped, FILE, GLOBALS};
use crate::postgres::cluster::Cluster;
use crate::postgres::connection::{Connection, text};
use crate::postgres::passwords::{LOUD, Passwords, QUIET};
use crate::postgres::tool::Tool;
use crate::program::{Output, Program, Ways};
use crate::proof::Proof;
use crate::refusal::Refusal;
use crate::{digest, user};

/// How long pg_dump waits for a lock before it gives up.
const LOCK: &str = "--lock-wait-timeout=60s";

/// Finds the server among those with a socket in `folder` that has the database, for its owner.
pub fn find(folder: &Path, database: &str, owner: &str) -> Result<Cluster, Refusal> {
    let user = user::to_become(owner)?;
    let mut last = None;
    for port in ports(folder)? {
        let (socket, role) = (folder.to_owned(), owner.to_owned());
        let cluster = Cluster { socket, port, role, user, tools: None };
        match Connection::open(&cluster, database) {
            Ok(_) => return Ok(cluster),
            Err(refusal) => last = last.or(Some(refusal)),
        }
    }
    Err(last.unwrap_or_else(|| Refusal::NoDatabase {
        folder: folder.to_owned(),
        database: database.to_owned(),
        role: owner.to_owned(),
        words: "no server has a socket there".to_owned(),
    }))
}

/// The numbers of the sockets, in their order: Debian's first cluster has 5432.
fn ports(folder: &Path) -> Result<Vec<u16>, Refusal> {
    let read = fs::read_dir(folder);
    let unable = |source| Refusal::Local { what: "list", path: folder.to_owned(), source };
    let mut ports = Vec::new();
    for entry in read.map_err(unable)? {
        let name = entry.map_err(unable)?.file_name();
        let port = name.to_str().and_then(|name| name.strip_prefix(".s.PGSQL."));
        ports.extend(port.and_then(|port| port.parse::<u16>().ok()));
    }
    ports.sort_unstable();
    Ok(ports)
}

/// Dumps a database into the folder, and counts it as of the same moment.
///
/// A dump that is not whole is a refusal; the caller removes the folder.
pub fn dump(cluster: &Cluster, database: &str, key: i64, into: &Path) -> Result<Dumped, Refusal> {
    let (dumped, proof) = write(cluster, database, key, into)?;
    proof.end()?;
    Ok(dumped)
}

/// As [`dump`], but what was written is still being proved.
pub fn write(
    cluster: &Cluster,
    database: &str,
    key: i64,
    into: &Path,
) -> Result<(Dumped, Proof), Refusal> {
    let connection = Connection::open(cluster, database)?;
    tally::begin(&connection)?;
    let snapshot = text(&connection.row("share what it sees", "SELECT pg_export_snapshot()")?, 0);
    // Before the dump: sequences are part of no snapshot, and must not be behind in the dump.
    let passwords = Passwords::read(&connection, cluster, database);
    let note = passwords.as_ref().err().map(|refusal| {
        format!("the roles' passwords are not saved: {}", model::text::with_causes(refusal))
    });
    let passwords = passwords.ok();
    let mut counted = tally::described(&connection, key, passwords.as_ref())?;
    keep(&into.join(GLOBALS), roles::globals(&connection, passwords.as_ref())?.as_bytes())?;
    drop(passwords);
    let server = tool::major(&counted.version).unwrap_or_default();
    let (pg_dump, pg_restore) =
        (Tool::find("pg_dump", cluster, server)?, Tool::find("pg_restore", cluster, server)?);
    let path = into.join(FILE);
    let file = File::create_new(&path).map_err(|source| local("make", &path, source))?;
    let mut words = vec![
        "--format=custom".to_owned(),
        "--compress=0".to_owned(),
        "--no-password".to_owned(),
        LOCK.to_owned(),
        format!("--snapshot={snapshot}"),
    ];
    words.extend(reach(cluster, database));
    let ways = Ways { input: None, output: Output::Into(file) };
    let dumping = Program::start(&pg_dump.path, &words, cluster.user, ways)?;
    // Beside the dump, on the same snapshot.
    let tables = tally::tables(&connection)?;
    let rows = tally::rows(&connection, &tables, key);
    // Where both fail, as when the server is gone, pg_dump's words say more.
    match rows {
        Ok(rows) => {
            counted.tables = rows;
            dumping.end()?;
        }
        Err(refusal @ Refusal::Ask { .. }) if !refusal.to_string().contains("closed") => {
            return Err(refusal);
        }
        Err(refusal) => return Err(dumping.end().err().unwrap_or(refusal)),
    }
    drop(connection);
    let tools = BTreeMap::from([
        ("pg_dump".to_owned(), pg_dump.version),
        ("pg_restore".to_owned(), pg_restore.version.clone()),
        ("postgresql".to_owned(), counted.version.clone()),
    ]);
    let (written, user, rows) = (path.clone(), cluster.user, counted.tables.clone());
    let proof = Proof::begin(move || archive::prove(&written, &pg_restore, user, &tables, &rows))?;
    (counted.dump_sum, counted.dump_bytes) = digest::of(&path)?;
    Ok((Dumped { database: counted, tools, note }, proof))
}

/// Counts a database as it is now, with the key of the manifest that it is to be compared with.
pub fn count(cluster: &Cluster, database: &str, key: i64) -> Result<DatabaseV1, Refusal> {
    let connection = Connection::open(cluster, database)?;
    tally::begin(&connection)?;
    let passwords = Passwords::read(&connection, cluster, database).ok();
    let mut counted = tally::described(&connection, key, passwords.as_ref())?;
    counted.tables = tally::rows(&connection, &tally::tables(&connection)?, key)?;
    Ok(counted)
}

/// The bytes that a database takes on the disk, without its indexes: about what its dump takes.
pub fn size(cluster: &Cluster, database: &str) -> Result<u64, Refusal> {
    let connection = Connection::open(cluster, database)?;
    let sql = "SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint FROM pg_class \
        WHERE relkind = 'r' AND (relnamespace <> 'pg_catalog'::regnamespace OR relname = 'pg_largeobject')";
    let row = connection.row("say how large the database is", sql)?;
    Ok(text(&row, 0).parse().unwrap_or_default())
}

/// Restores the dump in the folder into a new database called `name`; `was` is its manifest.
///
/// The cluster's role must be a superuser. Where it fails, no database is left.
pub fn restore(
    was: &DatabaseV1,
    folder: &Path,
    cluster: &Cluster,
    name: &str,
) -> Result<(), Refusal> {
    let path = dumped::recognised(folder, was)?;
    let Some(made) = &was.made else {
        let fault = "the manifest does not say how the database was made".to_owned();
        return Err(Refusal::OtherDump { path, fault });
    };
    let connection = Connection::open(cluster, "postgres")?;
    if tally::exists(&connection, name)? {
        return Err(Refusal::DatabaseExists { database: name.to_owned() });
    }
    let version = connection.row("say its version", "SHOW server_version")?;
    let server = tool::major(&text(&version, 0)).unwrap_or_default();
    let pg_restore = Tool::find("pg_restore", cluster, server)?;
    let globals = dumped::plain(folder, GLOBALS)?;
    let sql = fs::read_to_string(&globals).map_err(|source| local("read", &globals, source))?;
    connection.rows("keep passwords out of its log", QUIET)?;
    connection.rows("make the roles", &sql)?;
    connection.rows("log as before", LOUD)?;
    connection.rows(&format!("make the database {name}"), &roles::create(name, made))?;
    let mut unfinished = Unfinished { connection: &connection, name, keep: false };
    load(&path, &pg_restore, cluster, name)?;
    let sql = roles::finish(name, made);
    if !sql.is_empty() {
        connection.rows("set and grant what was set and granted on the database", &sql)?;
    }
    unfinished.keep = true;
    Ok(())
}

/// Removes a database that was not restored to the end.
struct Unfinished<'a> {
    connection: &'a Connection,
    name: &'a str,
    keep: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.keep {
            let sql = format!("DROP DATABASE IF EXISTS {}", connection::name(self.name));
            // Why the restore failed is told; that this did, too, is seen by the next one.
            let _ = self.connection.rows("drop what was not restored", &sql);
        }
    }
}

fn load(path: &Path, tool: &Tool, cluster: &Cluster, database: &str) -> Result<(), Refusal> {
    let file = File::open(path).map_err(|source| local("open", path, source))?;
    let mut words = vec!["--exit-on-error".to_owned(), "--no-password".to_owned()];
    words.extend(reach(cluster, database));
    // Several at once each open the file anew, by way of their input: whom they run as may read it
    // then, and need not reach its folder.
    let at_once = std::thread::available_parallelism().map_or(1, |count| count.get()).min(8);
    let readable = cluster.user.is_none_or(|user| {
        let may = |meta: fs::Metadata| meta.gid() == user.gid && meta.mode() & 0o040 != 0;
        let given = fchown(&file, None, Some(user.gid)).and_then(|()| {
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o640))
        });
        given.is_ok() && file.metadata().is_ok_and(may)
    });
    if readable && at_once > 1 {
        words.push(format!("--jobs={at_once}"));
        words.push("/proc/self/fd/0".to_owned());
    } else {
        words.push("--single-transaction".to_owned());
    }
    let ways = Ways { input: Some(file), output: Output::Nowhere };
    Program::start(&tool.path, &words, cluster.user, ways)?.end()
}

/// How a tool reaches the database. In the form of a connection string, since a name with `=` in
/// it would be taken for one.
fn reach(cluster: &Cluster, database: &str) -> [String; 4] {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    [
        format!("--host={}", cluster.socket.display()),
        format!("--port={}", cluster.port),
        format!("--username={}", cluster.role),
        format!("--dbname=dbname='{}'", quoted(database)),
    ]
}

fn keep(path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(bytes));
    written.map_err(|source| local("write", path, source))
}

fn local(what: &'static str, path: &Path, source: std::io::Error) -> Refusal {
    Refusal::Local { what, path: PathBuf::from(path), source }
}
