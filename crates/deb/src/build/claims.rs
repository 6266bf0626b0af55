//! No two packages of a build may claim one path.
//!
//! Leaves out packages of others, which dpkg holds against each other at installation.

use std::collections::BTreeMap;

use model::layout::{Content, Layout, MadeKind};

use crate::build::error::Error;

/// A package, and the paths that it takes by `dpkg-divert`.
pub struct Claimant<'a> {
    pub layout: &'a Layout,
    pub diverted: Vec<String>,
}

/// What is claimed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    File,
    /// Shared with other folders.
    Folder,
    Data,
    Database,
}

/// Holds all packages against each other.
///
/// # Errors
/// The first path that two claim. Not if one replaces the other or conflicts with it, if one
/// diverts the path, or if they are one package for two architectures.
pub fn hold(claimants: &[Claimant]) -> Result<(), Error> {
    let mut known: BTreeMap<String, Vec<(usize, Claim)>> = BTreeMap::new();
    for (index, claimant) in claimants.iter().enumerate() {
        for (path, claim) in claims(claimant.layout) {
            let others = known.entry(path.clone()).or_default();
            for (other, theirs) in others.iter() {
                let (one, other) = (&claimants[*other], claimant);
                if let Some(what) = contradict(*theirs, claim)
                    && !agreed(one, other, &path)
                {
                    return Err(Error::Claim {
                        one: one.layout.package.clone(),
                        other: other.layout.package.clone(),
                        what,
                        path,
                    });
                }
            }
            if !others.contains(&(index, claim)) {
                others.push((index, claim));
            }
        }
    }
    Ok(())
}

fn contradict(one: Claim, other: Claim) -> Option<&'static str> {
    match (one, other) {
        (Claim::Folder, Claim::Folder | Claim::Data) | (Claim::Data, Claim::Folder) => None,
        (Claim::Data, Claim::Data) => Some("this data, which purging either deletes"),
        (Claim::Database, Claim::Database) => Some("this database"),
        (Claim::Database, _) | (_, Claim::Database) => None,
        _ => Some("this path"),
    }
}

fn agreed(one: &Claimant, other: &Claimant, path: &str) -> bool {
    let diverts =
        |claimant: &Claimant| claimant.diverted.iter().any(|diverted| physical(diverted) == path);
    one.layout.package == other.layout.package
        || names(one.layout, &other.layout.package)
        || names(other.layout, &one.layout.package)
        || diverts(one)
        || diverts(other)
}

/// Whether a package replaces another or cannot be there beside it.
fn names(layout: &Layout, package: &str) -> bool {
    let fields =
        layout.control.iter().filter(|(name, _)| matches!(name.as_str(), "Replaces" | "Conflicts"));
    fields
        .flat_map(|(_, relations)| relations.split([',', '|']))
        .filter_map(|relation| relation.split([' ', '(', ':']).find(|word| !word.is_empty()))
        .any(|name| name == package)
}

fn claims(layout: &Layout) -> Vec<(String, Claim)> {
    let mut claims = Vec::new();
    for entry in &layout.entries {
        let path = physical(&entry.path);
        for (at, _) in path.match_indices('/').skip(1) {
            claims.push((path[..at].to_owned(), Claim::Folder));
        }
        let folder = entry.content == Content::Folder;
        claims.push((path, if folder { Claim::Folder } else { Claim::File }));
    }
    for made in &layout.made {
        match made.kind {
            MadeKind::Directory | MadeKind::Secret => {
                claims.push((physical(&made.name), Claim::Data));
            }
            MadeKind::Database => claims.push((made.name.clone(), Claim::Database)),
            // Some services share a user on purpose.
            MadeKind::User => {}
        }
    }
    claims.sort();
    claims.dedup();
    claims
}

/// On Debian `/lib` is a link to `/usr/lib`, and so are some more: one place with two names.
fn physical(path: &str) -> String {
    let path = path.trim_end_matches('/');
    let merged = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
    let below =
        |folder: &&str| path.strip_prefix(*folder).is_some_and(|rest| rest.starts_with('/'));
    if merged.iter().any(below) { format!("/usr{path}") } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use model::layout::{Entry, Made, Origin};

    use super::*;

    fn package(name: &str, paths: &[&str], relation: &[(&str, &str)]) -> Layout {
        let from = Origin { file: "recipe.toml".to_owned(), line: 1 };
        let entry = |path: &&str| Entry {
            path: path.trim_end_matches('/').to_owned(),
            content: if path.ends_with('/') { Content::Folder } else { Content::Text(Vec::new()) },
            mode: 0o644,
            owner: "root".to_owned(),
            group: "root".to_owned(),
            conffile: path.starts_with("/etc/"),
            from: from.clone(),
        };
        let field = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Layout {
            package: name.to_owned(),
            version: "1-1".to_owned(),
            architecture: "all".to_owned(),
            control: relation.iter().map(field).collect(),
            entries: paths.iter().map(entry).collect(),
            made: Vec::new(),
            units: Vec::new(),
            scripts: Vec::new(),
            watches: Vec::new(),
            acts: Vec::new(),
        }
    }

    fn held(one: &Layout, other: &Layout) -> Result<(), String> {
        let claimant = |layout| Claimant { layout, diverted: Vec::new() };
        hold(&[claimant(one), claimant(other)]).map_err(|error| error.to_string())
    }

    #[test]
    fn a_conffile_of_two_packages_stops_the_build() {
        let one = package("chat", &["/etc/chat.conf", "/usr/bin/chat"], &[]);
        let other = package("talk", &["/etc/chat.conf"], &[]);
        assert_eq!(
            held(&one, &other).expect_err("one path"),
            "chat and talk both claim this path, so that only one could be installed: /etc/chat.conf"
        );
        assert_eq!(held(&one, &package("talk", &["/etc/chat.d/x", "/usr/bin/talk"], &[])), Ok(()));
    }

    #[test]
    fn lib_and_usr_lib_are_one_place() {
        let one = package("chat", &["/lib/systemd/system/x.service"], &[]);
        let other = package("talk", &["/usr/lib/systemd/system/x.service"], &[]);
        assert!(
            held(&one, &other)
                .expect_err("one path")
                .ends_with("/usr/lib/systemd/system/x.service")
        );
        let library = package("talk", &["/library/systemd/system/x.service"], &[]);
        assert_eq!(held(&one, &library), Ok(()));
    }

    #[test]
    fn folders_are_shared_and_no_file_may_be_where_one_is() {
        let one = package("chat", &["/usr/share/x/", "/usr/share/x/a"], &[]);
        assert_eq!(held(&one, &package("talk", &["/usr/share/x/", "/usr/share/x/b"], &[])), Ok(()));
        assert!(held(&one, &package("talk", &["/usr/share/x"], &[])).is_err());
        assert!(held(&package("talk", &["/usr/share"], &[]), &one).is_err());
    }

    #[test]
    fn who_replaces_or_diverts_or_is_the_same_package_may() {
        let one = package("chat", &["/usr/bin/x"], &[]);
        for relation in [("Replaces", "other, chat (<< 2)"), ("Conflicts", "chat")] {
            assert_eq!(held(&one, &package("talk", &["/usr/bin/x"], &[relation])), Ok(()));
        }
        assert!(held(&one, &package("talk", &["/usr/bin/x"], &[("Replaces", "chatter")])).is_err());
        assert_eq!(held(&one, &package("chat", &["/usr/bin/x"], &[])), Ok(()));
        let talk = package("talk", &["/usr/bin/x"], &[]);
        let claimants = [
            Claimant { layout: &one, diverted: Vec::new() },
            Claimant { layout: &talk, diverted: vec!["/bin/x".to_owned()] },
        ];
        assert!(hold(&claimants).is_ok());
    }

    #[test]
    fn data_of_two_packages_would_be_purged_by_either() {
        let data = |name: &str| {
            let made = Made {
                kind: MadeKind::Directory,
                name: "/var/lib/chat".to_owned(),
                owner: None,
                group: None,
                mode: None,
                from: Origin { file: "recipe.toml".to_owned(), line: 1 },
            };
            Layout { made: vec![made], ..package(name, &[], &[]) }
        };
        assert!(held(&data("chat"), &data("talk")).expect_err("one path").contains("purging"));
    }
}
