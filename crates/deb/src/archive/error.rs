//! What may go wrong with a .deb.
//!
//! Leaves out what is wrong in a way that apt would accept: that is `lint`'s.

use std::io;
use std::path::PathBuf;

use crate::control;

/// Malformed input is `Read` or `Control`; its cause says which member and what about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot open `{}`", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("cannot read the package `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot read the control file of `{}`", path.display())]
    Control { path: PathBuf, source: control::Error },
    #[error("the package {package} cannot have this control file")]
    Fields { package: String, source: control::Error },
    #[error("cannot write the package `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot pack `{}` as `{file}` of {package}", from.display())]
    Pack { package: String, file: String, from: PathBuf, source: io::Error },
    #[error("{package} cannot hold `{file}`: {what}")]
    Entry { package: String, file: String, what: String },
    #[error("{package} is for {architecture}, but its file `{file}` is {machine}")]
    Machine { package: String, architecture: String, file: String, machine: String },
}
