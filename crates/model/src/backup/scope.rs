//! What is taken of one service on one host, with the recipe's settings filled in.
//!
//! Leaves out how it is read.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::host_name::HostName;
use crate::recipe::care::{Backup, Database, Engine, Keep};
use crate::recipe::definition::Recipe;
use crate::recipe::fault::Fault;
use crate::recipe::lines::FILE;
use crate::recipe::template;
use crate::recipe::values::Values;

/// Everything that a backup, a restore or a drill needs to know of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The service's name in the plan, as `chat`.
    pub service: String,
    /// The recipe's name and so its package's, as `synapse`.
    pub recipe: String,
    /// The host it runs on, as the plan names it.
    pub host: String,
    /// Its owner is always filled in for PostgreSQL.
    pub database: Option<Database>,
    /// Absolute paths of files and folders.
    pub paths: Vec<String>,
    /// Absolute paths or globs that are left out.
    pub exclude: Vec<String>,
    /// Units stopped while files are read, and for how many seconds at most.
    pub quiesce: Vec<String>,
    pub quiesce_seconds: Option<u32>,
    /// The units that run the service: the recipe's own in its order, then those of other packages
    /// that its checks ask for. What nobody starts is not among them.
    pub units: Vec<String>,
    pub period_hours: u32,
    pub keep: Keep,
}

impl Scope {
    /// What the recipe says, with the settings of this service filled in.
    ///
    /// # Errors
    /// If a text of the recipe cannot be filled in; the fault names the recipe's file.
    pub fn of(
        recipe: &Recipe,
        values: &Values,
        service: &str,
        host: &HostName,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut fill = |text: &String| match template::render(text, recipe, values) {
            Ok(text) => text,
            Err(error) => {
                faults.push(error.fault(FILE, 0));
                String::new()
            }
        };
        // A database without `[backup]` is taken all the same, with the usual period.
        let usual = Backup {
            paths: Vec::new(),
            exclude: Vec::new(),
            quiesce: Vec::new(),
            quiesce_seconds: None,
            period_hours: 24,
            keep: Keep::default(),
        };
        let backup = recipe.backup.as_ref().unwrap_or(&usual);
        let database = recipe.database.clone().map(|mut database| {
            database.name = fill(&database.name);
            if database.engine == Engine::Postgresql {
                database.owner = database.owner.or_else(|| recipe.package.user.clone());
            }
            database
        });
        let scope = Self {
            service: service.to_owned(),
            recipe: recipe.name.clone(),
            host: host.to_string(),
            database,
            paths: backup.paths.iter().map(&mut fill).collect(),
            exclude: backup.exclude.iter().map(&mut fill).collect(),
            quiesce: backup.quiesce.clone(),
            quiesce_seconds: backup.quiesce_seconds,
            units: units(recipe, &backup.quiesce),
            period_hours: backup.period_hours,
            keep: backup.keep,
        };
        if faults.is_empty() { Ok(scope) } else { Err(faults) }
    }

    /// Whether one of the paths is this absolute path or a folder above it.
    pub fn holds(&self, path: &Path) -> bool {
        self.paths.iter().any(|own| path.starts_with(own))
    }

    /// Whether a path, with all below it, is left out of backups.
    ///
    /// A glob without a slash is compared with the path's last part, any other with the whole
    /// path. `*` and `?` stay within one part, `**` does not.
    pub fn leaves_out(&self, path: &Path) -> bool {
        let whole = path.as_os_str().as_encoded_bytes();
        let name = path.file_name().map_or(&b""[..], |name| name.as_encoded_bytes());
        self.exclude.iter().any(|glob| {
            let glob = glob.trim_end_matches('/').as_bytes();
            fits(glob, if glob.contains(&b'/') { whole } else { name })
        })
    }
}

fn units(recipe: &Recipe, quiesce: &[String]) -> Vec<String> {
    let own = recipe.units.iter().filter(|unit| unit.drop_in || unit.enable || unit.start);
    let asked = recipe.checks.iter().filter_map(|check| check.unit.as_ref());
    let mut units: Vec<String> = Vec::new();
    for unit in own.map(|unit| &unit.name).chain(quiesce).chain(asked) {
        if !units.contains(unit) {
            units.push(unit.clone());
        }
    }
    units
}

/// Whether a text fits a glob.
fn fits(glob: &[u8], text: &[u8]) -> bool {
    match glob {
        [] => text.is_empty(),
        [b'*', b'*', rest @ ..] => (0..=text.len()).any(|from| fits(rest, &text[from..])),
        [b'*', rest @ ..] => {
            let part = text.iter().position(|byte| *byte == b'/').unwrap_or(text.len());
            (0..=part).any(|from| fits(rest, &text[from..]))
        }
        [b'?', rest @ ..] => {
            text.first().is_some_and(|byte| *byte != b'/') && fits(rest, &text[1..])
        }
        [byte, rest @ ..] => text.first() == Some(byte) && fits(rest, &text[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_left_out_by_its_own_text_or_by_a_glob() {
        let scope = |globs: &[&str]| Scope {
            exclude: globs.iter().map(|&glob| glob.to_owned()).collect(),
            ..example()
        };
        let out = |globs: &[&str], path: &str| scope(globs).leaves_out(Path::new(path));
        assert!(out(&["/var/lib/x/cache"], "/var/lib/x/cache"));
        assert!(out(&["/var/lib/x/cache/"], "/var/lib/x/cache"));
        assert!(!out(&["/var/lib/x/cache"], "/var/lib/x/cached"));
        assert!(out(&["*.tmp"], "/var/lib/x/a.tmp"));
        assert!(!out(&["*.tmp"], "/var/lib/x.tmp/a"));
        assert!(out(&["/var/lib/*/cache"], "/var/lib/x/cache"));
        assert!(!out(&["/var/lib/*/cache"], "/var/lib/x/y/cache"));
        assert!(out(&["/var/**/cache"], "/var/lib/x/y/cache"));
        assert!(!out(&[], "/var"));
    }

    #[test]
    fn a_path_holds_itself_and_what_is_below_it() {
        let mut scope = example();
        let folder = Path::new("/var/lib/chat");
        for (paths, holds) in [
            (&["/etc/chat", "/var/lib/chat/"][..], true),
            (&["/var/lib"], true),
            (&["/var/lib/chat/media"], false),
            (&["/var/lib/chat/chat.db"], false),
            (&["/var/lib/cha"], false),
            (&[], false),
        ] {
            scope.paths = paths.iter().map(|path| (*path).to_owned()).collect();
            assert_eq!(scope.holds(folder), holds, "{paths:?}");
        }
    }

    fn example() -> Scope {
        Scope {
            service: "chat".to_owned(),
            recipe: "synapse".to_owned(),
            host: "runko".to_owned(),
            database: None,
            paths: Vec::new(),
            exclude: Vec::new(),
            quiesce: Vec::new(),
            quiesce_seconds: None,
            units: Vec::new(),
            period_hours: 24,
            keep: Keep::default(),
        }
    }
}
