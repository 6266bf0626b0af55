//! Targets: where a repository's files lie.
//!
//! Leaves out what is in the files.

pub mod folder;
pub mod store;

use std::path::Path;
use std::sync::Arc;

use model::backup::target::Target;

use crate::error::Error;
use crate::reach::Reach;
use crate::target::folder::Folder;
use crate::target::store::Store;

/// Opens the way to one service's folder at a target; nothing is made there yet.
pub fn reach(reach: &Reach<'_>) -> Result<Arc<dyn Store>, Error> {
    Ok(match reach.target {
        Target::Folder { path } => Arc::new(Folder::open(Path::new(path), reach.service)?),
        Target::Sftp { .. } | Target::S3 { .. } => {
            return Err(Error::Target {
                place: String::new(),
                reason: "this kind is not supported yet".to_owned(),
            });
        }
    })
}
