//! Which of the journal's files there are, and which of them this user may read.
//!
//! Leaves out reading them, which journalctl does.

use std::fs;
use std::path::Path;

use rustix::fs::{Access, access};

/// Where journald keeps its files (journald.conf(5)): lasting, and until the next boot.
const LASTING: &str = "/var/log/journal";
const VOLATILE: &str = "/run/log/journal";

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    pub readable: usize,
    /// Files of the system's own journal that are closed to this user.
    pub closed: usize,
    pub lasting: bool,
}

pub(crate) fn reach() -> Reach {
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let mut reach = Reach::default();
    for place in [LASTING, VOLATILE] {
        let files = look(&Path::new(place).join(id.trim()), &mut reach);
        reach.lasting |= files && place == LASTING;
    }
    reach
}

/// Counts the journal files in a folder; whether there are any.
fn look(folder: &Path, reach: &mut Reach) -> bool {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let closed = error.kind() == std::io::ErrorKind::PermissionDenied;
            reach.closed += usize::from(closed);
            return closed;
        }
    };
    let mut any = false;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !(name.ends_with(".journal") || name.ends_with(".journal~")) {
            continue;
        }
        any = true;
        if access(entry.path(), Access::READ_OK).is_ok() {
            reach.readable += 1;
        } else {
            reach.closed += 1;
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_journal_files_count() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["system.journal", "user-1000.journal~", "notes.txt"] {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        let mut reach = Reach::default();
        assert!(look(folder.path(), &mut reach));
        assert_eq!((reach.readable, reach.closed), (2, 0));
        assert!(!look(&folder.path().join("none"), &mut reach));
    }
}
