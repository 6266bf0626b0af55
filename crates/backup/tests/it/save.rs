//! Whole backups: PostgreSQL, SQLite and files, to repositories that restic reads.
//!
//! Leaves out targets that are not folders, and a real systemd.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backup::places::Places;
use backup::postgres;
use backup::progress::Silent;
use backup::reach::Reach;
use backup::refusal::Refusal;
use backup::repository::Repository;
use backup::save::{Destination, Outcome, Unsaved, back_up};
use backup::{files, manifest, sqlite};
use model::backup::difference;
use model::backup::evidence::EvidenceV1;
use model::backup::target::Target;
use model::recipe::care::{Database, Engine};

use crate::place::Place;
use crate::scratch::{OWNER, Scratch, rootless, stand_ins};

fn places(place: &Place, sockets: &Path) -> Places {
    let below = |name: &str| place.folder.path().join(name);
    Places {
        staging: below("staging-of-all"),
        evidence: below("evidence"),
        sockets: sockets.to_owned(),
        postgres: None,
        systemd: below("systemd"),
    }
}

fn database(engine: Engine, name: &str) -> Option<Database> {
    let (owner, locale) = (Some(OWNER.to_owned()), None);
    let (name, extensions, verify) = (name.to_owned(), Vec::new(), Vec::new());
    Some(Database { engine, name, owner, locale, extensions, verify })
}

fn run(place: &Place, to: &[Destination<'_>], places: &Places) -> Result<Vec<Outcome>, Refusal> {
    back_up(&place.scope, Some("1.0-1".to_owned()), to, places, &Silent)
}

/// Nothing is staged any longer.
fn cleared(places: &Places) -> bool {
    !places.staging.join("chat").exists()
}

#[test]
fn a_service_is_saved_to_two_places_and_comes_back_from_each() {
    if rootless("a_service_is_saved_to_two_places_and_comes_back_from_each") {
        return;
    }
    let scratch = Scratch::start();
    scratch.sql("postgres", "CREATE DATABASE chat OWNER nobody");
    scratch.sql(
        "chat",
        "CREATE EXTENSION pg_trgm; GRANT CREATE ON SCHEMA public TO nobody; SET ROLE nobody; \
        CREATE TABLE events (id int); INSERT INTO events SELECT generate_series(1, 1000)",
    );
    let mut place = Place::new();
    place.scope.database = database(Engine::Postgresql, "chat");
    place.scope.exclude = vec!["*.tmp".to_owned()];
    fs::create_dir(place.data().join("media")).unwrap();
    for (name, bytes) in [("media/a", 10_000), ("media/b", 0), ("c", 7), ("left.tmp", 99)] {
        fs::write(place.data().join(name), vec![b'x'; bytes]).unwrap();
    }
    std::os::unix::fs::symlink("c", place.data().join("link")).unwrap();
    place.found();
    let stick = place.folder.path().join("stick");
    fs::create_dir(&stick).unwrap();
    let other = Target::Folder { path: stick.display().to_string(), mounted: false };
    let other = Reach { target: &other, ..place.reach() };
    Repository::found(&other).unwrap();
    let to = [
        Destination { name: "disk", reach: place.reach() },
        Destination { name: "stick", reach: other },
    ];
    let places = places(&place, scratch.folder.path());
    let outcomes = run(&place, &to, &places).unwrap();
    assert!(cleared(&places));
    assert_eq!(outcomes.len(), 2);
    for (outcome, to) in outcomes.iter().zip(&to) {
        let evidence = outcome.result.as_ref().unwrap();
        assert_eq!((evidence.rows, &*evidence.target), (1000, to.name));
        assert!(evidence.read_bytes > evidence.added_bytes, "{evidence:?}");
        let file = places.evidence.join(format!("chat@{}.json", to.name));
        let kept: EvidenceV1 = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        assert_eq!(kept, *evidence);

        let repository = Repository::open(&to.reach).unwrap();
        let snapshots = repository.snapshots().unwrap();
        assert_eq!(
            snapshots.iter().map(|all| all.id.as_str()).collect::<Vec<_>>(),
            [evidence.snapshot.as_str()]
        );
        let root = place.folder.path().join(format!("root-{}", to.name));
        repository.restore(&snapshots[0].id, &root, &Silent).unwrap();
        let staged = root.join(places.staging.strip_prefix("/").unwrap()).join("chat");
        let was = manifest::read(&staged).unwrap();
        assert!(was.files.exact);
        assert_eq!((was.files.count, was.files.bytes), (3, 10_007));
        let mut is = was.clone();
        is.files = files::restored(&place.scope, &root).unwrap();
        let kept = was.database.as_ref().unwrap();
        let new = format!("from {}", to.name);
        let superuser = scratch.reach("postgres");
        postgres::restore(kept, &staged, &superuser, &new).unwrap();
        is.database = Some(postgres::count(&superuser, &new, kept.key).unwrap());
        assert_eq!(difference::between(&was, &is), []);
        // A file that became shorter on its way.
        let cut = root.join(place.data().strip_prefix("/").unwrap()).join("media/a");
        fs::write(cut, "short").unwrap();
        is.files = files::restored(&place.scope, &root).unwrap();
        let found: Vec<String> =
            difference::between(&was, &is).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["the files have 12 of 10,007 bytes"]);
    }
    assert!(
        String::from_utf8_lossy(&place.restic(&["check", "--read-data"]).stdout)
            .contains("no errors")
    );
    assert!(place.restic_ok(&["ls", "latest"]).contains("/staging-of-all/chat/globals.sql"));
}

#[test]
fn a_dead_target_stops_no_other_and_leaves_no_evidence() {
    let mut place = Place::new();
    let path = place.data().join("chat.db");
    fs::write(place.data().join("c"), "c").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    runtime.block_on(async {
        use sqlx::{ConnectOptions, Connection};
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql("CREATE TABLE a (x); INSERT INTO a VALUES (1)")
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
    place.scope.database = database(Engine::Sqlite, &path.display().to_string());
    place.found();
    let gone = Target::Folder {
        path: place.folder.path().join("not-mounted").display().to_string(),
        mounted: false,
    };
    let to = [
        Destination { name: "gone", reach: Reach { target: &gone, ..place.reach() } },
        Destination { name: "disk", reach: place.reach() },
    ];
    let places = places(&place, Path::new("/nonexistent"));
    let outcomes = run(&place, &to, &places).unwrap();
    assert!(matches!(outcomes[0].result, Err(Unsaved::Repository(_))));
    let evidence = outcomes[1].result.as_ref().unwrap();
    assert!(!places.evidence.join("chat@gone.json").exists());
    assert!(places.evidence.join("chat@disk.json").exists());
    let repository = Repository::open(&place.reach()).unwrap();
    let root = place.folder.path().join("root");
    repository.restore(&evidence.snapshot.parse().unwrap(), &root, &Silent).unwrap();
    let staged = root.join(places.staging.strip_prefix("/").unwrap()).join("chat");
    let was = manifest::read(&staged).unwrap().database.unwrap();
    let new = place.folder.path().join("new.db");
    sqlite::restore(&was, &staged, &new).unwrap();
    assert_eq!(difference::databases(&was, &sqlite::count(&new, was.key).unwrap()), []);
}

#[test]
fn without_a_whole_dump_no_repository_sees_anything() {
    let mut place = Place::new();
    fs::write(place.data().join("chat.db"), "SQLite format 3\0 and then rubbish").unwrap();
    place.scope.database =
        database(Engine::Sqlite, &place.data().join("chat.db").display().to_string());
    let repository = place.found();
    let places = places(&place, Path::new("/nonexistent"));
    let to = [Destination { name: "disk", reach: place.reach() }];
    let refused = run(&place, &to, &places).unwrap_err();
    assert!(matches!(refused, Refusal::Sqlite { .. }), "{refused}");
    assert_eq!(repository.snapshots().unwrap().len(), 0);
    assert!(cleared(&places) && !places.evidence.exists());
    drop(repository);
    place.scope.database = None;
    place.scope.paths.push("/nonexistent/chat".to_owned());
    let to = [Destination { name: "disk", reach: place.reach() }];
    assert!(matches!(run(&place, &to, &places), Err(Refusal::Absent { .. })));
}

#[test]
fn a_dump_that_is_found_bad_while_it_is_saved_is_in_no_snapshot() {
    if rootless("a_dump_that_is_found_bad_while_it_is_saved_is_in_no_snapshot") {
        return;
    }
    let scratch = Scratch::start();
    scratch.sql("postgres", "CREATE DATABASE chat OWNER nobody");
    scratch.sql(
        "chat",
        "GRANT CREATE ON SCHEMA public TO nobody; SET ROLE nobody; \
        CREATE TABLE events (id int); INSERT INTO events SELECT generate_series(1, 1000)",
    );
    let mut place = Place::new();
    place.scope.database = database(Engine::Postgresql, "chat");
    fs::write(place.data().join("c"), "c").unwrap();
    let repository = place.found();
    let tools = tempfile::tempdir().unwrap();
    let lacking = "exec $real/pg_dump --exclude-table-data=public.events \"$@\"";
    let mut places = places(&place, scratch.folder.path());
    places.postgres = Some(stand_ins(tools.path(), lacking));
    let to = [Destination { name: "disk", reach: place.reach() }];
    let refused = run(&place, &to, &places).unwrap_err();
    assert!(matches!(refused, Refusal::Dump { .. }), "{refused}");
    assert!(refused.to_string().contains("lacks the table public.events"), "{refused}");
    assert_eq!(repository.snapshots().unwrap().len(), 0);
    assert!(cleared(&places) && !places.evidence.exists());
    places.postgres = None;
    let outcomes = run(&place, &to, &places).unwrap();
    assert_eq!(outcomes[0].result.as_ref().unwrap().rows, 1000);
    assert_eq!(repository.snapshots().unwrap().len(), 1);
    assert!(place.restic(&["check", "--read-data"]).status.success());
}

#[test]
fn a_rest_that_was_cut_short_is_no_backup() {
    let mut place = Place::new();
    fs::write(place.data().join("c"), "c").unwrap();
    place.found();
    let places = places(&place, Path::new("/nonexistent"));
    fs::create_dir(&places.systemd).unwrap();
    let log = place.folder.path().join("log");
    for (name, line) in [
        ("systemctl", format!("[ $1 = show ] && echo active || echo $* >> {}", log.display())),
        ("systemd-run", ":".to_owned()),
    ] {
        let path = places.systemd.join(name);
        fs::write(&path, format!("#!/bin/sh\n{line}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    place.scope.quiesce = vec!["chat.service".to_owned()];
    place.scope.quiesce_seconds = Some(600);
    let to = [Destination { name: "disk", reach: place.reach() }];
    let outcomes = run(&place, &to, &places).unwrap();
    assert!(outcomes[0].result.is_ok(), "{outcomes:?}");
    let acts = fs::read_to_string(&log).unwrap();
    assert!(acts.starts_with("stop -- chat.service\nstart -- chat.service\n"), "{acts}");
    let evidence = places.evidence.join("chat@disk.json");
    let before = fs::read(&evidence).unwrap();

    place.scope.quiesce_seconds = Some(0);
    let to = [Destination { name: "disk", reach: place.reach() }];
    let outcomes = run(&place, &to, &places).unwrap();
    let cut = &outcomes[0].result;
    assert!(matches!(cut, Err(Unsaved::Refusal(Refusal::CutShort { .. }))), "{cut:?}");
    assert_eq!(fs::read(&evidence).unwrap(), before);
    let repository = Repository::open(&place.reach()).unwrap();
    assert_eq!(repository.snapshots().unwrap().len(), 1, "the cut one was never written");
    let acts = fs::read_to_string(&log).unwrap();
    let last = acts.lines().rfind(|line| line.contains("chat.service"));
    assert_eq!(last, Some("start -- chat.service"));
}
