//! A small file that is there as a whole or not at all, whatever happens while it is written.
//!
//! Leaves out what is in it.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Writes it beside, waits until it is on the disk, and renames it into its place. Folders above
/// that are missing are made, for all to read.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = folder.join(format!(".{name}.new"));
    let mut file = File::options().create(true).write(true).truncate(true).mode(mode).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_stays_until_the_new_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("inner/file");
        replace(&path, b"old", 0o600).expect("written");
        // What a killed run left behind is in nobody's way.
        fs::write(folder.path().join("inner/.file.new"), "half").expect("written");
        replace(&path, b"new", 0o600).expect("written");
        assert_eq!(fs::read(&path).expect("there"), b"new");
        assert_eq!(fs::read_dir(folder.path().join("inner")).expect("a folder").count(), 1);
        fs::create_dir(folder.path().join("taken")).expect("made");
        assert!(replace(&folder.path().join("taken"), b"new", 0o600).is_err());
    }
}
