//! The links on disk that make one unit want another: `X.wants/Y`, `X.requires/Y`, `X.upholds/Y`.
//!
//! systemd forgets such a link when `X` does not exist; that is why they are read here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// One link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link {
    /// The unit that wants: `timers.target`.
    pub by: String,
    /// The whole path of the link.
    pub path: String,
    /// Whether it is gone with the next boot and nothing makes it anew.
    pub fleeting: bool,
}

/// The links to units with the given suffix, by the name of the unit they pull in.
pub(crate) fn scan(directories: &[String], suffix: &str) -> BTreeMap<String, BTreeSet<Link>> {
    let mut links: BTreeMap<String, BTreeSet<Link>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for directory in directories {
        // /lib is a link to /usr/lib on a merged system: the same directory must not count twice.
        let Ok(real) = fs::canonicalize(directory) else { continue };
        if !seen.insert(real.clone()) {
            continue;
        }
        let Ok(entries) = fs::read_dir(&real) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(by) = name.to_str().and_then(wanting) else { continue };
            collect(&mut links, &real, by, &entry.path(), suffix);
        }
    }
    links
}

fn collect(
    links: &mut BTreeMap<String, BTreeSet<Link>>,
    directory: &Path,
    by: &str,
    folder: &Path,
    suffix: &str,
) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(unit) = entry.file_name().into_string() else { continue };
        if !unit.ends_with(suffix) {
            continue;
        }
        links.entry(unit).or_default().insert(Link {
            by: by.to_owned(),
            path: entry.path().to_string_lossy().into_owned(),
            fleeting: fleeting(directory),
        });
    }
}

/// The unit whose dependencies a directory of this name holds.
fn wanting(directory: &str) -> Option<&str> {
    [".wants", ".requires", ".upholds"]
        .into_iter()
        .find_map(|suffix| directory.strip_suffix(suffix))
        .filter(|by| by.contains('.'))
}

/// Generators write their directories anew at each boot; the others under `/run` nobody does.
fn fleeting(directory: &Path) -> bool {
    directory.starts_with("/run")
        && !directory.file_name().is_some_and(|n| n.to_string_lossy().starts_with("generator"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_found_even_if_they_dangle() {
        let root = tempfile::tempdir().unwrap();
        let wants = root.path().join("nope.target.wants");
        fs::create_dir(&wants).unwrap();
        symlink("/nowhere/a.timer", wants.join("a.timer")).unwrap();
        symlink("/nowhere/a.service", wants.join("a.service")).unwrap();
        fs::create_dir(root.path().join("x.timer.d")).unwrap();
        let directory = root.path().to_str().unwrap().to_owned();
        let links = scan(&[directory.clone(), directory, "/no/such".to_owned()], ".timer");
        assert_eq!(links.len(), 1);
        let link = links["a.timer"].first().unwrap();
        assert_eq!((link.by.as_str(), link.fleeting), ("nope.target", false));
    }

    #[test]
    fn only_runtime_links_are_fleeting() {
        assert!(fleeting(Path::new("/run/systemd/system")));
        assert!(!fleeting(Path::new("/run/systemd/generator.late")));
        assert!(!fleeting(Path::new("/etc/systemd/system")));
        assert_eq!(wanting("timers.target.wants"), Some("timers.target"));
        assert_eq!(wanting(".wants"), None);
    }
}
