//! Backing up a PostgreSQL database: stead beside `pg_dump` into restic and borg, in one run.
//!
//! stead counts and hashes every row besides, reads the dump to its end and the repository back;
//! the peers do as their manuals say. Leaves out networks and the drill.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use backup::places::Places;
use backup::postgres;
use backup::postgres::cluster::{Cluster, User};
use backup::progress::Silent;
use backup::reach::Reach;
use backup::repository::Repository;
use backup::save::{Destination, back_up};
use model::backup::difference;
use model::backup::manifest::{self, ManifestV1};
use model::recipe::care::{Database, Engine};

use crate::backing_up::{Bench, HEAD, scope};

/// Some 750 MB with its indexes: half of it accounts, half of it texts that compress to a half.
pub const FILL: &str = "
CREATE TABLE account (id int PRIMARY KEY, branch int, balance bigint, filler char(84));
INSERT INTO account SELECT i, i % 97, hashint4(i), md5(i::text) FROM generate_series(1, 2000000) i;
CREATE TABLE letter (id bigserial PRIMARY KEY, at timestamptz, body text);
INSERT INTO letter (at, body) SELECT timestamptz '2026-01-01' + i * interval '1 min',
  (SELECT string_agg(md5((i * 31 + j)::text), ' ') FROM generate_series(1, 12) j)
  FROM generate_series(1, 800000) i;
CREATE INDEX letter_at ON letter (at);
ANALYZE;";
/// One row in a hundred, the newest.
const CHANGE: &str = "UPDATE account SET balance = balance + 1 WHERE id > 1980000;
UPDATE letter SET body = md5(body) || body WHERE id > 792000;";
/// A server of this bench; nothing of it outlives it.
const SETTINGS: &str = "listen_addresses=''\nfsync=off\nfull_page_writes=off\nmax_wal_size=4GB\n\
                        synchronous_commit=off\n";
const NAME: &str = "notes";

/// Makes a server with a database, measures, and prints a table.
pub fn run() -> anyhow::Result<()> {
    ensure!(rustix::process::geteuid().is_root(), "a server of PostgreSQL's takes root to make");
    // Where the server's own user comes to.
    let work = tempfile::tempdir_in("/var/tmp")?;
    let bench = Bench::new(work.path())?;
    let tools = fs::read_dir("/usr/lib/postgresql")?.flatten().map(|entry| entry.path());
    let tools = tools.max().context("no PostgreSQL is installed")?.join("bin");
    let user = user()?;
    for folder in ["", "here", "there"] {
        let path = bench.work.join(folder);
        fs::create_dir_all(&path)?;
        chown(&path, Some(user.uid), Some(user.gid))?;
    }
    fs::write(bench.work.join("settings"), SETTINGS)?;
    fs::write(bench.work.join("server"), server(&tools))?;
    fs::write(bench.work.join("fill.sql"), FILL)?;
    fs::write(bench.work.join("change.sql"), CHANGE)?;
    let work = bench.work.display();
    bench.sh("sh -eu server start here")?;
    let stopped = Stopped(&bench);
    let as_postgres = "runuser -u postgres --";
    let psql = format!("{as_postgres} psql -XqAt -v ON_ERROR_STOP=1 --host='{work}/here'");
    bench.sh(&format!("{psql} -c 'CREATE DATABASE {NAME} TEMPLATE template0'"))?;
    bench.sh(&format!("{psql} -d {NAME} -f fill.sql"))?;
    bench.sh(&format!("{psql} -d {NAME} -c \"SELECT pg_database_size('{NAME}') >> 20\" >size"))?;
    let size = fs::read_to_string(bench.work.join("size"))?;
    println!("\n{} MiB of database in PostgreSQL\n\n{HEAD}", size.trim());
    bench.stead("found")?;
    let (restic, borg) = bench.peers()?;
    let dump =
        format!("{as_postgres} {}/pg_dump --host='{work}/here' -Fc -Z0 {NAME}", tools.display());
    let load = format!(
        "{as_postgres} {}/pg_restore --exit-on-error --host='{work}/there' --dbname={NAME} --jobs=2",
        tools.display()
    );
    let begin = format!(
        "sh -eu server start there && {as_postgres} psql -Xq --host='{work}/there' \
         -c 'CREATE DATABASE {NAME} TEMPLATE template0'"
    );
    let step = |what: &str, action: &str, restic_line: &str, borg_line: &str| {
        let after = || match action {
            "database-restore" => bench.sh("sh -eu server stop there; rm -rf back").map(drop),
            _ => Ok(()),
        };
        let stead = bench.stead(action)?;
        bench.row(what, "stead", stead, stead, "disk");
        after()?;
        for (is_there, tool, line) in [(restic, "restic", restic_line), (borg, "borg", borg_line)] {
            if is_there {
                bench.row(what, tool, bench.sh(line)?, stead, tool);
                after()?;
            }
        }
        anyhow::Ok(())
    };
    let into_restic = format!("{dump} | restic backup --stdin --stdin-filename database.dump");
    let into_borg = |name| format!("{dump} | borg create --compression zstd,3 ::{name} -");
    step("first backup", "database-save", &into_restic, &into_borg("1"))?;
    bench.sh(&format!("{psql} -d {NAME} -f change.sql"))?;
    step("second backup, 1 % changed", "database-save", &into_restic, &into_borg("2"))?;
    let fetch_restic = "mkdir back && restic dump latest /database.dump >back/dump";
    let fetch_borg = "mkdir back && borg extract --stdout ::2 >back/dump";
    // As the user of the server has to read it.
    let ready = "chmod 755 back && chmod 644 back/dump";
    step(
        "fetch, a new server, load it",
        "database-restore",
        &format!("{fetch_restic} && {ready} && {begin} && {load} back/dump"),
        &format!("{fetch_borg} && {ready} && {begin} && {load} back/dump"),
    )?;
    drop(stopped);
    Ok(())
}

/// Stops the servers, whatever happened.
struct Stopped<'a>(&'a Bench);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        let _gone = self.0.sh("sh server stop here; sh server stop there; true");
    }
}

/// Makes and starts a server in a folder, or stops it and takes it away.
fn server(tools: &Path) -> String {
    let tools = tools.display();
    format!(
        "case $1 in\n\
         start) runuser -u postgres -- {tools}/initdb --no-sync --auth=trust --locale=C.UTF-8 \
         --encoding=UTF8 -D $2/data\n\
         cat settings >>$2/data/postgresql.conf\n\
         runuser -u postgres -- {tools}/pg_ctl -w -s -D $2/data -l $2/log \
         -o \"-k $PWD/$2\" start ;;\n\
         stop) runuser -u postgres -- {tools}/pg_ctl -w -s -m immediate -D $2/data stop || true\n\
         rm -rf $2/data ;;\n\
         esac\n"
    )
}

fn user() -> anyhow::Result<User> {
    let passwd = fs::read_to_string("/etc/passwd")?;
    let line = passwd.lines().find_map(|line| line.strip_prefix("postgres:"));
    let mut numbers = line.context("there is no user postgres")?.split(':').skip(1);
    let mut number = || anyhow::Ok(numbers.next().context("a number")?.parse()?);
    Ok(User { uid: number()?, gid: number()? })
}

/// What the bench runs to measure stead: one act in a process of its own.
pub fn act(action: &str, reach: &Reach<'_>, work: &Path) -> anyhow::Result<()> {
    let mut scope = scope(String::new());
    scope.paths.clear();
    scope.database = Some(Database {
        engine: Engine::Postgresql,
        name: NAME.to_owned(),
        owner: Some("postgres".to_owned()),
        locale: None,
        extensions: Vec::new(),
        verify: Vec::new(),
    });
    let staging = work.join("staging");
    if action == "save" {
        let places = Places {
            staging,
            evidence: work.join("evidence"),
            sockets: work.join("here"),
            ..Places::default()
        };
        let to = [Destination { name: "disk", reach: *reach }];
        for outcome in back_up(&scope, None, &to, &places, &Silent)? {
            outcome.result?;
        }
        return Ok(());
    }
    let repository = Repository::open(reach)?;
    let id = repository.snapshots()?.pop().context("no snapshot")?.id;
    let into = work.join("back");
    let restored = repository.restore(&id, &into, &Silent)?;
    ensure!(restored.faults.is_empty(), "{:?}", restored.faults);
    let staging = into.join(staging.strip_prefix("/")?).join(&scope.service);
    let text = fs::read(staging.join(manifest::FILE))?;
    let was: ManifestV1 = manifest::read(&text).map_err(anyhow::Error::msg)?;
    let made = Command::new("sh").args(["-eu", "server", "start", "there"]).status()?;
    ensure!(made.success(), "no new server");
    let cluster = Cluster {
        socket: work.join("there"),
        port: 5432,
        role: "postgres".to_owned(),
        user: Some(user()?),
        tools: None,
    };
    let database = was.database.as_ref().context("a database")?;
    postgres::restore(database, &staging, &cluster, NAME)?;
    let is = Some(postgres::count(&cluster, NAME, database.key)?);
    let is = ManifestV1 { database: is, ..was.clone() };
    let differences = difference::between(&was, &is);
    ensure!(differences.is_empty(), "{differences:?}");
    Ok(())
}
