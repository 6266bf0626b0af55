//! Why a service's data was not taken, or not brought back, each naming its object.
//!
//! Leaves out what a repository or its target refuses, which is `error`'s.

use std::io;
use std::path::{Path, PathBuf};

use model::text::printable;

/// The longest text of another program that is shown.
const WORDS: usize = 600;

/// Data could not be taken or brought back; nothing of it was kept half done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("there is no system user `{}`, as whom PostgreSQL would let that role in", p(.name))]
    NoUser { name: String },
    #[error("cannot read the system's users")]
    Users { source: io::Error },
    #[error("PostgreSQL at {} does not let {} into the database {}: {}", at(.socket), p(.role), p(.database), p(.words))]
    Connect {
        socket: PathBuf,
        role: String,
        database: String,
        words: String,
        state: Option<String>,
    },
    #[error("no PostgreSQL in {} has the database {} for {}: {}", at(.folder), p(.database), p(.role), p(.words))]
    NoDatabase { folder: PathBuf, database: String, role: String, words: String },
    #[error("there is a database {} already", p(.database))]
    DatabaseExists { database: String },
    #[error("PostgreSQL does not {}: {}", p(.what), p(.words))]
    Ask { what: String, words: String },
    #[error("there is no {tool} for PostgreSQL {server}")]
    NoTool { tool: &'static str, server: u32 },
    #[error("{tool} is of version {version}, older than the server's {server}")]
    OldTool { tool: String, version: String, server: u32 },
    #[error("cannot run {}", p(.program))]
    Run { program: String, source: io::Error },
    #[error("{} ended with {}: {}", p(.program), p(.status), p(.words))]
    Failed { program: String, status: String, words: String },
    #[error("the dump {} is not whole: {}", at(.path), p(.fault))]
    Dump { path: PathBuf, fault: String },
    #[error("the dump could not be read to its end")]
    Unproved,
    #[error("the dump {} is not the one that the manifest counted: {}", at(.path), p(.fault))]
    OtherDump { path: PathBuf, fault: String },
    #[error("SQLite does not {} {}: {}", p(.what), at(.path), p(.words))]
    Sqlite { what: &'static str, path: PathBuf, words: String },
    #[error("{} is no SQLite database that can be taken: {}", at(.path), p(.fault))]
    NoSqlite { path: PathBuf, fault: String },
    #[error("cannot {what} {}", at(.path))]
    Local { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{}: {}", at(.path), p(.fault))]
    Manifest { path: PathBuf, fault: String },
    #[error("the service's path {} does not exist", at(.path))]
    Absent { path: PathBuf },
    #[error("{} needs {} for the dump, and {} are free", at(.path), model::text::bytes(*.needed), model::text::bytes(*.free))]
    NoRoom { path: PathBuf, needed: u64, free: u64 },
    #[error("another backup of {} is under way", p(.service))]
    Busy { service: String },
    #[error("systemd does not {} {}: {}", .act, p(.units), p(.words))]
    Unit { act: &'static str, units: String, words: String },
    #[error("{} would have rested for longer than {seconds} s and was started again: the backup was cut short", p(.units))]
    CutShort { units: String, seconds: u32 },
}

impl Refusal {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoUser { .. } => {
                "set `owner` in the recipe's [database] to a role that is a system user, too"
                    .to_owned()
            }
            Self::Connect { .. } | Self::NoDatabase { .. } => {
                "look with `pg_lsclusters` whether it runs, and with `runuser -u postgres -- psql -l` \
                 who owns what; the plan's service says database and owner"
                    .to_owned()
            }
            Self::DatabaseExists { .. } => {
                "a restore never overwrites: give another name, or rename or drop that one first"
                    .to_owned()
            }
            Self::NoTool { server, .. } | Self::OldTool { server, .. } => {
                format!("`apt install postgresql-client-{server}`")
            }
            Self::NoRoom { .. } => {
                "make room there: the dump lies there, not compressed, until it is saved".to_owned()
            }
            Self::Absent { .. } => {
                "correct `paths` in the recipe's [backup], or install the service first".to_owned()
            }
            Self::Busy { .. } => "wait until it is done".to_owned(),
            Self::CutShort { .. } => {
                "raise `quiesce_seconds` in the recipe, or have less read while it rests".to_owned()
            }
            Self::OtherDump { .. } => "restore an older snapshot".to_owned(),
            _ => return None,
        })
    }
}

fn p(text: &str) -> String {
    printable(text.trim(), WORDS)
}

fn at(path: &Path) -> String {
    format!("`{}`", printable(&path.to_string_lossy(), 1024))
}
