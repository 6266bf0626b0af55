//! What goes wrong in a repository, each naming its object.
//!
//! Leaves out faults that `verify` finds: those are its answer.

use std::io;
use std::path::PathBuf;

use crate::archive;
use crate::control;
use crate::repository::entry::Key;
use crate::signing;

/// Something in a repository could not be done; what was served before is still served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {what} `{path}`")]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("`{path}` is no repository: it has no repository.toml")]
    NotOne { path: PathBuf },
    #[error("there is a repository in `{path}` already")]
    Exists { path: PathBuf },
    #[error("`{path}` is not well-formed")]
    Settings { path: PathBuf, source: Box<toml::de::Error> },
    #[error("{what} `{given}` cannot be used: {expected}")]
    Name { what: &'static str, given: String, expected: &'static str },
    #[error("another process changes the repository `{path}` now")]
    Busy { path: PathBuf },
    #[error("the manifest `{path}` is damaged at byte {offset}: {reason}")]
    Manifest { path: PathBuf, offset: usize, reason: &'static str },
    #[error("the key of the repository")]
    Key { source: signing::Error },
    #[error("the package `{path}` cannot be read")]
    Package { path: PathBuf, source: Box<archive::Error> },
    #[error("the control file of `{path}` is not Debian's")]
    Control { path: PathBuf, source: control::Error },
    #[error("`{path}` holds a file whose name has control characters: `{name}`")]
    FileName { path: PathBuf, name: String },
    #[error("`{path}` is for the architecture {given}; the repository has {known}")]
    Architecture { path: PathBuf, given: String, known: String },
    #[error("the repository has no suite `{given}`; it has {known}")]
    Suite { given: String, known: String },
    #[error(
        "{key} is in the repository with other bytes: `{path}` has SHA-256 {new}, the pool has {old}"
    )]
    Differs { path: PathBuf, key: Box<Key>, new: String, old: String },
    #[error("the repository has no {given}")]
    Unknown { given: String },
    #[error("no version of {package} is sealed, and unsealed ones are removed by name only")]
    Unsealed { package: String },
    #[error("{key} is missing from the pool: `{path}`")]
    Missing { key: Box<Key>, path: String },
    #[error("{key} was changed in the pool: `{path}` has SHA-256 {found}, {expected} was added")]
    Tampered { key: Box<Key>, path: String, found: String, expected: String },
}

impl Error {
    /// What the user can do about it, naming the command.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotOne { path } => {
                format!("`stead repo init {}` makes one there", path.display())
            }
            Self::Busy { .. } => "wait until it is done, and do it again".to_owned(),
            Self::Manifest { path, .. } => format!(
                "bring `{}` back from a backup; or move it away, `stead repo add` the files below \
                 public/pool again, and publish",
                path.display()
            ),
            Self::Key { source: signing::Error::Exposed { path, .. } } => {
                format!("`chmod 600 {}`", path.display())
            }
            Self::Architecture { .. } | Self::Suite { .. } => {
                "repository.toml lists what it has; add it there".to_owned()
            }
            Self::Differs { .. } => {
                "what is published never changes: give the package a new version".to_owned()
            }
            Self::Unsealed { package } => format!(
                "`stead repo seal DIR {package} VERSION` lets a version go; \
                 `stead repo remove DIR {package}=VERSION` takes it out at once"
            ),
            Self::Missing { key, .. } | Self::Tampered { key, .. } => format!(
                "bring the file back, or take the package out: \
                 `stead repo remove DIR {}={}`; clients still see the last publication",
                key.package, key.version
            ),
            _ => return None,
        })
    }

    /// For `map_err` on what the operating system answers.
    pub(crate) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
