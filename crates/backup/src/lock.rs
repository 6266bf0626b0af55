//! The right to do something alone, as a lock of the kernel's on a file: a killed process lets go
//! of it.
//!
//! Leaves out what is done under it.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How often, and how long apart, a lock that is held is tried: whoever only looks holds it, too,
/// for a moment.
const TRIES: u32 = 20;
const APART: Duration = Duration::from_millis(50);

/// Takes a lock until the file is closed; nothing if somebody else has it.
///
/// The file is made where it is missing, and is never to be removed: who removes it lets two hold
/// two files of one name.
pub fn take(path: &Path) -> io::Result<Option<File>> {
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let mut locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
    for _ in 0..TRIES {
        if locked != Err(Errno::WOULDBLOCK) {
            break;
        }
        thread::sleep(APART);
        locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
    }
    match locked {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether somebody has this lock. Whoever takes it at this moment is not refused.
pub fn is_held(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_until_it_is_let_go_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".chat.lock");
        assert!(!is_held(&path).unwrap(), "nobody ever took it");
        assert!(!path.exists(), "whoever looks makes nothing");
        let held = take(&path).unwrap().unwrap();
        assert!(is_held(&path).unwrap());
        assert!(take(&path).unwrap().is_none());
        drop(held);
        assert!(!is_held(&path).unwrap());
        take(&path).unwrap().unwrap();
    }

    #[test]
    fn who_only_looks_refuses_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".chat.lock");
        drop(take(&path).unwrap());
        let looked = File::open(&path).unwrap();
        flock(&looked, FlockOperation::NonBlockingLockShared).unwrap();
        thread::scope(|scope| {
            let taking = scope.spawn(|| take(&path).map(|taken| taken.is_some()));
            thread::sleep(APART);
            drop(looked);
            assert!(taking.join().unwrap().unwrap());
        });
    }
}
