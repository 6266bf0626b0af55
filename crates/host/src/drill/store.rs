//! What the last drills of a service have shown, kept in a file of this host.
//!
//! Leaves out who reads it.

use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use backup::whole;
use model::backup::drill::{DrillV1, DrillsV1, FOLDER};
use rustix::fs::{FlockOperation, flock};

use crate::error::Error;

/// Adds a drill; the file is replaced by a rename, so that it is always whole.
pub fn keep(drill: &DrillV1) -> Result<DrillsV1, Error> {
    keep_in(Path::new(FOLDER), drill)
}

/// The last drills of a service on this host; none if there was none.
pub fn last(service: &str) -> Result<Option<DrillsV1>, Error> {
    read(&Path::new(FOLDER).join(format!("{service}.json")))
}

fn read(path: &Path) -> Result<Option<DrillsV1>, Error> {
    let failed = |source| Error::File { what: "read", path: path.to_owned(), source };
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| failed(std::io::Error::new(ErrorKind::InvalidData, error))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn keep_in(folder: &Path, drill: &DrillV1) -> Result<DrillsV1, Error> {
    let path = folder.join(format!("{}.json", drill.service));
    let failed = |source| Error::File { what: "write", path: path.clone(), source };
    // A drill by hand, one from elsewhere and the schedule's must not lose what another showed.
    let _lock = locked(folder, &drill.service)?;
    // A damaged file of before is no reason to lose what was shown now.
    let before = read(&path).ok().flatten();
    let drills = DrillsV1::with(before, drill.clone());
    let mut text = serde_json::to_vec_pretty(&drills).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    whole::replace(&path, &text, 0o644).map_err(failed)?;
    Ok(drills)
}

/// Held until it is closed; waits for whoever has it, who only writes a file.
fn locked(folder: &Path, service: &str) -> Result<File, Error> {
    let path = folder.join(format!(".{service}.lock"));
    let failed = |source| Error::File { what: "lock", path: path.clone(), source };
    DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(failed)?;
    let options = File::options().create(true).write(true).truncate(false).mode(0o600).clone();
    let lock = options.open(&path).map_err(failed)?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use model::backup::drill::Outcome;

    use super::*;

    fn drill(outcome: Outcome) -> DrillV1 {
        DrillV1 {
            service: "chat".to_owned(),
            host: "runko".to_owned(),
            target: "stick".to_owned(),
            snapshot: None,
            snapshot_at: None,
            at: Timestamp::UNIX_EPOCH,
            outcome,
            reason: String::new(),
            steps: Vec::new(),
            restore_milliseconds: None,
            milliseconds: 0,
        }
    }

    #[test]
    fn drills_that_end_at_once_lose_nothing_of_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let names: Vec<String> = (0..16).map(|number| format!("target{number}")).collect();
        std::thread::scope(|scope| {
            for target in &names {
                let one = DrillV1 { target: target.clone(), ..drill(Outcome::Fail) };
                let path = folder.path();
                scope.spawn(move || keep_in(path, &one).expect("kept"));
            }
        });
        let read = read(&folder.path().join("chat.json")).expect("read").expect("there");
        assert_eq!(read.proved.len(), names.len());
    }

    #[test]
    fn the_last_pass_is_kept_beside_the_newest() {
        let folder = tempfile::tempdir().expect("a folder");
        keep_in(folder.path(), &drill(Outcome::Pass)).expect("kept");
        keep_in(folder.path(), &drill(Outcome::Fail)).expect("kept");
        let read = read(&folder.path().join("chat.json")).expect("read").expect("there");
        assert_eq!(read.newest.outcome, Outcome::Fail);
        assert_eq!(read.passed.map(|drill| drill.outcome), Some(Outcome::Pass));
        assert_eq!(super::read(&folder.path().join("none.json")).expect("read"), None);
    }
}
