//! What a snapshot holds, counted and hashed while it was made, so that a restore can be compared.
//!
//! Leaves out counting, and comparing, which `difference` does.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::text::printable;

/// The manifest's name in a snapshot.
pub const FILE: &str = "manifest.json";

/// The longest that is read of one, in bytes: a damaged or hostile repository may hold anything.
pub const LONGEST: usize = 64 << 20;

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
    /// `postgresql` or `sqlite`.
    pub engine: String,
    pub name: String,
    /// The server's version, as `15.18`.
    pub version: String,
    /// How PostgreSQL makes such a database anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<MadeV1>,
    /// Random, chosen for each backup: every hash below depends on it.
    pub key: i64,
    /// Hash over all of `objects`.
    pub schema: String,
    /// `kind name → hash of its definition`, as `function public.f(integer)`.
    pub objects: BTreeMap<String, String>,
    /// `extension → version`.
    pub extensions: BTreeMap<String, String>,
    /// Those that own something in the database or are granted something.
    pub roles: Vec<String>,
    /// What each of them may do, and whether it has a password; of an older manifest nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rights: BTreeMap<String, RoleV1>,
    /// `schema.table → what it holds`, quoted as SQL needs it; parts of partitioned tables each by
    /// themselves.
    pub tables: BTreeMap<String, TableV1>,
    /// Read before the dump began: a sequence is part of no snapshot, and may be ahead in the dump.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sequences: BTreeMap<String, SequenceV1>,
    /// Of the dump's file.
    pub dump_bytes: u64,
    /// SHA-256 of the dump's file.
    pub dump_sum: String,
}

/// What `CREATE DATABASE` is told, and what is set and granted on the database itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeV1 {
    pub owner: String,
    /// As `UTF8`.
    pub encoding: String,
    pub collate: String,
    pub ctype: String,
    /// ICU's locale, if ICU collates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icu_locale: Option<String>,
    /// `ALTER DATABASE … SET`: `role → name=value`; the empty role is everybody.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Vec<String>>,
    /// `role → privileges`; the empty role is everybody. Missing: PostgreSQL's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileges: Option<BTreeMap<String, Vec<String>>>,
}

/// A role of PostgreSQL. Its password is in the dump's globals alone, never here, not even hashed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleV1 {
    /// As `CREATE ROLE` takes them: `LOGIN INHERIT CONNECTION LIMIT -1`.
    pub attributes: String,
    /// The roles it is a member of, with what was said besides.
    pub member_of: Vec<String>,
    /// `ALTER ROLE … SET`, as `name=value`.
    pub settings: Vec<String>,
    pub password: PasswordV1,
}

/// Whether a role has a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordV1 {
    None,
    Scram,
    Md5,
    /// Only a superuser may read them, and none let us in.
    #[default]
    Unread,
}

impl PasswordV1 {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Scram => "SCRAM",
            Self::Md5 => "MD5",
            Self::Unread => "not read",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableV1 {
    pub rows: u64,
    /// Sum over all rows of each row's keyed hash, so that their order does not matter.
    pub hash: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceV1 {
    pub value: i64,
    /// Whether `value` itself was given out.
    pub called: bool,
    /// Negative if it counts down.
    pub step: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesV1 {
    pub count: u64,
    pub bytes: u64,
    /// Whether nothing changed between counting and saving; else a copy has about as much.
    #[serde(default)]
    pub exact: bool,
}

/// Reads a manifest's text, which may come from a damaged or hostile repository.
///
/// The error is one line that names the place; nothing of the text harms a terminal.
pub fn read(text: &[u8]) -> Result<ManifestV1, String> {
    if text.len() > LONGEST {
        return Err(format!("{FILE}: {} bytes long, at most {LONGEST} are read", text.len()));
    }
    serde_json::from_slice(text)
        .map_err(|error| format!("{FILE}: {}", printable(&error.to_string(), 300)))
}

impl ManifestV1 {
    /// Rows of all tables; saturating, since the counts may come from anywhere.
    pub fn rows(&self) -> u64 {
        let tables = self.database.iter().flat_map(|database| database.tables.values());
        tables.fold(0, |sum, table| sum.saturating_add(table.rows))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: &str = r#"{"at": "2026-11-20T19:42:01Z", "service": "chat", "recipe": "synapse",
"host": "runko", "version": null, "database": null, "files": {"count": 1, "bytes": 2},
"tools": {}, "milliseconds": 3}"#;

    #[test]
    fn what_is_wrong_with_a_manifest_is_said_with_its_place() {
        assert_eq!(read(SMALL.as_bytes()).unwrap().files.count, 1);
        let fault = |text: &str| read(text.as_bytes()).unwrap_err();
        assert_eq!(
            fault(&SMALL.replace("\"count\": 1", "\"count\": -1")),
            "manifest.json: invalid value: integer `-1`, expected u64 at line 2 column 73"
        );
        let hostile = fault(&SMALL.replace("\"count\": 1", "\"count\": \"\\u001b[2J\\u202e\""));
        assert!(hostile.contains("\\u{1b}[2J\\u{202e}"), "{hostile}");
        assert!(fault(&"[".repeat(100_000)).starts_with("manifest.json: "));
        assert!(fault("").contains("EOF while parsing"));
        assert!(read(&vec![b' '; LONGEST + 1]).unwrap_err().contains("at most"));
    }

    proptest! {
        #[test]
        fn no_text_is_more_than_an_error(cut in 0..SMALL.len(), bytes in proptest::collection::vec(any::<u8>(), 0..8)) {
            let mut text = SMALL.as_bytes().to_vec();
            text.splice(cut..(cut + 4).min(SMALL.len()), bytes);
            if let Err(fault) = read(&text) {
                prop_assert!(fault.starts_with("manifest.json: "));
                prop_assert_eq!(printable(&fault, usize::MAX), fault);
            }
        }
    }

    #[test]
    fn rows_that_no_table_can_have_do_not_overflow() {
        let mut manifest = read(SMALL.as_bytes()).unwrap();
        let table = TableV1 { rows: u64::MAX, hash: String::new() };
        let tables = ["a", "b"].map(|name| (name.to_owned(), table.clone()));
        manifest.database = Some(DatabaseV1 {
            engine: String::new(),
            name: String::new(),
            version: String::new(),
            made: None,
            key: 0,
            schema: String::new(),
            objects: BTreeMap::new(),
            extensions: BTreeMap::new(),
            roles: Vec::new(),
            rights: BTreeMap::new(),
            tables: BTreeMap::from(tables),
            sequences: BTreeMap::new(),
            dump_bytes: 0,
            dump_sum: String::new(),
        });
        assert_eq!(manifest.rows(), u64::MAX);
    }
}
