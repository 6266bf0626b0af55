//! What a dump leaves in the staging folder.
//!
//! Leaves out making it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::backup::manifest::DatabaseV1;

use crate::digest;
use crate::refusal::Refusal;

/// The dump: pg_dump's custom format, not compressed, or a SQLite database.
pub const FILE: &str = "database.dump";

/// The roles of a PostgreSQL database, as SQL; it holds their passwords, so it is root's alone.
pub const GLOBALS: &str = "globals.sql";

/// A dump; it counts once it was proved whole.
#[derive(Debug)]
pub struct Dumped {
    pub database: DatabaseV1,
    /// `tool → version`.
    pub tools: BTreeMap<String, String>,
    /// What is not in it, in words, where something could not be taken.
    pub note: Option<String>,
}

/// A file that a snapshot brought back, if it is one: a link leads to this machine's own files, and
/// a pipe has no end.
pub fn plain(folder: &Path, name: &str) -> Result<PathBuf, Refusal> {
    let path = folder.join(name);
    let found = path.symlink_metadata().map_err(|source| Refusal::Local {
        what: "look at",
        path: path.clone(),
        source,
    })?;
    if found.is_file() {
        return Ok(path);
    }
    Err(Refusal::OtherDump { path, fault: "it is no plain file".to_owned() })
}

/// The dump in the folder, if it is the one that the manifest is of.
pub fn recognised(folder: &Path, was: &DatabaseV1) -> Result<PathBuf, Refusal> {
    let path = plain(folder, FILE)?;
    let (sum, bytes) = digest::of(&path)?;
    let fault = if bytes != was.dump_bytes {
        format!("it has {bytes} of {} bytes", was.dump_bytes)
    } else if sum != was.dump_sum {
        format!("its sum is {sum}, was {}", was.dump_sum)
    } else {
        return Ok(path);
    };
    Err(Refusal::OtherDump { path, fault })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_that_is_a_link_or_a_pipe_is_not_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("real"), "x").expect("written");
        std::os::unix::fs::symlink("real", folder.path().join(FILE)).expect("made");
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            folder.path().join(GLOBALS),
            rustix::fs::Mode::from_raw_mode(0o600),
        )
        .expect("made");
        assert!(plain(folder.path(), "real").is_ok());
        for name in [FILE, GLOBALS] {
            let told = plain(folder.path(), name).expect_err("no file").to_string();
            assert!(told.contains("no plain file"), "{told}");
        }
    }
}
