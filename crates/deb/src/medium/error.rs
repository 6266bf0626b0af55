//! What can go wrong with a medium.
//!
//! Leaves out how it is printed.

use std::io;
use std::path::PathBuf;

use crate::medium::sums::BadLine;
use crate::medium::target::Target;
use crate::{archive, closure, fetch, index, oracle, repository, signing, upstream};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read `{path}`")]
    Read { path: PathBuf, source: io::Error },

    #[error("cannot write `{path}`")]
    Write { path: PathBuf, source: io::Error },

    #[error("no room is left for `{path}`")]
    Full { path: PathBuf, source: io::Error },

    #[error("{needed} bytes are needed at `{path}`, and {free} are free")]
    NoRoom { path: PathBuf, needed: u64, free: u64 },

    #[error("`{path}` is neither empty nor a medium")]
    Occupied { path: PathBuf },

    #[error("the medium's key has the SHA-256 {found}, not {expected}")]
    OtherKey { found: String, expected: String },

    #[error("the signature of `{place}/SHA256SUMS` is not good")]
    Signature { place: PathBuf, source: signing::Error },

    #[error("the signed list cannot be read")]
    Sums(#[source] BadLine),

    #[error("cannot read the description `{path}`")]
    Description { path: PathBuf, source: serde_json::Error },

    #[error("`{tool}` is not installed")]
    NoTool { tool: &'static str, package: &'static str },

    #[error("cannot start `{tool}`")]
    Run { tool: String, source: io::Error },

    #[error("`{tool}` failed, {status}: {said}")]
    Tool { tool: String, status: String, said: String },

    #[error("`{path}` cannot go on the medium: {what}")]
    Program { path: PathBuf, what: String },

    #[error("`{path}` cannot be the name of a file on a medium")]
    Name { path: String },

    #[error("cannot sign")]
    Sign { source: signing::Error },

    #[error("cannot read a package that was built")]
    Package(#[source] archive::Error),

    #[error("cannot use the packages that were built")]
    Index(#[source] index::Error),

    #[error("cannot read Debian's packages")]
    Upstream(#[source] Box<upstream::Error>),

    #[error("cannot fetch a package")]
    Fetch { source: Box<fetch::error::Error> },

    #[error("the index has no SHA-256 of `{package}`")]
    Digest { package: String },

    #[error("cannot make the medium's repository")]
    Repository(#[from] repository::Error),

    #[error("cannot ask apt")]
    Oracle(#[source] oracle::Error),

    #[error("apt would not install from this medium for {target}: {said}")]
    Refused { target: Target, said: String },

    #[error("cannot bring all that is needed for {target}")]
    Closure { target: Target, source: Box<closure::Error> },

    #[error("cannot pack the program")]
    Pack(#[source] archive::Error),

    #[error("`{path}` is no image with ext4 or FAT")]
    NoImage { path: PathBuf },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Occupied { path } => format!(
                "give the medium a folder of its own, as `{}`",
                path.join("stead").display()
            ),
            Self::NoRoom { .. } | Self::Full { .. } => {
                "what was fetched stays in the cache: make room or take a larger stick, and run \
                 the same command again"
                    .to_owned()
            }
            Self::NoTool { package, .. } => format!("`apt install {package}`"),
            Self::OtherKey { .. } => {
                "the medium was exchanged, or the sum was copied wrongly; install nothing from it"
                    .to_owned()
            }
            Self::Signature { .. } | Self::Sums(_) => {
                "the medium is damaged or was changed; `stead medium make` writes it anew"
                    .to_owned()
            }
            Self::Closure { target, .. } => {
                format!("take the service off `--with`, or {target} off `--release` and `--for`")
            }
            Self::Refused { .. } => {
                "nothing was copied; this is a fault of the packages or of stead".to_owned()
            }
            Self::Upstream(source) if matches!(**source, upstream::Error::Keyring { .. }) => {
                "`apt install debian-archive-keyring`, or name one with --mirror and --keyring"
                    .to_owned()
            }
            _ => return None,
        })
    }
}
