//! `[source]`: where the service's own files come from.
//!
//! Leaves out fetching them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Exactly one of `debian`, `url` (or `urls`), `npm`, `pypi`, `git` and `files`; the other keys
/// belong to one of these. [`Source::kind`] gives the one, or what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Source {
    /// A Debian package that does the work; this recipe's package depends on it and adds what is
    /// missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debian: Option<String>,

    /// An archive (`.tar`, `.tar.gz`, `.tar.xz`, `.zip`, `.deb`) or a single file, the same for
    /// every architecture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its SHA-256, 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// One address and sum for each architecture, instead of `url` and `sha256`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub urls: BTreeMap<String, Pinned>,

    /// A package of the npm registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub npm: Option<String>,
    /// A package of the Python index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pypi: Option<String>,
    /// For `npm` a `package-lock.json` (version 2 or 3), for `pypi` a `requirements.txt` with
    /// hashes; a file of the recipe's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// For `pypi`: the Python that Debian has, as `3.11`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// Extras of the Python package, as `postgres`; the lock names their packages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<String>,

    /// A git repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
    /// The full commit, 40 or 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,

    /// A folder inside the recipe's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,

    /// Where the fetched tree goes, absolute; `/usr/lib/<name>` if missing. For `npm` the folder
    /// that gets `node_modules`, for `pypi` the one that gets `bin` and `lib`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// Path components to drop from the front of an archive's names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip: Option<u32>,
    /// Only what matches one of these patterns (`bin/*`, `**/*.js`), all if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Never what matches one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// For `git` and `url`: commands, run once per architecture without network in the unpacked
    /// tree, with `DESTDIR`, `DEB_HOST_ARCH`, `DEB_HOST_GNU_TYPE`, `CC`, `SOURCE_DATE_EPOCH`. What
    /// they put into `$DESTDIR` is packed instead of the tree.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub build: Vec<String>,
}

/// An address and the SHA-256 of what is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    pub url: String,
    pub sha256: String,
}

/// A source with its own keys, and none of another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    Debian { package: &'a str },
    Url { url: &'a str, sha256: &'a str },
    UrlPerArchitecture { urls: &'a BTreeMap<String, Pinned> },
    Npm { package: &'a str, lock: &'a str },
    Pypi { package: &'a str, lock: &'a str, python: &'a str },
    Git { repository: &'a str, commit: &'a str },
    Files { folder: &'a str },
}

/// What is wrong with a `[source]`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    #[error(
        "`[source]` says nothing of where the files come from: it takes one of `debian`, `url`, \
         `urls`, `npm`, `pypi`, `git`, `files`"
    )]
    None,
    #[error("`[source]` has {}: it takes one of them", quoted(.kinds))]
    Several { kinds: Vec<&'static str> },
    #[error("`{kind}` needs `{key}`: {why}")]
    Missing { kind: &'static str, key: &'static str, why: &'static str },
    #[error("`{key}` does not go with `{kind}`")]
    Foreign { kind: &'static str, key: &'static str },
}

impl Error {
    /// The key of `[source]` that it is about; empty for the table itself.
    pub fn key(&self) -> &'static str {
        match self {
            Self::None => "",
            Self::Several { kinds } => kinds.last().copied().unwrap_or_default(),
            Self::Missing { kind, .. } => kind,
            Self::Foreign { key, .. } => key,
        }
    }
}

impl Source {
    /// The one kind of source that it is, with its keys.
    ///
    /// # Errors
    /// The first thing that is wrong; [`Source::faults`] gives all.
    pub fn kind(&self) -> Result<Kind<'_>, Error> {
        if let Some(error) = self.faults().into_iter().next() {
            return Err(error);
        }
        let lock = self.lock.as_deref().unwrap_or_default();
        Ok(if let Some(package) = self.debian.as_deref() {
            Kind::Debian { package }
        } else if let Some(url) = self.url.as_deref() {
            Kind::Url { url, sha256: self.sha256.as_deref().unwrap_or_default() }
        } else if !self.urls.is_empty() {
            Kind::UrlPerArchitecture { urls: &self.urls }
        } else if let Some(package) = self.npm.as_deref() {
            Kind::Npm { package, lock }
        } else if let Some(package) = self.pypi.as_deref() {
            Kind::Pypi { package, lock, python: self.python.as_deref().unwrap_or_default() }
        } else if let Some(repository) = self.git.as_deref() {
            Kind::Git { repository, commit: self.commit.as_deref().unwrap_or_default() }
        } else {
            Kind::Files { folder: self.files.as_deref().unwrap_or_default() }
        })
    }

    /// All that is wrong with which keys there are.
    pub fn faults(&self) -> Vec<Error> {
        let kinds: Vec<&'static str> = [
            ("debian", self.debian.is_some()),
            ("url", self.url.is_some()),
            ("urls", !self.urls.is_empty()),
            ("npm", self.npm.is_some()),
            ("pypi", self.pypi.is_some()),
            ("git", self.git.is_some()),
            ("files", self.files.is_some()),
        ]
        .into_iter()
        .filter_map(|(kind, there)| there.then_some(kind))
        .collect();
        let kind = match kinds[..] {
            [] => return vec![Error::None],
            [kind] => kind,
            _ => return vec![Error::Several { kinds }],
        };
        let mut faults = Vec::new();
        for (key, there, owners, needed, why) in self.keys() {
            if there && !owners.contains(&kind) {
                faults.push(Error::Foreign { kind, key });
            } else if !there && needed && owners.contains(&kind) {
                faults.push(Error::Missing { kind, key, why });
            }
        }
        faults
    }

    /// The keys that belong to some kinds: whether it is there, to which, whether they need it,
    /// and why.
    fn keys(&self) -> [Key; 10] {
        let trees = &["url", "urls", "npm", "pypi", "git", "files"][..];
        let unpacked = &["url", "urls", "git"][..];
        [
            ("sha256", self.sha256.is_some(), &["url"], true, "`sha256sum FILE` prints it"),
            (
                "lock",
                self.lock.is_some(),
                &["npm", "pypi"],
                true,
                "a file of the recipe's folder that pins every package",
            ),
            (
                "python",
                self.python.is_some(),
                &["pypi"],
                true,
                "the Python of the Debian release, `3.11` for bookworm and `3.13` for trixie",
            ),
            ("extras", !self.extras.is_empty(), &["pypi"], false, ""),
            ("commit", self.commit.is_some(), &["git"], true, "`git rev-parse HEAD` prints it"),
            ("into", self.into.is_some(), trees, false, ""),
            ("strip", self.strip.is_some(), &["url", "urls"], false, ""),
            ("include", !self.include.is_empty(), trees, false, ""),
            ("exclude", !self.exclude.is_empty(), trees, false, ""),
            ("build", !self.build.is_empty(), unpacked, false, ""),
        ]
    }
}

type Key = (&'static str, bool, &'static [&'static str], bool, &'static str);

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        toml::from_str(text).expect("valid")
    }

    #[test]
    fn a_source_is_of_one_kind_and_has_its_keys() {
        assert_eq!(source("debian = \"a\"").kind(), Ok(Kind::Debian { package: "a" }));
        assert_eq!(
            source("pypi = \"a\"\nlock = \"l\"\npython = \"3.11\"").kind(),
            Ok(Kind::Pypi { package: "a", lock: "l", python: "3.11" })
        );
        let said = |text: &str| {
            let faults = source(text).faults();
            faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(
            said("debian = \"a\"\ngit = \"b\""),
            "`[source]` has `debian`, `git`: it takes one of them"
        );
        assert_eq!(
            said("git = \"a\"\nsha256 = \"b\""),
            "`sha256` does not go with `git`\n\
             `git` needs `commit`: `git rev-parse HEAD` prints it"
        );
        assert!(said("into = \"/a\"").starts_with("`[source]` says nothing"));
    }
}
