//! What goes wrong while a backup is made: a kill, a full disk, files that change or go away.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use backup::error::Error;
use backup::progress::Silent;
use backup::repository::Repository;
use backup::snapshot::{Depth, INCOMPLETE, What};
use backup::source::Source;
use rustic_core::{ReadSource, ReadSourceOpen};
use walkdir::WalkDir;

use crate::place::{Place, noise, skipped, text};

const HELPER: &str = "STEAD_TEST_SAVE";

/// Not a test: what the next one kills. It saves `<folder>/data` into `<folder>/disk`.
#[test]
fn helper_that_saves() {
    let Some(folder) = env::var_os(HELPER) else { return };
    let place = Place::at(Path::new(&folder));
    let _ = Repository::open(&place.reach()).expect("opened").save(&place.take(), &Silent);
}

fn packs(repository: &Path) -> usize {
    let files = WalkDir::new(repository.join("data")).into_iter().flatten();
    files.filter(|entry| entry.file_type().is_file()).count()
}

#[test]
fn a_backup_that_is_killed_harms_nothing_and_the_next_one_succeeds() {
    let place = Place::new();
    fs::write(place.data().join("first"), noise(1 << 20, 1)).expect("written");
    let repository = place.found();
    let before = place.save(&repository);
    for count in 0..12_u8 {
        let content = noise(16 << 20, 100 + u64::from(count));
        fs::write(place.data().join(format!("large-{count}")), content).expect("written");
    }
    let had = packs(&place.repository());
    let mut child = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "failures::helper_that_saves"])
        .env(HELPER, place.folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    while packs(&place.repository()) == had {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it was killed");
        std::thread::yield_now();
    }
    child.kill().expect("alive");
    child.wait().expect("a child");

    let locks = fs::read_dir(place.repository().join("locks")).expect("a folder").count();
    assert_eq!(locks, 1, "its lock is left");
    assert_eq!(repository.snapshots().expect("listed").len(), 1);
    assert!(repository.check(Depth::All, &Silent).expect("checked").iter().all(|f| !f.harmful));
    let after = place.save(&repository);
    place.restic_ok(&["check", "--read-data"]);
    place.pruning().prune(&[before.id], &Silent).expect("pruned");
    assert_eq!(repository.check(Depth::All, &Silent).expect("checked"), []);
    let into = place.folder.path().join("restored");
    repository.restore(&after.id, &into, &Silent).expect("restored");
}

/// A small file system in memory.
struct Small(String);

impl Small {
    fn mount(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).expect("made");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "small"]).arg(at);
        mounted.status().is_ok_and(|status| status.success()).then(|| Self(text(at)))
    }

    fn grow(&self, size: &str) {
        let options = format!("remount,size={size}");
        let status = Command::new("mount").args(["-o", &options, &self.0]).status();
        assert!(status.expect("mount runs").success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", &self.0]).status();
    }
}

#[test]
fn a_full_disk_is_an_error_and_the_next_run_mends_it() {
    let place = Place::new();
    let Some(small) = Small::mount(&place.folder.path().join("disk"), "24m") else {
        return skipped("backup onto a full disk: it needs root, to mount one");
    };
    fs::write(place.data().join("first"), noise(1 << 20, 1)).expect("written");
    let repository = place.found();
    let before = place.save(&repository);
    fs::write(place.data().join("large"), noise(60 << 20, 2)).expect("written");
    let error = repository.save(&place.take(), &Silent).expect_err("it does not fit");
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    assert!(error.hint().is_some());
    assert_eq!(repository.snapshots().expect("listed").len(), 1);
    small.grow("400m");
    assert!(repository.check(Depth::All, &Silent).expect("checked").iter().all(|f| !f.harmful));
    repository.restore(&before.id, &place.folder.path().join("a"), &Silent).expect("intact");
    let after = place.save(&repository);
    place.restic_ok(&["check", "--read-data"]);
    repository.restore(&after.id, &place.folder.path().join("b"), &Silent).expect("restored");
}

#[test]
fn a_restore_onto_a_full_disk_is_an_error() {
    let place = Place::new();
    let Some(_small) = Small::mount(&place.folder.path().join("small"), "8m") else {
        return skipped("restore onto a full disk: it needs root, to mount one");
    };
    fs::write(place.data().join("large"), noise(20 << 20, 2)).expect("written");
    let repository = place.found();
    let saved = place.save(&repository);
    let into = place.folder.path().join("small/into");
    let error = repository.restore(&saved.id, &into, &Silent).expect_err("it does not fit");
    assert!(
        matches!(&error, Error::Local { source, .. }
        if source.kind() == std::io::ErrorKind::StorageFull),
        "{error:?}"
    );
}

#[test]
fn a_path_that_is_missing_is_never_a_silent_success() {
    let mut place = Place::new();
    fs::write(place.data().join("here"), "here").expect("written");
    place.scope.paths.push(text(&place.folder.path().join("nowhere")));
    let repository = place.found();
    let error = repository.save(&place.take(), &Silent).expect_err("incomplete");
    let Error::Incomplete { saved, lacking } = &error else { panic!("{error}") };
    assert_eq!(lacking.len(), 1);
    assert!(error.to_string().contains("nowhere"), "{error}");
    let snapshots = repository.snapshots().expect("listed");
    assert_eq!(snapshots[0].id, saved.id);
    assert!(snapshots[0].tags.contains(&INCOMPLETE.to_owned()));
    assert!(snapshots[0].is_incomplete());
}

#[test]
fn what_is_excluded_is_left_out() {
    let mut place = Place::new();
    fs::create_dir_all(place.data().join("cache/deep")).expect("made");
    fs::write(place.data().join("cache/deep/file"), "x").expect("written");
    fs::write(place.data().join("kept"), "x").expect("written");
    fs::write(place.data().join("left.tmp"), "x").expect("written");
    place.scope.exclude = vec![text(&place.data().join("cache")), "*.tmp".to_owned()];
    let repository = place.found();
    // The manifest and `kept`.
    assert_eq!(place.save(&repository).files, 2);
}

#[test]
fn files_that_change_shrink_or_vanish_while_they_are_taken_are_told() {
    let place = Place::new();
    let path = |name: &str| place.data().join(name);
    for name in ["appended", "shrunk", "vanished"] {
        fs::write(path(name), "0123456789").expect("written");
    }
    let source = Source::new(vec![place.data()], Arc::new(|_: &Path| false));
    let mut told = Vec::new();
    for entry in source.entries() {
        let entry = entry.expect("an entry");
        let name = entry.path.file_name().expect("a name").to_str().expect("text").to_owned();
        let Some(open) = entry.open else { continue };
        match name.as_str() {
            "appended" => {
                let mut file =
                    OpenOptions::new().append(true).open(path("appended")).expect("open");
                file.write_all(b"more").expect("written");
            }
            "shrunk" => {
                fs::write(path("shrunk"), "01").expect("written");
                fs::remove_file(path("vanished")).expect("removed");
            }
            _ => {}
        }
        let mut content = Vec::new();
        let read = open.open().expect("open").read_to_end(&mut content);
        told.push((name, read.map(|_| content).ok()));
    }
    // What was there when it was described, no more and no less.
    assert_eq!(
        told,
        [("appended".to_owned(), Some(b"0123456789".to_vec())), ("shrunk".to_owned(), None)]
    );
    let troubles = source.troubles().take();
    assert_eq!(troubles.len(), 3, "{troubles:?}");
    assert_eq!(troubles[0].what, What::Changed);
    assert!(matches!(&troubles[1].what, What::Unreadable(reason) if reason.contains("shorter")));
    assert_eq!(troubles[2].what, What::Vanished);
}

#[test]
fn what_lost_its_config_is_never_founded_over() {
    let place = Place::new();
    let repository = place.found();
    place.save(&repository);
    let config = place.repository().join("config");
    let kept = fs::read(&config).expect("there");
    fs::remove_file(&config).expect("removed");
    let keys = || fs::read_dir(place.repository().join("keys")).expect("a folder").count();
    let error = Repository::found(&place.reach()).expect_err("there is data");
    assert!(matches!(error, Error::NoConfig { .. }), "{error}");
    assert_eq!(keys(), 1, "no second key");
    fs::write(&config, kept).expect("put back");
    place.restic_ok(&["check", "--read-data"]);

    // A founding that was cut short left a key, and nothing that it opens.
    let cut = Place::new();
    fs::create_dir_all(cut.repository().join("keys")).expect("made");
    fs::write(cut.repository().join("keys").join("0".repeat(64)), "half").expect("written");
    let repository = cut.found();
    cut.save(&repository);
    cut.restic_ok(&["check", "--read-data"]);
}
