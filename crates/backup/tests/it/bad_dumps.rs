//! Bad dumps that look like success, each planted where the dump would be: at backup time by a
//! `pg_dump` that behaves so, and in a snapshot, with a manifest that does not know.
//!
//! Leaves out damage to a repository.

use std::fs;
use std::path::Path;

use backup::dumped::{Dumped, FILE};
use backup::postgres;
use backup::postgres::cluster::Cluster;
use backup::refusal::Refusal;
use model::backup::difference;
use sha2::{Digest, Sha256};

use crate::scratch::{OWNER, Scratch, rootless, stand_ins};

const CHAT: &str = "SET ROLE nobody; CREATE TABLE events (id int PRIMARY KEY, body text); \
    INSERT INTO events SELECT g, 'line ' || g || E'\\n' || repeat('x', 40) FROM generate_series(1, 20000) g; \
    CREATE TABLE rooms (a int); INSERT INTO rooms VALUES (1); \
    CREATE FUNCTION tell() RETURNS text LANGUAGE sql AS $f$\nSELECT 'a\nb'::text\n$f$;";

fn chat() -> Scratch {
    let scratch = Scratch::start();
    scratch.sql("postgres", "CREATE DATABASE chat OWNER nobody");
    scratch.sql("chat", "GRANT CREATE ON SCHEMA public TO nobody");
    scratch.sql("chat", CHAT);
    scratch
}

#[test]
fn a_bad_dump_is_refused_before_it_is_saved() {
    if rootless("a_bad_dump_is_refused_before_it_is_saved") {
        return;
    }
    let scratch = chat();
    let cases = [
        // A terminal makes two bytes of each line break.
        ("script -qec \"$real/pg_dump $(echo \"$*\" | sed s/--format=custom//)\" /dev/null".to_owned(), "does not begin as"),
        ("script -qec \"$real/pg_dump $*\" /dev/null".to_owned(), "pg_restore"),
        // Cut off: the table of contents is at the start, and is whole.
        ("$real/pg_dump \"$@\" > /tmp/x.$$; head -c 300000 /tmp/x.$$; rm /tmp/x.$$".to_owned(), ""),
        ("$real/pg_dump \"$@\" --format=plain > /tmp/x.$$; head -c 300000 /tmp/x.$$; rm /tmp/x.$$".to_owned(), "does not begin as"),
        // It dies midway.
        ("$real/pg_dump \"$@\" > /tmp/x.$$; head -c 300000 /tmp/x.$$; rm /tmp/x.$$; echo out of luck >&2; exit 3".to_owned(), "out of luck"),
        ("$real/pg_dump \"$@\" > /tmp/x.$$; head -c 300000 /tmp/x.$$; rm /tmp/x.$$; kill -9 $$".to_owned(), "signal: 9"),
        // It writes nothing, and is content.
        (":".to_owned(), "does not begin as"),
        // Whole, and lacks a table, or its rows.
        ("exec $real/pg_dump --exclude-table=public.events \"$@\"".to_owned(), "lacks the table public.events"),
        ("exec $real/pg_dump --exclude-table-data=public.events \"$@\"".to_owned(), "lacks the table public.events"),
        ("exec $real/pg_dump --schema-only \"$@\"".to_owned(), "lacks the table public.events"),
    ];
    for (number, (line, said)) in cases.iter().enumerate() {
        let (folder, staging) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let cluster = scratch.with_tools(&stand_ins(folder.path(), line));
        let refused = postgres::dump(&cluster, "chat", 5, staging.path());
        let refused = refused.expect_err(&format!("case {number}: {line}"));
        assert!(
            matches!(refused, Refusal::Dump { .. } | Refusal::Failed { .. }),
            "case {number}: {refused}"
        );
        assert!(refused.to_string().contains(said), "case {number}: {refused}");
    }
    // The stand-ins are not why.
    let (folder, staging) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cluster = scratch.with_tools(&stand_ins(folder.path(), "exec $real/pg_dump \"$@\""));
    postgres::dump(&cluster, "chat", 5, staging.path()).unwrap();
}

#[test]
fn rows_that_came_or_went_since_the_snapshot_do_not_matter() {
    if rootless("rows_that_came_or_went_since_the_snapshot_do_not_matter") {
        return;
    }
    let scratch = chat();
    let (folder, staging) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Between the snapshot and the dump the service writes on.
    let socket = scratch.folder.path().display();
    let line = format!(
        "$real/psql -h {socket} -U nobody -qc \"DELETE FROM events WHERE id < 100; INSERT INTO rooms VALUES (2)\" chat >&2 || exit 1\nexec $real/pg_dump \"$@\""
    );
    let cluster = scratch.with_tools(&stand_ins(folder.path(), &line));
    let dumped = postgres::dump(&cluster, "chat", 5, staging.path()).unwrap();
    assert_eq!(dumped.database.tables["public.events"].rows, 20_000);
    assert_eq!(dumped.database.tables["public.rooms"].rows, 1);
    let now = postgres::count(&scratch.reach(OWNER), "chat", 5).unwrap();
    assert_eq!(now.tables["public.events"].rows, 19_901);
}

#[test]
fn a_server_that_is_gone_midway_is_said_in_words() {
    if rootless("a_server_that_is_gone_midway_is_said_in_words") {
        return;
    }
    let scratch = chat();
    let (folder, staging) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = scratch.folder.path().join("data");
    let line = format!(
        "kill -QUIT $(head -1 {}/postmaster.pid)\nexec $real/pg_dump \"$@\"",
        data.display()
    );
    let cluster = Cluster {
        role: "postgres".into(),
        user: scratch.reach("postgres").user,
        ..scratch.with_tools(&stand_ins(folder.path(), &line))
    };
    let refused = postgres::dump(&cluster, "chat", 5, staging.path()).unwrap_err();
    let said = refused.to_string();
    assert!(said.contains("pg_dump ended with") || said.contains("does not"), "{said}");
}

/// Replaces the dump, and lets the manifest know the sum of the new one.
fn plant(staging: &Path, dumped: &mut Dumped, bytes: &[u8]) {
    fs::write(staging.join(FILE), bytes).expect("a test may do this");
    dumped.database.dump_bytes = bytes.len() as u64;
    dumped.database.dump_sum =
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
}

#[test]
fn a_bad_dump_in_a_snapshot_is_found_by_the_restore_or_the_comparison() {
    if rootless("a_bad_dump_in_a_snapshot_is_found_by_the_restore_or_the_comparison") {
        return;
    }
    let scratch = chat();
    let superuser = scratch.reach("postgres");
    let staging = tempfile::tempdir().unwrap();
    let mut dumped = postgres::dump(&scratch.reach(OWNER), "chat", 5, staging.path()).unwrap();
    let good = fs::read(staging.path().join(FILE)).unwrap();
    let restore = |dumped: &Dumped, name: &str| {
        postgres::restore(&dumped.database, staging.path(), &superuser, name)
    };
    // Through a terminal, and cut off.
    let mut terminal = Vec::new();
    for byte in &good {
        terminal.extend_from_slice(if *byte == b'\n' {
            b"\r\n"
        } else {
            std::slice::from_ref(byte)
        });
    }
    // What the manifest's sum shows already.
    fs::write(staging.path().join(FILE), &terminal).unwrap();
    assert!(matches!(restore(&dumped, "a"), Err(Refusal::OtherDump { .. })));
    for (name, bad) in
        [("b", &terminal[..]), ("c", &good[..good.len() / 2]), ("d", b""), ("e", b"SELECT 1;\n")]
    {
        plant(staging.path(), &mut dumped, bad);
        let refused = restore(&dumped, name).expect_err(name);
        assert!(matches!(refused, Refusal::Failed { .. }), "{name}: {refused}");
        // Nothing that is half restored is left.
        let left = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
        assert_eq!(scratch.sql("postgres", &left), "0");
    }
    // Archives that are whole, of another database: as if a dump had lost something on its way.
    let losses = [
        ("f", "DELETE FROM events WHERE id > 8426", "table public.events has 8,426 of 20,000 rows"),
        ("g", "TRUNCATE rooms", "table public.rooms is empty, had 1 row"),
        (
            "h",
            "CREATE OR REPLACE FUNCTION tell() RETURNS text LANGUAGE sql AS E'\\r\\nSELECT ''a\\r\\nb''::text\\r\\n'",
            "function public.tell() differs",
        ),
        ("i", "DROP TABLE rooms", "table public.rooms is missing, with 1 row"),
    ];
    for (name, sql, said) in losses {
        scratch.sql("postgres", "DROP DATABASE IF EXISTS lossy");
        scratch.sql("postgres", "CREATE DATABASE lossy TEMPLATE chat OWNER nobody");
        scratch.sql("lossy", sql);
        let other = tempfile::tempdir().unwrap();
        postgres::dump(&scratch.reach(OWNER), "lossy", 5, other.path()).unwrap();
        plant(staging.path(), &mut dumped, &fs::read(other.path().join(FILE)).unwrap());
        restore(&dumped, name).unwrap();
        let is = postgres::count(&superuser, name, 5).unwrap();
        let found: Vec<String> =
            difference::databases(&dumped.database, &is).iter().map(ToString::to_string).collect();
        assert!(found.contains(&said.to_owned()), "{sql}: {found:?}");
    }
}
