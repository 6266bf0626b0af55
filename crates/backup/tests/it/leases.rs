//! Locks, with restic on the other side.

use std::fs;
use std::thread;

use backup::error::Error;
use backup::lease::Lease;
use backup::lease::lock::{Lock, Me};
use backup::progress::Silent;
use backup::repository::Repository;
use backup::seal::Seal;
use backup::target;
use jiff::{SignedDuration, Timestamp};
use rustic_core::repofile::MasterKey;
use sha2::{Digest, Sha256};

use crate::place::{Place, noise};

/// The repository's own key, as restic shows it.
fn key(place: &Place) -> MasterKey {
    serde_json::from_str(&place.restic_ok(&["cat", "masterkey", "--no-lock"])).expect("as set up")
}

fn plant(place: &Place, lock: &Lock) {
    let sealed = Seal::new(&key(place)).seal(&lock.to_json()).expect("as set up");
    let name: String = Sha256::digest(&sealed).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(place.repository().join("locks").join(name), sealed).expect("as set up");
}

fn locks(place: &Place) -> usize {
    fs::read_dir(place.repository().join("locks")).expect("as set up").count()
}

#[test]
fn restic_respects_a_lease_and_reads_who_holds_it() {
    let place = Place::new();
    place.found();
    let store = target::reach(&place.reach()).expect("as set up");
    let lease = Lease::exclusive(store.clone(), &key(&place)).expect("as set up");
    let refused = place.restic(&["backup", "/etc/hostname"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(told.contains("locked exclusively"), "{told}");
    assert!(told.contains(&format!("PID {}", std::process::id())), "{told}");
    lease.release().expect("as set up");
    assert_eq!(locks(&place), 0);

    let lease = Lease::shared(store, &key(&place)).expect("as set up");
    place.restic_ok(&["backup", "/etc/hostname"]);
    assert!(!place.restic(&["prune"]).status.success());
    drop(lease);
    place.restic_ok(&["prune"]);
}

#[test]
fn a_live_exclusive_lock_stops_a_backup_and_says_whose_it_is() {
    let place = Place::new();
    let repository = place.found();
    let me = Me::of_this_process();
    let elsewhere = Me { hostname: "bramble".to_owned(), username: "el".to_owned(), ..me };
    plant(&place, &Lock::new(&elsewhere, true, Timestamp::now()));
    let error = repository.save(&place.take(), &Silent).unwrap_err();
    let Error::Locked { host, user, exclusive, .. } = &error else { panic!("{error}") };
    assert_eq!((host.as_str(), user.as_str(), *exclusive), ("bramble", "el", true));
    assert!(error.to_string().contains("by el on bramble"), "{error}");
    assert_eq!(locks(&place), 1, "the lock that was tried is taken back");
    assert_eq!(repository.snapshots().expect("as set up"), []);
}

#[test]
fn a_stale_lock_stops_nobody() {
    let place = Place::new();
    let repository = place.found();
    let me = Me::of_this_process();
    let now = Timestamp::now();
    plant(&place, &Lock { pid: 4_194_305, ..Lock::new(&me, true, now) });
    let elsewhere = Me { hostname: "bramble".to_owned(), ..me };
    plant(&place, &Lock::new(&elsewhere, true, now - SignedDuration::from_mins(31)));
    fs::write(place.repository().join("locks").join("0".repeat(64)), "half a lock")
        .expect("as set up");
    place.save(&repository);
    assert_eq!(locks(&place), 2, "the one of a dead process of this host is gone");
    place.pruning().prune(&[], &Silent).expect("as set up");
}

#[test]
fn a_backup_beside_a_backup_succeeds_and_pruning_waits_for_neither() {
    let place = Place::new();
    let other = Place::new();
    for count in 0..8_u8 {
        fs::write(place.data().join(format!("{count}")), noise(1 << 20, count.into()))
            .expect("as set up");
        fs::write(other.data().join(format!("{count}")), noise(1 << 20, 90 + u64::from(count)))
            .expect("as set up");
    }
    place.found();
    let at_once = || {
        thread::scope(|scope| {
            let one = scope.spawn(|| {
                Repository::open(&place.reach()).expect("as set up").save(&place.take(), &Silent)
            });
            let two = scope.spawn(|| {
                Repository::open(&place.reach()).expect("as set up").save(&other.take(), &Silent)
            });
            (
                one.join().expect("as set up").expect("as set up"),
                two.join().expect("as set up").expect("as set up"),
            )
        })
    };
    let (one, two) = at_once();
    assert_ne!(one.id, two.id);
    at_once();
    assert_eq!(
        Repository::open(&place.reach()).expect("as set up").snapshots().expect("as set up").len(),
        4
    );
    place.restic_ok(&["check", "--read-data"]);

    let store = target::reach(&place.reach()).expect("as set up");
    let lease = Lease::shared(store, &key(&place)).expect("as set up");
    let error = place.pruning().prune(&[one.id], &Silent).unwrap_err();
    assert!(matches!(error, Error::Locked { exclusive: false, .. }), "{error}");
    drop(lease);
}

#[test]
fn a_lease_that_somebody_removed_is_lost() {
    let place = Place::new();
    place.found();
    let store = target::reach(&place.reach()).expect("as set up");
    let lease = Lease::shared(store, &key(&place)).expect("as set up");
    lease.hold().expect("as set up");
    place.restic_ok(&["unlock", "--remove-all"]);
    assert!(matches!(lease.hold().unwrap_err(), Error::LeaseLost { .. }));
}

#[test]
fn the_handle_of_a_host_removes_nothing_but_its_own_locks() {
    use backup::append_only::{Gate, Rights};
    use rustic_core::{FileType, Id, WriteBackend};

    let place = Place::new();
    let repository = place.found();
    let saved = place.save(&repository);
    assert_eq!(locks(&place), 0, "its own lock is gone");
    let store = target::reach(&place.reach()).expect("as set up");
    let gate = Gate::new(store.clone(), Rights::Append);
    let id: Id = saved.id.as_str().parse().expect("as set up");
    for kind in
        [FileType::Snapshot, FileType::Index, FileType::Pack, FileType::Key, FileType::Config]
    {
        let error = gate.remove(kind, &id, false).unwrap_err();
        assert!(error.to_string().contains("only adds"), "{error}");
    }
    assert_eq!(repository.snapshots().expect("as set up").len(), 1);
    Gate::new(store, Rights::Prune).remove(FileType::Snapshot, &id, false).expect("as set up");
    assert_eq!(repository.snapshots().expect("as set up"), []);
}
