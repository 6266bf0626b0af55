//! What can be wrong with a source.
//!
//! Leaves out the transfer itself, which `fetch::error` has.

use std::io;
use std::path::PathBuf;

use crate::fetch::digest::BadDigest;
use crate::fetch::error::Error as FetchError;

/// Names from archives and locks are printable in here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{recipe}`: {why}")]
    Source { recipe: String, why: String },
    #[error("`{recipe}` names no `{file}` that its folder has")]
    NoFile { recipe: String, file: String },
    #[error(transparent)]
    Fetch(Box<FetchError>),
    #[error("cannot work in `{path}`")]
    Work { path: PathBuf, source: io::Error },
    #[error("cannot unpack `{archive}`")]
    Unpack { archive: String, source: io::Error },
    #[error("`{archive}` holds `{name}`, {why}")]
    Entry { archive: String, name: String, why: &'static str },
    #[error("`{archive}` would unpack to more than {limit} {unit}")]
    Bomb { archive: String, limit: u64, unit: &'static str },
    #[error("`{archive}` is no .deb: {why}")]
    NoDeb { archive: String, why: &'static str },
    #[error("{file}:{line}: {why}")]
    Lock { file: String, line: u32, why: String },
    #[error("`{package}` in `{file}`: {why}")]
    LockedPackage { file: String, package: String, why: String },
    #[error("`{package}` in `{file}` is pinned badly")]
    Pin { file: String, package: String, source: BadDigest },
    #[error("`{package}` has no prebuilt binary for {architecture}{have}")]
    NoPrebuild { package: String, architecture: String, have: String },
    #[error("`{package}` has no wheel for Python {python} on {architecture} in `{file}`; {way}")]
    NoWheel { package: String, python: String, architecture: String, file: String, way: String },
    #[error("the index page of `{package}` cannot be read: {why}")]
    Index { package: String, why: String },
    #[error("cannot run `{program}`")]
    Program { program: String, source: io::Error },
    #[error("`{command}` failed with {status}:\n{output}")]
    Command { command: String, status: String, output: String },
    #[error("no compiler `{compiler}` for {architecture}; `apt install {package}` has it")]
    NoCompiler { compiler: String, architecture: String, package: String },
    #[error("`{repository}` has no commit {commit}")]
    NoCommit { repository: String, commit: String },
    #[error("`{repository}` at {commit} is not in the cache `{cache}`, and fetching is off")]
    OfflineCommit { repository: String, commit: String, cache: PathBuf },
    #[error("`{repository}` has the submodule `{name}`; name its archive as a source of its own")]
    Submodule { repository: String, name: String },
}

impl Error {
    pub(crate) fn work(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Work { path, source }
    }
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Self {
        Self::Fetch(Box::new(error))
    }
}
