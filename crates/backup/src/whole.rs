//! A small file that is there as a whole or not at all, whatever happens while it is written.
//!
//! Leaves out what is in it.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The end of the name of what is being written.
const END: &str = ".new";
/// What is older was left by a writer that was killed.
const LEFT: Duration = Duration::from_secs(3600);

/// Writes it beside, waits until it is on the disk, and renames it into its place. Folders above
/// that are missing are made, for all to read.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let start = format!(".{name}.");
    sweep(folder, &start);
    // Each writer has one of its own, and the last one counts.
    let mut file = tempfile::Builder::new()
        .prefix(&start)
        .suffix(END)
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// Removes what killed writers left, as far as it can be.
fn sweep(folder: &Path, start: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !name.to_str().is_some_and(|name| name.starts_with(start) && name.ends_with(END)) {
            continue;
        }
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        let is_left = written.is_ok_and(|written| {
            SystemTime::now().duration_since(written).is_ok_and(|age| age > LEFT)
        });
        if is_left {
            let _next_time = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_stays_until_the_new_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("inner/file");
        replace(&path, b"old", 0o600).expect("written");
        // What a killed run left behind is in nobody's way, and what is being written stays.
        let old = SystemTime::now() - 2 * LEFT;
        for left in [".file.new", ".file.aBcDeF.new", ".other.aBcDeF.new"] {
            let left = File::create(folder.path().join("inner").join(left)).expect("made");
            left.set_modified(old).expect("dated");
        }
        fs::write(folder.path().join("inner/.file.gHiJkL.new"), "half").expect("written");
        replace(&path, b"new", 0o600).expect("written");
        assert_eq!(fs::read(&path).expect("there"), b"new");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let there = fs::read_dir(folder.path().join("inner")).expect("a folder");
        let mut names: Vec<_> = there.map(|entry| entry.expect("read").file_name()).collect();
        names.sort();
        assert_eq!(names, [".file.gHiJkL.new", ".other.aBcDeF.new", "file"]);
        fs::create_dir(folder.path().join("taken")).expect("made");
        assert!(replace(&folder.path().join("taken"), b"new", 0o600).is_err());
    }
}
