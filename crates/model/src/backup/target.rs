//! Where backups go: `[targets.<name>]` in `stead.toml`.
//!
//! Leaves out reaching it; a service's repository is a folder of its own below the target.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A place that holds one restic repository for each service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Target {
    /// A mounted disk, a stick, or a plain folder.
    Folder {
        /// Absolute; it must exist already, so that an unmounted disk is not mistaken for one.
        path: String,
        /// Whether it lies on a disk of its own: then nothing is read or written unless it, or a
        /// folder above it other than `/`, is a mount point.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        mounted: bool,
    },
    /// A folder on another machine, by the system's own `ssh` and its configuration.
    Sftp {
        /// As `ssh` takes it: an alias, `host` or `user@host`.
        host: String,
        path: String,
    },
    /// A bucket that speaks S3. Its credentials are a secret, never part of the plan.
    S3 {
        /// As `https://s3.example.org`.
        endpoint: String,
        bucket: String,
        #[serde(default)]
        prefix: String,
        #[serde(default = "region")]
        region: String,
    },
}

impl Target {
    /// A service's repository there, as restic's `-r` takes it.
    pub fn repository(&self, service: &str) -> String {
        match self {
            Self::Folder { path, .. } => format!("{}/{service}", path.trim_end_matches('/')),
            Self::Sftp { host, path } => {
                format!("sftp:{host}:{}/{service}", path.trim_end_matches('/'))
            }
            Self::S3 { endpoint, bucket, prefix, .. } => {
                let prefix = prefix.trim_matches('/');
                let between = if prefix.is_empty() { "" } else { "/" };
                let endpoint = endpoint.trim_end_matches('/');
                format!("s3:{endpoint}/{bucket}{between}{prefix}/{service}")
            }
        }
    }
}

fn region() -> String {
    "us-east-1".to_owned()
}
