//! What can go wrong with the plan's folder.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum Error {
    #[error("`{path}` is not empty and holds no stead")]
    Occupied { path: PathBuf },
    #[error("`{path}` cannot be a stead's folder: it has no name")]
    NoName { path: PathBuf },
    #[error("cannot write `{path}`")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("`{path}` is no plain file")]
    NoFile { path: PathBuf },
    #[error("`{path}` has {size} bytes, more than a file of a plan may have")]
    TooLarge { path: PathBuf, size: u64 },
    #[error("cannot use `{path}`")]
    Refused { path: PathBuf, source: model::plan::error::Error },
    #[error("`{path}` is about a host of another name: `{name}`")]
    OtherName { path: PathBuf, name: String },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Occupied { .. } => {
                Some("name another folder: `stead --dir FOLDER up`".to_owned())
            }
            Self::Refused { path, .. } => Some(format!(
                "mend {}; `git log -p` in its folder shows what it was",
                path.display()
            )),
            Self::OtherName { path, .. } => {
                Some(format!("let `name` in {} be as the file is named", path.display()))
            }
            _ => None,
        }
    }
}
