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

/// A dump that was proved whole.
#[derive(Debug)]
pub struct Dumped {
    pub database: DatabaseV1,
    /// `tool → version`.
    pub tools: BTreeMap<String, String>,
    /// What is not in it, in words, where something could not be taken.
    pub note: Option<String>,
}

/// The dump in the folder, if it is the one that the manifest is of.
pub fn recognised(folder: &Path, was: &DatabaseV1) -> Result<PathBuf, Refusal> {
    let path = folder.join(FILE);
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
