//! What a dump leaves in the staging folder.
//!
//! Leaves out making it.

use std::collections::BTreeMap;

use model::backup::manifest::DatabaseV1;

/// The dump: pg_dump's custom format, not compressed, or a SQLite database.
pub const FILE: &str = "database.dump";

/// The roles of a PostgreSQL database, as SQL.
pub const GLOBALS: &str = "globals.sql";

/// A dump that was proved whole.
#[derive(Debug)]
pub struct Dumped {
    pub database: DatabaseV1,
    /// `tool → version`.
    pub tools: BTreeMap<String, String>,
}
