//! Brings a place to what a staged medium is: copies what differs, then removes what is no more.
//!
//! Leaves out making the stage. Killed at any moment, the next run goes on: a file appears whole
//! or not at all, the signed list comes after all it names, and nothing is removed before it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use walkdir::WalkDir;

use crate::medium::error::Error;
use crate::medium::names;
use crate::medium::stage::{Stage, Staged};
use crate::medium::sums::Sums;
use crate::progress::Progress;
use crate::sum;

/// There from the first written file to the last: the place is a medium that is being made.
const MARK: &str = ".stead-medium";
/// Added to the name of a file while it is written.
const PART: &str = ".stead-part";

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Synced {
    /// Files written, and their bytes.
    pub copied: usize,
    pub bytes: u64,
    /// Files that were there and right.
    pub kept: usize,
    pub removed: usize,
}

/// Refuses a place that holds anything but a medium.
pub fn check_place(place: &Path) -> Result<(), Error> {
    match fs::read_dir(place) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::Read { path: place.to_owned(), source }),
        Ok(mut entries) => {
            let ours = [names::SUMS, MARK].iter().any(|name| place.join(name).is_file());
            let only_litter = entries.all(|entry| {
                entry.is_ok_and(|entry| names::is_litter(&entry.file_name().to_string_lossy()))
            });
            if ours || only_litter {
                Ok(())
            } else {
                Err(Error::Occupied { path: place.to_owned() })
            }
        }
    }
}

/// Copies the stage, which is sealed, to the place.
pub fn sync(stage: &Stage, place: &Path, progress: &dyn Progress) -> Result<Synced, Error> {
    check_place(place)?;
    make_folder(place)?;
    let before = old_list(place);
    progress.step("comparing with what is there");
    let mut done = Synced::default();
    let mut missing = Vec::new();
    let mut needed = 0;
    for (path, staged) in stage.iter() {
        if is_right(&place.join(path), staged) {
            done.kept += 1;
        } else {
            needed += staged.bytes;
            missing.push((path, staged));
        }
    }
    let sealed = stage
        .seals()
        .iter()
        .all(|(name, bytes)| fs::read(place.join(name)).is_ok_and(|found| found == *bytes));
    if !missing.is_empty() || !sealed {
        room(place, needed)?;
        write(&place.join(MARK), &mut io::empty())?;
    }
    missing.sort_by_key(|(path, _)| (rank(path), path.to_owned()));
    if !missing.is_empty() {
        progress.step(&format!("copying {} files", missing.len()));
    }
    for (path, staged) in missing {
        let to = place.join(path);
        if let Some(folder) = to.parent() {
            make_folder(folder)?;
        }
        write(&to, &mut staged.open()?)?;
        done.copied += 1;
        done.bytes += staged.bytes;
        progress.bytes(done.bytes, Some(needed));
    }
    if !sealed {
        // What was written so far is on the stick before the list that names it.
        flush(place)?;
        for (name, bytes) in stage.seals() {
            write(&place.join(name), &mut &*bytes)?;
        }
    }
    flush(place)?;
    done.removed = remove_old(place, stage, &before)?;
    remove(&place.join(MARK))?;
    flush(place)?;
    Ok(done)
}

/// Packages first, then what names them, the files that readers begin with last.
fn rank(path: &str) -> u8 {
    if path.starts_with("debian/pool/") {
        0
    } else if let Some(index) = path.strip_prefix("debian/dists/") {
        match index.rsplit('/').next() {
            Some("InRelease" | "Release" | "Release.gpg") => 3,
            _ => 2,
        }
    } else {
        1
    }
}

/// The files that an earlier medium listed; none if there was none.
fn old_list(place: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(place.join(names::SUMS)).unwrap_or_default();
    let sums = Sums::parse(&text).unwrap_or_default();
    sums.iter().map(|(path, _)| path.to_owned()).collect()
}

/// Removes what the old list named and the new one does not, and all else in our own folders.
fn remove_old(place: &Path, stage: &Stage, before: &BTreeSet<String>) -> Result<usize, Error> {
    let mut old: BTreeSet<String> =
        before.iter().filter(|path| !stage.has(path)).cloned().collect();
    let mut folders = Vec::new();
    for folder in [names::REPOSITORY, names::RECIPES, names::DOCS] {
        for entry in WalkDir::new(place.join(folder)).contents_first(true).into_iter().flatten() {
            let path = entry.path().strip_prefix(place).unwrap_or(entry.path());
            let path = path.to_string_lossy().into_owned();
            if entry.file_type().is_dir() {
                folders.push(entry.into_path());
            } else if !stage.has(&path) {
                old.insert(path);
            }
        }
    }
    let mut removed = 0;
    for path in old {
        removed += usize::from(remove(&place.join(path))?);
    }
    for folder in folders {
        // One that still holds something stays.
        let _ = fs::remove_dir(folder);
    }
    Ok(removed)
}

fn remove(path: &Path) -> Result<bool, Error> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(Error::Write { path: path.to_owned(), source }),
    }
}

/// Whether the file is there with this content. One that cannot be read is written anew.
fn is_right(path: &Path, staged: &Staged) -> bool {
    fs::symlink_metadata(path).is_ok_and(|data| data.is_file() && data.len() == staged.bytes)
        && sum::sha256_of_file(path).is_ok_and(|(sum, _)| sum == staged.sha256)
}

fn make_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| unwritten(path, source))
}

/// Writes beside the file, then puts it in its place.
fn write(to: &Path, from: &mut dyn Read) -> Result<(), Error> {
    let failed = |source| unwritten(to, source);
    let mut part = to.as_os_str().to_owned();
    part.push(PART);
    let part = PathBuf::from(part);
    let written = File::create(&part).and_then(|mut file| {
        io::copy(from, &mut file)?;
        file.flush()
    });
    if let Err(error) = written {
        // What is there of it only takes room.
        let _ = fs::remove_file(&part);
        return Err(failed(error));
    }
    fs::rename(&part, to).map_err(failed)
}

fn unwritten(path: &Path, source: io::Error) -> Error {
    let path = path.to_owned();
    if source.kind() == ErrorKind::StorageFull {
        Error::Full { path, source }
    } else {
        Error::Write { path, source }
    }
}

/// Refuses early what would fill the place up.
fn room(place: &Path, needed: u64) -> Result<(), Error> {
    let failed =
        |errno: rustix::io::Errno| Error::Read { path: place.to_owned(), source: errno.into() };
    let there = rustix::fs::statvfs(place).map_err(failed)?;
    let free = there.f_bavail.saturating_mul(there.f_frsize);
    if free < needed {
        return Err(Error::NoRoom { path: place.to_owned(), needed, free });
    }
    Ok(())
}

/// Waits until the stick has it.
fn flush(place: &Path) -> Result<(), Error> {
    let failed =
        |errno: rustix::io::Errno| Error::Write { path: place.to_owned(), source: errno.into() };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(place, flags, Mode::empty()).map_err(failed)?;
    rustix::fs::syncfs(folder).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use crate::signing::Key;

    /// A sealed stage of these files.
    fn stage(folder: &Path, files: &[(&str, &str)]) -> Stage {
        let mut stage = Stage::default();
        for (path, text) in files {
            stage.add_bytes(path, text.as_bytes().to_vec()).unwrap();
        }
        let key = folder.join("key");
        let key = Key::open(&key).or_else(|_| Key::generate(&key, "a test")).unwrap();
        stage.seal(&key).unwrap();
        stage
    }

    fn files(folder: &Path) -> Vec<String> {
        let entries = WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
        let files = entries.filter(|entry| entry.file_type().is_file());
        files
            .map(|entry| entry.path().strip_prefix(folder).unwrap().display().to_string())
            .collect()
    }

    const OLD: [(&str, &str); 3] =
        [("debian/pool/a.deb", "a"), ("debian/dists/x/InRelease", "1"), ("install", "i")];
    const NEW: [(&str, &str); 3] =
        [("debian/pool/b/b.deb", "bb"), ("debian/dists/x/InRelease", "2"), ("install", "i")];

    #[test]
    fn a_second_run_copies_what_changed_and_removes_what_is_no_more() {
        let work = tempfile::tempdir().unwrap();
        let to = work.path().join("medium");
        let staged = stage(work.path(), &OLD);
        let done = sync(&staged, &to, &Silent).unwrap();
        assert_eq!((done.copied, done.kept, done.removed), (3, 0, 0));
        let done = sync(&staged, &to, &Silent).unwrap();
        assert_eq!((done.copied, done.kept, done.removed), (0, 3, 0));

        let staged = stage(work.path(), &NEW);
        let done = sync(&staged, &to, &Silent).unwrap();
        assert_eq!((done.copied, done.kept, done.removed), (2, 1, 1));
        let expected = [
            "SHA256SUMS",
            "SHA256SUMS.sig",
            "debian/dists/x/InRelease",
            "debian/pool/b/b.deb",
            "install",
        ];
        assert_eq!(files(&to), expected);
    }

    #[test]
    fn a_damaged_file_and_what_a_killed_run_left_are_mended() {
        let work = tempfile::tempdir().unwrap();
        let to = work.path().join("medium");
        let staged = stage(work.path(), &OLD);
        fs::create_dir_all(to.join("debian/pool")).unwrap();
        fs::write(to.join(MARK), "").unwrap();
        fs::write(to.join("debian/pool/a.deb"), "x").unwrap();
        fs::write(to.join("debian/pool/b.deb.stead-part"), "half").unwrap();
        let done = sync(&staged, &to, &Silent).unwrap();
        assert_eq!((done.copied, done.removed), (3, 1));
        assert_eq!(fs::read(to.join("debian/pool/a.deb")).unwrap(), b"a");
        assert!(!to.join(MARK).exists());
    }

    #[test]
    fn somebodys_own_files_are_not_taken_for_a_medium() {
        let work = tempfile::tempdir().unwrap();
        fs::create_dir(work.path().join("lost+found")).unwrap();
        assert!(check_place(work.path()).is_ok());
        fs::write(work.path().join("holiday.jpg"), "").unwrap();
        assert!(matches!(check_place(work.path()), Err(Error::Occupied { .. })));
    }

    #[test]
    fn packages_come_before_the_index_that_names_them() {
        let mut paths = [
            "debian/dists/a/InRelease",
            "debian/dists/a/main/Packages",
            "README.txt",
            "debian/pool/x",
        ];
        paths.sort_by_key(|path| rank(path));
        assert_eq!(
            paths,
            [
                "debian/pool/x",
                "README.txt",
                "debian/dists/a/main/Packages",
                "debian/dists/a/InRelease"
            ]
        );
    }
}
