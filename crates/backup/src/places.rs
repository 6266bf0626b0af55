//! Where a backup finds things on this machine.
//!
//! Leaves out the service's own paths.

use std::path::PathBuf;

use model::backup::evidence;

use crate::postgres::cluster::SOCKETS;
use crate::staging;

/// Where things are on this machine.
#[derive(Clone, Debug)]
pub struct Places {
    pub staging: PathBuf,
    pub evidence: PathBuf,
    /// PostgreSQL's sockets.
    pub sockets: PathBuf,
    /// The folder of PostgreSQL's programs, if not Debian's own.
    pub postgres: Option<PathBuf>,
    /// The folder of `systemctl` and `systemd-run`.
    pub systemd: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            staging: staging::FOLDER.into(),
            evidence: evidence::FOLDER.into(),
            sockets: SOCKETS.into(),
            postgres: None,
            systemd: "/usr/bin".into(),
        }
    }
}
