//! Why a build gives no packages.
//!
//! Leaves out what is wrong with a recipe before it is ordered.

use std::io;
use std::path::PathBuf;

use model::recipe::fault::Fault;

use crate::{archive, source};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{recipe} is not built for {architecture}; it is for {has}")]
    Architecture { recipe: String, architecture: String, has: String },
    #[error("`{one}` and `{other}` are both recipes of the package {package}")]
    SamePackage { package: String, one: String, other: String },
    #[error("cannot make a working folder in `{}`", path.display())]
    Work { path: PathBuf, source: io::Error },
    #[error("cannot start threads")]
    Threads { source: rayon::ThreadPoolBuildError },
    #[error("cannot bring what {package} is made of")]
    Source { package: String, source: Box<source::error::Error> },
    #[error("{package} cannot be laid out: {}", faults.iter().map(|fault| format!("{place}/{fault}")).collect::<Vec<_>>().join("; "))]
    Faults { package: String, place: String, faults: Vec<Fault> },
    #[error("{one} and {other} both claim {what}, so that only one could be installed: {}", path)]
    Claim { one: String, other: String, what: &'static str, path: String },
    #[error("a package cannot be written")]
    Package { source: Box<archive::Error> },
    #[error("cannot write into `{}`", path.display())]
    Out { path: PathBuf, source: io::Error },
}

impl Error {
    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Claim { one, other, .. } => Some(format!(
                "leave it out of one of them, or let one say `replaces = [\"…\"]` or `conflicts` \
                 in its `[package]`: {one}, {other}"
            )),
            Self::Architecture { .. } => {
                Some("leave `--arch` out to build all that each recipe has".to_owned())
            }
            Self::Package { source } if matches!(**source, archive::Error::Machine { .. }) => Some(
                "leave the file out with `exclude` in `[source]`, or give an address for each \
                 architecture in `[source.urls]`"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
