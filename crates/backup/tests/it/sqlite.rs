//! Copies of real SQLite databases in use.
//!
//! Leaves out PostgreSQL.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use backup::dumped::FILE;
use backup::refusal::Refusal;
use backup::sqlite;
use model::backup::difference;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

/// A connection of a service that uses the database.
struct Service {
    runtime: tokio::runtime::Runtime,
    connection: SqliteConnection,
}

impl Service {
    fn open(path: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a test may do this");
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let connection = runtime.block_on(options.connect()).expect("a test may do this");
        Self { runtime, connection }
    }

    fn run(&mut self, sql: &str) {
        self.runtime
            .block_on(sqlx::raw_sql(sql).execute(&mut self.connection))
            .expect("a test may do this");
    }

    fn close(self) {
        self.runtime.block_on(self.connection.close()).expect("a test may do this");
    }
}

const CHAT: &str = "PRAGMA journal_mode = WAL; CREATE TABLE events (id INTEGER PRIMARY KEY, body TEXT, f REAL, b BLOB); \
    CREATE TABLE \"odd \"\" 'name'\" (\"a b\" UNIQUE, c GENERATED ALWAYS AS (\"a b\" || 'x')) ; INSERT INTO \"odd \"\" 'name'\" VALUES (1), (NULL); \
    CREATE TABLE loose (a); INSERT INTO loose VALUES ('one'), ('two'), (CAST(x'ff00fe' AS TEXT)); DELETE FROM loose WHERE a = 'one'; \
    CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO counted DEFAULT VALUES; \
    CREATE TABLE keyed (a TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO keyed VALUES ('k'); \
    CREATE VIRTUAL TABLE found USING fts5(body); INSERT INTO found VALUES ('hello world'); \
    CREATE INDEX by_body ON events (body); CREATE VIEW seen AS SELECT body FROM events; \
    WITH RECURSIVE n (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM n WHERE g < 500) \
    INSERT INTO events SELECT g, 'body ' || g, g / 3.0, randomblob(20) FROM n;";

fn made(folder: &Path) -> (PathBuf, Service) {
    let path = folder.join("it's chat.db");
    let mut service = Service::open(&path);
    service.run(CHAT);
    (path, service)
}

#[test]
fn a_database_in_use_comes_back_as_it_was() {
    let (folder, staging) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, service) = made(folder.path());
    assert!(fs::metadata(folder.path().join("it's chat.db-wal")).unwrap().len() > 0);
    let was = sqlite::dump(&path, 3, staging.path()).unwrap().database;
    assert_eq!(was.tables["events"].rows, 500);
    assert_eq!(was.tables["odd \" 'name'"].rows, 2);
    assert!(was.tables.keys().any(|name| name.starts_with("found_")), "{:?}", was.tables.keys());
    let to = folder.path().join("restored.db");
    sqlite::restore(&was, staging.path(), &to).unwrap();
    let is = sqlite::count(&to, 3).unwrap();
    assert_eq!(difference::databases(&was, &is), []);
    assert!(sqlite::restore(&was, staging.path(), &to).is_err(), "nothing is overwritten");
    drop(service);
    // Row ids that no key holds are kept, too: other tables may name them.
    let mut copy = Service::open(&to);
    copy.run("CREATE TABLE two AS SELECT 1 FROM loose WHERE rowid = 2 AND a = 'two'");
    copy.close();
    assert_eq!(sqlite::count(&to, 3).unwrap().tables["two"].rows, 1);
}

#[test]
fn a_copy_is_of_one_moment_while_the_service_writes() {
    let (folder, staging) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = folder.path().join("chat.db");
    let mut service = Service::open(&path);
    service.run("PRAGMA journal_mode = WAL; CREATE TABLE a (x); CREATE TABLE b (x);");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                service.run("BEGIN; INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); COMMIT;");
            }
        });
        for round in 0..20 {
            let into = staging.path().join(round.to_string());
            fs::create_dir(&into).unwrap();
            let tables = sqlite::dump(&path, 3, &into).unwrap().database.tables;
            assert_eq!(tables["a"].rows, tables["b"].rows);
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn each_loss_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mut service) = made(folder.path());
    let mut was = sqlite::count(&path, 3).unwrap();
    let losses = [
        ("DELETE FROM events WHERE id = 77", "table events has 499 of 500 rows"),
        (
            "UPDATE events SET f = f + 1e-13 WHERE id = 2",
            "table events has its 499 rows, but not their contents",
        ),
        ("DELETE FROM keyed", "table keyed is empty, had 1 row"),
        ("DROP INDEX by_body", "index by_body is missing"),
        ("DROP VIEW seen", "view seen is missing"),
        ("DROP TABLE loose", "table loose is missing, with 2 rows"),
        ("ALTER TABLE events ADD COLUMN z", "table events differs"),
    ];
    for (sql, said) in losses {
        service.run(sql);
        let is = sqlite::count(&path, 3).unwrap();
        let found: Vec<String> =
            difference::databases(&was, &is).iter().map(ToString::to_string).collect();
        assert!(found.contains(&said.to_owned()), "{sql}: {found:?}");
        was = is;
    }
}

#[test]
fn what_is_damaged_or_no_database_is_refused() {
    let (folder, staging) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, service) = made(folder.path());
    service.close();
    let absent = sqlite::dump(&folder.path().join("absent.db"), 3, staging.path());
    assert!(matches!(absent, Err(Refusal::NoSqlite { .. })), "{absent:?}");
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(sqlite::dump(&link, 3, staging.path()), Err(Refusal::NoSqlite { .. })));
    // Half of it, and one with a page of rubbish.
    let whole = fs::read(&path).unwrap();
    let bad = folder.path().join("bad.db");
    let mut rubbish = whole.clone();
    for page in rubbish[4096..].chunks_mut(4096).skip(1) {
        page[..200].fill(0xa5);
    }
    for bytes in [&whole[..whole.len() / 2], &rubbish[..], b"", b"SQLite format 3\0"] {
        fs::write(&bad, bytes).unwrap();
        let _ = fs::remove_file(staging.path().join(FILE));
        let refused = sqlite::dump(&bad, 3, staging.path());
        assert!(refused.is_err(), "{} bytes: {refused:?}", bytes.len());
    }
    // A copy that was cut off on its way.
    let _ = fs::remove_file(staging.path().join(FILE));
    let was = sqlite::dump(&path, 3, staging.path()).unwrap().database;
    let copy = fs::read(staging.path().join(FILE)).unwrap();
    fs::write(staging.path().join(FILE), &copy[..copy.len() - 4096]).unwrap();
    let cut = sqlite::restore(&was, staging.path(), &folder.path().join("new.db"));
    assert!(matches!(cut, Err(Refusal::OtherDump { .. })));
    assert!(!folder.path().join("new.db").exists());
}
