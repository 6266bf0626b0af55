//! Bytes that flip and disks that fill up.

use std::process::Command;

use commons::error::Error;
use commons::identity::Identity;
use commons::record::Record;
use commons::record::rows::{Stored, Verified};
use model::entry::{Entry, FactV1};

use crate::place::{Place, at, host};

fn fact(number: i64, length: usize) -> Entry {
    Entry::FactV1(FactV1 {
        host: host(),
        key: format!("key-{number}"),
        before: None,
        after: Some("v".repeat(length)),
    })
}

/// What a damaged copy of the record gives.
async fn look(place: &Place, bytes: &[u8]) -> Result<(Verified, Vec<Stored>), Error> {
    let identity = Identity::load(&place.folder.path().join("device.key")).expect("a key");
    // A file of its own each time, which no connection of an earlier look can still touch.
    let folder = tempfile::tempdir_in(place.folder.path()).expect("a folder");
    let path = folder.path().join("record.db");
    std::fs::write(&path, bytes).expect("written");
    let record = Record::open(&path, identity).await?;
    let verified = record.verify().await;
    let stored = record.entries(1_000, None).await;
    record.close().await;
    Ok((verified?, stored?))
}

#[tokio::test]
async fn a_flipped_byte_is_told_or_harms_no_entry() {
    let place = Place::new();
    let path = place.folder.path().join("record.db");
    let record = place.open().await;
    for number in 0..60 {
        record.append(&[fact(number, 400)], at(number)).await.expect("appended");
    }
    record.close().await;
    let whole = std::fs::read(&path).expect("read");
    let (verified, entries) = look(&place, &whole).await.expect("well");
    assert_eq!((verified.fault, verified.entries, entries.len()), (None, 60, 60));

    let (mut told, mut harmless) = (0, 0);
    for number in 0..250 {
        let mut damaged = whole.clone();
        // A prime stride, so that the flips are spread over pages and places within them.
        let offset = number * 104_729 % damaged.len();
        damaged[offset] ^= 1 << (number % 8);
        match look(&place, &damaged).await {
            Err(_) | Ok((Verified { fault: Some(_), .. }, _)) => told += 1,
            Ok((_, now)) => {
                assert_eq!(now, entries, "byte {offset} was changed and nobody told");
                harmless += 1;
            }
        }
    }
    println!("{told} of 250 flips were told, {harmless} harmed no entry");
    assert!(told > 40, "{told}");

    // And where the entries themselves lie, every one.
    let needle = b"key-17";
    let places: Vec<usize> =
        (0..whole.len() - 6).filter(|at| &whole[*at..at + 6] == needle).collect();
    for offset in places {
        let mut damaged = whole.clone();
        damaged[offset] ^= 4;
        if let Ok((Verified { fault: None, .. }, now)) = look(&place, &damaged).await {
            assert_eq!(now, entries);
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_harms_nothing() {
    let place = Place::new();
    let disk = place.folder.path().join("disk");
    std::fs::create_dir(&disk).expect("made");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=900k", "none"])
        .arg(&disk)
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        println!("SKIPPED: a small tmpfs cannot be mounted here; no full disk was tried");
        return;
    }
    let path = disk.join("record.db");
    let identity = Identity::create_or_load(&disk.join("device.key")).expect("a key");
    let ballast = disk.join("ballast");
    std::fs::write(&ballast, vec![1; 300 * 1024]).expect("written");
    let record = Record::open(&path, identity).await.expect("opened");
    let mut written = 0;
    let error = loop {
        match record.append(&[fact(written, 5_000)], at(written)).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    println!("after {written} entries: {error}");
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    assert!(written > 5, "{written}");
    for _ in 0..3 {
        record.append(&[fact(written, 5_000)], at(written)).await.expect_err("still full");
    }
    let verified = record.verify().await.expect("walked");
    assert_eq!((verified.fault, verified.entries), (None, written.unsigned_abs()));
    std::fs::remove_file(&ballast).expect("removed");
    record.append(&[fact(written, 5_000)], at(written)).await.expect("room again");
    record.close().await;
    let identity = Identity::load(&disk.join("device.key")).expect("a key");
    let record = Record::open(&path, identity).await.expect("opened");
    let verified = record.verify().await.expect("walked");
    assert_eq!((verified.fault, verified.entries), (None, written.unsigned_abs() + 1));
    record.close().await;
    let unmounted = Command::new("umount").arg("--lazy").arg(&disk).status().expect("ran");
    assert!(unmounted.success());
}
