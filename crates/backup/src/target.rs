//! Targets: where a repository's files lie.
//!
//! Leaves out what is in the files.

pub mod folder;
mod mounted;
mod patience;
pub mod s3;
pub mod sftp;
pub mod store;

use std::path::Path;
use std::sync::Arc;

use model::backup::target::Target;

use crate::error::Error;
use crate::reach::Reach;
use crate::target::folder::Folder;
use crate::target::s3::S3;
use crate::target::sftp::Sftp;
use crate::target::store::Store;

/// Opens the way to one service's folder at a target; nothing is made there yet.
pub fn reach(reach: &Reach<'_>) -> Result<Arc<dyn Store>, Error> {
    Ok(match reach.target {
        Target::Folder { path, mounted } => {
            Arc::new(Folder::open(Path::new(path), reach.service, *mounted)?)
        }
        Target::Sftp { host, path } => Arc::new(Sftp::open(host, path, reach.service, Vec::new())?),
        Target::S3 { endpoint, bucket, prefix, region } => {
            let credentials = reach
                .credentials
                .ok_or_else(|| Error::NoCredentials { place: format!("s3:{endpoint}/{bucket}") })?;
            let service = reach.service;
            Arc::new(S3::open(endpoint, bucket, prefix, region, service, credentials)?)
        }
    })
}
