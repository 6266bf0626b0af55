//! The renames that put a proved state in the place of an old one, and back.
//!
//! Each looks at what is there, so that it may be done again after a crash. Leaves out when.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::error::Error;
use crate::restore::journal::Swap;

/// Puts the new state in its place and keeps the old one beside it.
pub(crate) fn forward(swap: &Swap) -> Result<(), Error> {
    // Without a new one there is nothing left to do: it is in its place.
    if !there(&swap.new) {
        return Ok(());
    }
    if swap.was_there && !there(&swap.old) {
        rename(&swap.live, &swap.old)?;
    }
    rename(&swap.new, &swap.live)
}

/// Puts the old state back and the new one beside it again.
pub(crate) fn back(swap: &Swap) -> Result<(), Error> {
    let swapped = !there(&swap.new);
    if swapped && there(&swap.live) && (there(&swap.old) || !swap.was_there) {
        rename(&swap.live, &swap.new)?;
    }
    if there(&swap.old) && !there(&swap.live) {
        rename(&swap.old, &swap.live)?;
    }
    Ok(())
}

/// Removes a path with all that is below it; one that is not there is removed already.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::File { what: "remove", path: path.to_owned(), source };
    let found = match path.symlink_metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if found.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.map_err(failed)
}

fn there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    let failed = |source| Error::File { what: "rename", path: from.to_owned(), source };
    fs::rename(from, to).map_err(failed)?;
    let folder = to.parent().unwrap_or(Path::new("/"));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(was_there: bool) -> (tempfile::TempDir, Swap) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let swap = Swap { live: path("a"), new: path("a.new"), old: path("a.old"), was_there };
        fs::write(&swap.new, "new").expect("written");
        if was_there {
            fs::write(&swap.live, "old").expect("written");
        }
        (folder, swap)
    }

    fn text(path: &Path) -> Option<String> {
        fs::read_to_string(path).ok()
    }

    #[test]
    fn a_swap_that_was_cut_short_anywhere_is_finished_or_taken_back() {
        // 0: nothing was renamed yet, 1: only the old, 2: both.
        for done in 0..3 {
            for forth in [true, false] {
                let (_folder, swap) = scene(true);
                if done > 0 {
                    rename(&swap.live, &swap.old).expect("renamed");
                }
                if done > 1 {
                    rename(&swap.new, &swap.live).expect("renamed");
                }
                for _twice in 0..2 {
                    if forth { forward(&swap) } else { back(&swap) }.expect("done");
                }
                let (live, other) = if forth { ("new", &swap.old) } else { ("old", &swap.new) };
                assert_eq!(text(&swap.live).as_deref(), Some(live), "{done} {forth}");
                assert!(text(other).is_some(), "nothing is lost: {done} {forth}");
            }
        }
    }

    #[test]
    fn where_nothing_was_nothing_is_kept() {
        let (_folder, swap) = scene(false);
        forward(&swap).expect("done");
        assert_eq!(text(&swap.live).as_deref(), Some("new"));
        assert!(!swap.old.exists());
        back(&swap).expect("done");
        assert!(!swap.live.exists() && swap.new.exists());
        back(&swap).expect("done again");
        assert!(!swap.live.exists() && swap.new.exists());
    }
}
