//! PostgreSQL's own programs, as old as the server or newer.
//!
//! Leaves out Debian's wrapper in /usr/bin, which chooses by cluster what we choose by version.

use std::fs;
use std::path::{Path, PathBuf};

use crate::postgres::cluster::Cluster;
use crate::program;
use crate::refusal::Refusal;

/// Where Debian has them, in a folder for each major version.
const ALL: &str = "/usr/lib/postgresql";

/// `pg_dump` or `pg_restore`.
pub(crate) struct Tool {
    pub(crate) path: PathBuf,
    /// As `15.18`.
    pub(crate) version: String,
}

impl Tool {
    /// The one that fits a server of this major version best.
    pub(crate) fn find(
        name: &'static str,
        cluster: &Cluster,
        server: u32,
    ) -> Result<Self, Refusal> {
        let path = match &cluster.tools {
            Some(folder) => folder.join(name),
            None => installed(Path::new(ALL), name, server)
                .ok_or(Refusal::NoTool { tool: name, server })?,
        };
        let said = program::read(&path, &["--version"], 4096)?;
        // `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`
        let version = said.split_whitespace().nth(2).unwrap_or_default().to_owned();
        if major(&version).is_none_or(|tool| tool < server) {
            return Err(Refusal::OldTool { tool: name.to_owned(), version, server });
        }
        Ok(Self { path, version })
    }
}

/// The server's own version if it is there, else the next newer one, else an older one.
fn installed(folder: &Path, name: &str, server: u32) -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            let path = entry.path().join("bin").join(name);
            path.is_file().then_some((version, path))
        })
        .collect();
    found.sort();
    let fits = found.iter().find(|(version, _)| *version >= server).or(found.last());
    fits.map(|(_, path)| path.clone())
}

/// `15` of `15.18`, `17beta1` or `16devel`.
pub(crate) fn major(version: &str) -> Option<u32> {
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_tool_is_taken_then_a_newer_then_an_older_one() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["9.6", "13", "15", "17"] {
            let bin = folder.path().join(version).join("bin");
            fs::create_dir_all(&bin).unwrap();
            fs::write(bin.join("pg_dump"), "").unwrap();
        }
        let of = |server| installed(folder.path(), "pg_dump", server).unwrap();
        assert!(of(15).ends_with("15/bin/pg_dump"));
        assert!(of(16).ends_with("17/bin/pg_dump"));
        assert!(of(18).ends_with("17/bin/pg_dump"));
        assert_eq!(installed(folder.path(), "pg_restore", 15), None);
        assert_eq!(major("17beta1"), Some(17));
        assert_eq!(major("?"), None);
    }
}
