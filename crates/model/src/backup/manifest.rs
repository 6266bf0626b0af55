//! What a snapshot holds, counted and hashed while it was made, so that a restore can be compared.
//!
//! Leaves out counting.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Written into each snapshot as `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestV1 {
    /// A label; nothing is decided by it.
    pub at: Timestamp,
    pub service: String,
    pub recipe: String,
    pub host: String,
    /// Of the service's package, as dpkg has it.
    pub version: Option<String>,
    pub database: Option<DatabaseV1>,
    /// Files below the service's paths.
    pub files: FilesV1,
    /// `tool → version`, as `pg_dump → 15.18`.
    pub tools: BTreeMap<String, String>,
    pub milliseconds: u64,
}

/// A database, as of the one snapshot that the dump was made from, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseV1 {
    pub engine: String,
    pub name: String,
    /// The server's version, as `15.18`.
    pub version: String,
    /// Keyed hash over tables, columns, indexes, constraints, functions, triggers and views.
    pub schema: String,
    /// `extension → version`.
    pub extensions: BTreeMap<String, String>,
    pub roles: Vec<String>,
    /// `schema.table → what it holds`.
    pub tables: BTreeMap<String, TableV1>,
    /// Of the dump's file.
    pub dump_bytes: u64,
    /// SHA-256 of the dump's file.
    pub dump_sum: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableV1 {
    pub rows: u64,
    /// Keyed hash over a sample of rows that the key chooses.
    pub sample: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesV1 {
    pub count: u64,
    pub bytes: u64,
}
