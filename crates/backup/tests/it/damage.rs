//! A flipped bit, a missing pack, a truncated index: each is found and named.

use std::fs;
use std::path::{Path, PathBuf};

use backup::error::Error;
use backup::progress::Silent;
use backup::repository::Repository;
use backup::snapshot::{Depth, Fault};
use walkdir::WalkDir;

use crate::place::{Place, noise};

fn filled() -> (Place, Repository) {
    let place = Place::new();
    fs::write(place.data().join("media"), noise(2 << 20, 1)).expect("as set up");
    let repository = place.found();
    place.save(&repository);
    assert_eq!(repository.check(Depth::All, &Silent).expect("as set up"), []);
    (place, repository)
}

fn largest(folder: &Path) -> PathBuf {
    let files = WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file());
    files
        .max_by_key(|entry| entry.metadata().expect("as set up").len())
        .expect("as set up")
        .into_path()
}

fn name(path: &Path) -> String {
    path.file_name().expect("as set up").to_str().expect("as set up").to_owned()
}

fn harmful(repository: &Repository, depth: Depth) -> Vec<Fault> {
    let faults = repository.check(depth, &Silent).expect("as set up");
    faults.into_iter().filter(|fault| fault.harmful).collect()
}

#[test]
fn a_flipped_bit_in_a_pack_is_named() {
    let (place, repository) = filled();
    let pack = largest(&place.repository().join("data"));
    let mut bytes = fs::read(&pack).expect("as set up");
    bytes[1000] ^= 4;
    fs::write(&pack, bytes).expect("as set up");
    // Its size is right: only reading tells.
    assert_eq!(harmful(&repository, Depth::Structure), []);
    for depth in [Depth::All, Depth::Sample(100)] {
        let faults = harmful(&repository, depth);
        assert!(faults.iter().any(|f| f.object == format!("pack {}", name(&pack))), "{faults:?}");
    }
    let id = repository.snapshots().expect("as set up")[0].id.clone();
    let error = repository.restore(&id, &place.folder.path().join("into"), &Silent).unwrap_err();
    let Error::Damaged { object, reason, .. } = &error else { panic!("{error}") };
    assert_eq!(object, &format!("pack {}", name(&pack)));
    assert!(reason.contains("does not decrypt"), "{error}");
}

#[test]
fn a_missing_and_a_shortened_pack_are_named() {
    let (place, repository) = filled();
    let pack = largest(&place.repository().join("data"));
    let bytes = fs::read(&pack).expect("as set up");
    fs::write(&pack, &bytes[..bytes.len() / 2]).expect("as set up");
    let faults = harmful(&repository, Depth::Structure);
    assert!(faults.iter().any(|f| f.object == format!("pack {}", name(&pack))), "{faults:?}");
    fs::remove_file(&pack).expect("as set up");
    let faults = harmful(&repository, Depth::Structure);
    assert!(faults.iter().any(|f| f.object == format!("pack {}", name(&pack))), "{faults:?}");
    let id = repository.snapshots().expect("as set up")[0].id.clone();
    let error = repository.restore(&id, &place.folder.path().join("into"), &Silent).unwrap_err();
    assert!(error.to_string().contains(&name(&pack)), "{error}");
}

#[test]
fn a_truncated_index_and_a_damaged_snapshot_are_named() {
    let (place, repository) = filled();
    let snapshot = largest(&place.repository().join("snapshots"));
    let whole = fs::read(&snapshot).expect("as set up");
    fs::write(&snapshot, &whole[..100]).expect("as set up");
    let faults = harmful(&repository, Depth::Structure);
    assert_eq!(faults[0].object, format!("snapshot {}", name(&snapshot)), "{faults:?}");
    // What a snapshot needs that cannot be read is not removed.
    let error = place.pruning().prune(&[], &Silent).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    fs::write(&snapshot, whole).expect("as set up");

    let index = largest(&place.repository().join("index"));
    let whole = fs::read(&index).expect("as set up");
    fs::write(&index, &whole[..whole.len() - 10]).expect("as set up");
    let faults = harmful(&repository, Depth::Structure);
    assert!(faults.iter().any(|f| f.object == format!("index {}", name(&index))), "{faults:?}");
    fs::remove_file(&index).expect("as set up");
    assert_ne!(harmful(&repository, Depth::Structure), []);
}
