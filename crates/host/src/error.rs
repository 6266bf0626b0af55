//! What can go wrong while the root hand changes something, each naming its object.
//!
//! Leaves out what cannot be seen while observing: that is part of the facts.

use std::io;
use std::path::PathBuf;

/// Something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot run `{program}`")]
    Run { program: String, source: io::Error },
    #[error("`{program}` was ended after {seconds} s")]
    Slow { program: String, seconds: u64 },
    #[error("`{program}` failed, {told}")]
    Ended { program: String, told: String },
    #[error("cannot use the drill's folder, at `{path}`")]
    Scratch { path: PathBuf, source: io::Error },
    #[error("another drill of {service} runs")]
    Busy { service: String },
    #[error("a restore of {service} runs")]
    Restoring { service: String },
    #[error("a backup of {service} runs")]
    Saving { service: String },
    #[error("`{path}` still holds mounts, and was not removed")]
    StillMounted { path: PathBuf },
    #[error("only root can {what}")]
    NotRoot { what: &'static str },
    #[error("no sealed machine can be had on this host: {told}")]
    NoMachine { told: String },
    #[error("the sealed machine did not boot: {told}")]
    NotBooted { told: String },
    #[error("the sealed machine has a way out: {way}")]
    NotSealed { way: String },
    #[error("the service's packages cannot be installed inside: {told}")]
    Packages { told: String },
    #[error("cannot {what} `{path}`")]
    File { what: &'static str, path: PathBuf, source: io::Error },
    #[error("there is no system user `{user}`")]
    NoUser { user: String },
    #[error("no PostgreSQL server is installed here")]
    NoPostgresql,
    #[error("no PostgreSQL server of this host answers: {told}")]
    NoServer { told: String },
    #[error("what was restored is not what was saved, and nothing was changed: {told}")]
    Unproved { told: String },
    #[error("it cannot be restored, and nothing was changed: {told}")]
    Refused { told: String },
    #[error("the journal of a restore, `{path}`, cannot be read: {reason}")]
    Journal { path: PathBuf, reason: String },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoMachine { .. } => {
                "`apt-get install systemd-container`, or drill on a host that lets root make \
                 namespaces and mounts"
            }
            Self::NotRoot { .. } => "run it as root",
            Self::Busy { .. } | Self::Restoring { .. } | Self::Saving { .. } => {
                "wait until it is done"
            }
            Self::NoUser { user } if user == "postgres" => {
                "`apt-get install postgresql`, the version that was backed up"
            }
            Self::NoPostgresql => "`apt-get install postgresql`, the version that was backed up",
            Self::Unproved { .. } => {
                "`stead backup list` names older snapshots; take one with --at"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
