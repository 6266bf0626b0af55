//! `package-lock.json`, versions 2 and 3: which packages go where.
//!
//! Leaves out fetching them. The format:
//! <https://docs.npmjs.com/cli/v10/configuring-npm/package-lock-json>.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Deserialize;

use crate::source::npm::platform::{Platform, admits};
use crate::source::tree::normal;

/// The file; other keys are npm's own business.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    lockfile_version: u32,
    #[serde(default)]
    packages: BTreeMap<String, Package>,
}

/// A package of the lock, by its place (`node_modules/a/node_modules/b`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Package {
    pub name: Option<String>,
    pub version: Option<String>,
    pub resolved: Option<String>,
    pub integrity: Option<String>,
    pub dev: bool,
    pub optional: bool,
    pub link: bool,
    pub in_bundle: bool,
    pub has_install_script: bool,
    #[serde(deserialize_with = "words")]
    pub os: Vec<String>,
    #[serde(deserialize_with = "words")]
    pub cpu: Vec<String>,
    #[serde(deserialize_with = "words")]
    pub libc: Vec<String>,
    dependencies: BTreeMap<String, String>,
    optional_dependencies: BTreeMap<String, String>,
    peer_dependencies: BTreeMap<String, String>,
}

/// What is wrong with a lock: about which package, and what.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub package: String,
    pub why: String,
}

impl Lock {
    /// Reads the text.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The packages that the root needs on a machine, by their place, in its order: what is for
    /// development, for other machines, or needed by nobody is left out.
    pub fn needed(&self, platform: Option<Platform>) -> Result<BTreeMap<&str, &Package>, Fault> {
        let fault = |package: &str, why: String| Fault { package: package.to_owned(), why };
        if !matches!(self.lockfile_version, 2 | 3) {
            let why = format!(
                "lockfileVersion {} is not read; `npm install --package-lock-only` of npm 7 or later \
                 writes 3",
                self.lockfile_version
            );
            return Err(fault("package-lock.json", why));
        }
        let Some(root) = self.packages.get("") else {
            return Err(fault("package-lock.json", "it has no root package".to_owned()));
        };
        let mut needed = BTreeMap::new();
        let mut left_out = BTreeSet::new();
        let mut queue = VecDeque::from([("", root)]);
        while let Some((place, package)) = queue.pop_front() {
            let required = package.dependencies.keys().map(|name| (name, true));
            let optional = package.optional_dependencies.keys().map(|name| (name, false));
            let peers = package.peer_dependencies.keys().map(|name| (name, false));
            for (name, required) in required.chain(optional).chain(peers) {
                let is_required = required && !package.optional_dependencies.contains_key(name);
                let Some((place, found)) = self.resolve(place, name) else {
                    if is_required {
                        let why = format!("the lock has no `{name}`, which it needs");
                        return Err(fault(if place.is_empty() { "the root" } else { place }, why));
                    }
                    continue;
                };
                if needed.contains_key(place) || left_out.contains(place) {
                    continue;
                }
                if !fits(found, platform) {
                    if is_required && !found.optional {
                        let why = "it is not for this architecture".to_owned();
                        return Err(fault(place, why));
                    }
                    left_out.insert(place);
                    continue;
                }
                if normal(place.as_bytes()).as_deref() != Some(place)
                    || !place.starts_with("node_modules/")
                {
                    return Err(fault(place, "its place is not below node_modules".to_owned()));
                }
                if found.link {
                    return Err(fault(place, "it is a link to a folder".to_owned()));
                }
                needed.insert(place, found);
                queue.push_back((place, found));
            }
        }
        Ok(needed)
    }

    /// Where node would find a package that one at `from` asks for.
    fn resolve(&self, from: &str, name: &str) -> Option<(&str, &Package)> {
        let mut at = from;
        loop {
            let place = match at {
                "" => format!("node_modules/{name}"),
                at => format!("{at}/node_modules/{name}"),
            };
            if let Some((place, package)) = self.packages.get_key_value(&place) {
                return Some((place, package));
            }
            if at.is_empty() {
                return None;
            }
            at = at.rfind("/node_modules/").map_or("", |end| &at[..end]);
        }
    }
}

impl Package {
    /// The package's own name, which an alias' place does not have.
    pub fn own_name<'a>(&'a self, place: &'a str) -> &'a str {
        let last = place.rfind("node_modules/").map_or(place, |at| &place[at + 13..]);
        self.name.as_deref().unwrap_or(last)
    }
}

fn fits(package: &Package, platform: Option<Platform>) -> bool {
    admits(&package.os, Some("linux"))
        && admits(&package.cpu, platform.map(|platform| platform.cpu))
        && admits(&package.libc, Some("glibc"))
}

/// A list, or a single word, as some packages have it.
fn words<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Option::<Words>::deserialize(from)? {
        Some(Words::One(word)) => vec![word],
        Some(Words::Many(words)) => words,
        None => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOCK: &str = r#"{"lockfileVersion": 3, "packages": {
        "": {"dependencies": {"a": "1"}, "devDependencies": {"d": "1"}, "optionalDependencies": {"m": "1"}},
        "node_modules/a": {"dependencies": {"b": "1", "c": "1"}, "version": "1.0.0"},
        "node_modules/a/node_modules/b": {"version": "2.0.0"},
        "node_modules/b": {"version": "1.0.0"},
        "node_modules/c": {"dependencies": {"b": "1"}, "cpu": ["x64"]},
        "node_modules/d": {"dev": true},
        "node_modules/m": {"optional": true, "os": ["darwin"], "dependencies": {"n": "1"}},
        "node_modules/n": {"optional": true}
    }}"#;

    fn places(lock: &str, architecture: &str) -> Result<Vec<String>, Fault> {
        let lock = Lock::parse(lock).unwrap();
        let needed = lock.needed(Platform::of(architecture))?;
        Ok(needed.into_keys().map(str::to_owned).collect())
    }

    #[test]
    fn only_what_the_root_needs_on_this_machine_is_taken() {
        assert_eq!(
            places(LOCK, "amd64").unwrap(),
            ["node_modules/a", "node_modules/a/node_modules/b", "node_modules/b", "node_modules/c"]
        );
    }

    #[test]
    fn a_needed_package_of_another_machine_is_an_error() {
        let fault = places(LOCK, "arm64").unwrap_err();
        assert_eq!(fault.package, "node_modules/c");
        assert_eq!(places(LOCK, "all").unwrap_err().package, "node_modules/c");
    }

    #[test]
    fn a_lock_with_holes_or_an_old_form_is_refused() {
        let hole = r#"{"lockfileVersion": 3, "packages": {"": {"dependencies": {"a": "1"}}}}"#;
        assert_eq!(places(hole, "amd64").unwrap_err().why, "the lock has no `a`, which it needs");
        let old = r#"{"lockfileVersion": 1}"#;
        assert!(places(old, "amd64").unwrap_err().why.contains("npm 7"));
        let out = r#"{"lockfileVersion": 3, "packages": {"": {"dependencies": {"../../x": "1"}},
            "node_modules/../../x": {}}}"#;
        assert!(places(out, "amd64").unwrap_err().why.contains("not below"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            if let Ok(lock) = Lock::parse(&text) {
                let _ = lock.needed(Platform::of("amd64"));
            }
        }
    }
}
