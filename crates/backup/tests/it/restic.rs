//! restic lists, checks and restores what stead wrote, and the other way round.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use backup::error::Error;
use backup::progress::Silent;
use backup::repository::Repository;
use backup::snapshot::Depth;

use crate::place::{Place, noise, text};
use crate::tree;

fn below(folder: &Path, path: &Path) -> std::path::PathBuf {
    folder.join(path.strip_prefix("/").expect("as set up"))
}

#[test]
fn restic_lists_checks_and_restores_what_stead_wrote() {
    let place = Place::new();
    tree::grow(&place.data());
    let repository = place.found();
    let saved = place.save(&repository);
    assert!(saved.notes.is_empty(), "{:?}", saved.notes);

    let listed = place.restic_ok(&["snapshots", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("as set up");
    assert_eq!(listed[0]["id"], saved.id.as_str());
    assert_eq!(listed[0]["hostname"], "runko");
    assert_eq!(listed[0]["tags"][1], "service=chat");
    place.restic_ok(&["check", "--read-data"]);
    let config = place.restic_ok(&["cat", "config"]);
    assert!(config.contains("\"version\": 2"), "{config}");

    let into = place.folder.path().join("by-restic");
    place.restic_ok(&["restore", "latest", "--target", &text(&into)]);
    assert_eq!(tree::seen(&below(&into, &place.data())), tree::seen(&place.data()));
}

#[test]
fn stead_restores_all_that_it_saved() {
    let place = Place::new();
    tree::grow_with_odd_link(&place.data());
    let repository = place.found();
    let saved = place.save(&repository);

    let snapshots = repository.snapshots().expect("as set up");
    assert_eq!(snapshots.len(), 1);
    assert_eq!(snapshots[0].id, saved.id);
    assert_eq!((snapshots[0].files, snapshots[0].bytes), (Some(saved.files), Some(saved.bytes)));
    assert_eq!(
        repository.read(&saved.id, &place.staging.join("manifest.json")).expect("as set up"),
        b"{}"
    );
    let missing = repository.read(&saved.id, &place.data().join("none")).unwrap_err();
    assert!(matches!(missing, Error::NotInSnapshot { .. }), "{missing}");

    let into = place.folder.path().join("restored");
    let restored = repository.restore(&saved.id, &into, &Silent).expect("as set up");
    assert_eq!(restored.faults, Vec::<String>::new());
    assert_eq!(restored.files, saved.files);
    assert_eq!(tree::seen(&below(&into, &place.data())), tree::seen(&place.data()));
    let sparse = below(&into, &place.data()).join("sparse").metadata().expect("as set up");
    assert!(sparse.blocks() * 512 < 40 << 20, "{} blocks for 64 MiB of hole", sparse.blocks());

    let again = repository.restore(&saved.id, &into, &Silent).unwrap_err();
    assert!(matches!(again, Error::Occupied { .. }), "{again}");
    assert_eq!(repository.check(Depth::All, &Silent).expect("as set up"), []);
}

#[test]
fn a_tree_that_is_restored_in_several_portions_is_whole() {
    let place = Place::new();
    let deep = place.data().join("z/deep");
    fs::create_dir_all(&deep).expect("as set up");
    for number in 0..4500_u32 {
        let folder = place.data().join(format!("{:02}", number / 500));
        fs::create_dir_all(&folder).expect("as set up");
        // Every third is the same as another.
        fs::write(folder.join(number.to_string()), (number % 3000).to_le_bytes())
            .expect("as set up");
    }
    fs::hard_link(place.data().join("00/0"), deep.join("linked")).expect("as set up");
    fs::write(deep.join("large"), noise(20 << 20, 9)).expect("as set up");
    let repository = place.found();
    let saved = place.save(&repository);
    let into = place.folder.path().join("restored");
    let restored = repository.restore(&saved.id, &into, &Silent).expect("as set up");
    assert_eq!(restored.faults, Vec::<String>::new());
    assert_eq!((restored.files, restored.bytes), (saved.files, saved.bytes));
    assert_eq!(tree::seen(&below(&into, &place.data())), tree::seen(&place.data()));
}

#[test]
fn stead_lists_checks_and_restores_what_restic_wrote() {
    let place = Place::new();
    tree::grow(&place.data());
    fs::write(place.data().join("larger"), noise(20 << 20, 9)).expect("as set up");
    place.restic_ok(&["init"]);
    place.restic_ok(&["backup", &text(&place.data())]);

    let repository = Repository::open(&place.reach()).expect("as set up");
    let snapshots = repository.snapshots().expect("as set up");
    assert_eq!(snapshots.len(), 1);
    assert_eq!(snapshots[0].paths, [text(&place.data())]);
    assert_eq!(repository.check(Depth::All, &Silent).expect("as set up"), []);
    let into = place.folder.path().join("restored");
    let restored = repository.restore(&snapshots[0].id, &into, &Silent).expect("as set up");
    assert_eq!(restored.faults, Vec::<String>::new());
    assert_eq!(tree::seen(&below(&into, &place.data())), tree::seen(&place.data()));
    // And goes on with it: files are cut at the same bytes.
    let saved = place.save(&repository);
    assert!(saved.added_bytes < 100_000, "{}", saved.added_bytes);
    place.restic_ok(&["check", "--read-data"]);
}

#[test]
fn an_unchanged_file_is_not_read_again() {
    let place = Place::new();
    for count in 0..5_u8 {
        fs::write(place.data().join(format!("{count}")), noise(200_000, count.into()))
            .expect("as set up");
    }
    let repository = place.found();
    assert_eq!(place.save(&repository).unchanged, 0);
    fs::write(place.data().join("3"), noise(200_000, 33)).expect("as set up");
    let saved = place.save(&repository);
    // The manifest and four files.
    assert_eq!((saved.files, saved.unchanged), (6, 5));
    assert!(saved.added_bytes < 300_000, "{}", saved.added_bytes);
    place.restic_ok(&["check", "--read-data"]);
}

#[test]
fn pruning_removes_what_nothing_needs_and_nothing_else() {
    let place = Place::new();
    for count in 0..40_u8 {
        fs::write(place.data().join(format!("{count}")), noise(1 << 20, count.into()))
            .expect("as set up");
    }
    let repository = place.found();
    let first = place.save(&repository);
    for count in 0..40_u8 {
        if count % 2 == 0 {
            fs::remove_file(place.data().join(format!("{count}"))).expect("as set up");
        }
    }
    let second = place.save(&repository);
    // What a killed process left.
    let half = place.repository().join(format!("data/00/00{}-tmp-1-0", "1".repeat(62)));
    fs::write(&half, "half").expect("as set up");
    let pruning = place.pruning();
    let planned = pruning.plan(std::slice::from_ref(&first.id)).expect("as set up");
    assert_eq!(repository.snapshots().expect("as set up").len(), 2, "a plan changes nothing");
    let pruned = pruning.prune(std::slice::from_ref(&first.id), &Silent).expect("as set up");
    assert_eq!((planned.snapshots, pruned.snapshots), (1, 1));
    assert!(!half.exists());
    assert!(pruned.freed_bytes > 15 << 20, "{pruned:?}");
    assert_eq!(repository.snapshots().expect("as set up").len(), 1);
    assert_eq!(repository.check(Depth::All, &Silent).expect("as set up"), []);
    place.restic_ok(&["check", "--read-data"]);
    let into = place.folder.path().join("restored");
    repository.restore(&second.id, &into, &Silent).expect("as set up");
    assert_eq!(tree::seen(&below(&into, &place.data())), tree::seen(&place.data()));

    let last = pruning.prune(&[second.id], &Silent).unwrap_err();
    assert!(matches!(last, Error::NoneLeft { .. }), "{last}");
}

#[test]
fn a_wrong_password_and_a_missing_target_are_told_apart() {
    let place = Place::new();
    place.found();
    let wrong = backup::password::Password::new("another");
    let reach = backup::reach::Reach { password: &wrong, ..place.reach() };
    assert!(matches!(Repository::open(&reach).unwrap_err(), Error::Password { .. }));
    let twice = Repository::found(&place.reach()).unwrap_err();
    assert!(matches!(twice, Error::Exists { .. }), "{twice}");

    // An unmounted disk is an empty mount point, or none.
    fs::rename(place.repository(), place.folder.path().join("away")).expect("as set up");
    let empty = Repository::open(&place.reach()).unwrap_err();
    assert!(matches!(empty, Error::NoRepository { .. }), "{empty}");
    fs::remove_dir(place.folder.path().join("disk")).expect("as set up");
    let none = Repository::found(&place.reach()).unwrap_err();
    assert!(matches!(none, Error::NoTarget { .. }), "{none}");
    assert!(!place.folder.path().join("disk").exists());
}

#[test]
fn of_one_path_only_what_it_needs_is_fetched() {
    let place = Place::new();
    fs::create_dir(place.data().join("small")).expect("made");
    fs::write(place.data().join("small/file"), "a little").expect("written");
    fs::write(place.data().join("smaller"), "not this").expect("written");
    fs::write(place.data().join("large"), noise(40 << 20, 3)).expect("written");
    let repository = place.found();
    let saved = place.save(&repository);
    let only = [place.data().join("small").strip_prefix("/").expect("absolute").to_owned()];
    let into = place.folder.path().join("part");
    let fresh = Repository::open(&place.reach()).expect("opened");
    let restored = fresh.restore_only(&saved.id, &into, &only, &Silent).expect("restored");
    assert_eq!((restored.files, restored.bytes, restored.faults), (1, 8, Vec::new()));
    assert_eq!(tree::seen(&into.join(&only[0])), tree::seen(&place.data().join("small")));
    let above = into.join(&only[0]);
    let beside: Vec<_> = fs::read_dir(above.parent().expect("above")).expect("read").collect();
    assert_eq!(beside.len(), 1, "{beside:?}");
    assert!(fresh.read_bytes() < 2 << 20, "{} bytes were read", fresh.read_bytes());

    let none = [std::path::PathBuf::from("no/such")];
    let empty = place.folder.path().join("none");
    let missing = fresh.restore_only(&saved.id, &empty, &none, &Silent).expect_err("not there");
    assert_eq!(missing.to_string().split(" is not").next(), Some("`/no/such`"));
    assert_eq!(fs::read_dir(&empty).expect("made").count(), 0);
}
