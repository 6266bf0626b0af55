//! What can go wrong with somebody else's repository.
//!
//! Leaves out what is wrong inside of a package index: `index` says that.

use std::io;
use std::path::PathBuf;

use crate::upstream::{apt_sources, release};
use crate::{fetch, index, signing};

/// Addresses in here are printable.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot fetch")]
    Fetch(#[source] Box<fetch::error::Error>),
    #[error("cannot read the keyring `{path}`")]
    Keyring { path: PathBuf, source: io::Error },
    #[error("`{url}` is not signed as its keyring ({keyring}) asks")]
    Signature { url: String, keyring: String, source: Box<signing::Error> },
    #[error("`{url}` cannot be used")]
    Release { url: String, source: Box<release::Error> },
    #[error("`{url}` is another suite: expected {expected}, it says {found}")]
    WrongSuite { url: String, expected: String, found: String },
    #[error(
        "`{url}` was valid until {until}: the mirror is stale, or this machine's clock is wrong"
    )]
    Expired { url: String, until: String },
    #[error("`{url}` lists no packages of `{component}` for {architecture}; {there}")]
    NoIndex { url: String, component: String, architecture: String, there: String },
    #[error("`{url}` is not what `{listing}` lists: expected {expected}, got {got}")]
    Differs { url: String, listing: String, expected: String, got: String },
    #[error("cannot read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot keep the index `{path}`")]
    Keep { path: PathBuf, source: io::Error },
    #[error("cannot use what was read")]
    Index(#[source] Box<index::Error>),
    #[error("cannot read what apt's own sources say")]
    AptSources(#[source] Box<apt_sources::Error>),
    #[error(
        "`{uri}` {suite} is signed by the fingerprint {fingerprint}; name a keyring file in its Signed-By"
    )]
    Fingerprint { uri: String, suite: String, fingerprint: String },
    #[error("`{uri}` {suite} is a repository without components, which is not understood")]
    Flat { uri: String, suite: String },
    #[error("{what} of `{package}` is no {expected}")]
    Package { package: String, what: &'static str, expected: &'static str },
}

impl From<fetch::error::Error> for Error {
    fn from(error: fetch::error::Error) -> Self {
        Self::Fetch(Box::new(error))
    }
}
