//! What the last drills of a service have shown, kept in a file of this host.
//!
//! Leaves out who reads it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use model::backup::drill::{DrillV1, DrillsV1, FOLDER};

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
    fs::DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(failed)?;
    // A damaged file of before is no reason to lose what was shown now.
    let before = read(&path).ok().flatten();
    let drills = DrillsV1::with(before, drill.clone());
    let mut text = serde_json::to_vec_pretty(&drills)
        .map_err(|error| failed(std::io::Error::new(ErrorKind::InvalidData, error)))?;
    text.push(b'\n');
    replace(&path, &text, 0o644)?;
    Ok(drills)
}

/// Writes a file beside, waits until it is on the disk, and renames it into its place.
pub(crate) fn replace(path: &Path, text: &[u8], mode: u32) -> Result<(), Error> {
    let failed = |source| Error::File { what: "write", path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let new = folder.join(format!(".{name}.new"));
    let mut file = File::options()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(mode)
        .open(&new)
        .map_err(failed)?;
    file.write_all(text).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&new, path).map_err(failed)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
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
