//! All that is needed to reach one service's repository at one target.
//!
//! Leaves out reaching it.

use std::fmt;

use model::backup::target::Target;
use serde::Deserialize;

use crate::password::Password;

/// A service's repository at a target, with what opens it.
#[derive(Clone, Copy, Debug)]
pub struct Reach<'a> {
    pub target: &'a Target,
    pub service: &'a str,
    pub password: &'a Password,
    /// For an S3 target only.
    pub credentials: Option<&'a S3Credentials>,
}

/// Who one is to an S3 server: the file `/var/lib/stead/backup/credentials/<target>`, TOML.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Credentials {
    pub access_key: String,
    pub secret_key: String,
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S3Credentials(…)")
    }
}
