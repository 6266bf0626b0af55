//! What goes wrong with a backup, each naming its object.
//!
//! Leaves out what a check finds: that is its answer.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use model::text::{counted, printable};

use crate::denial::Denial;
use crate::snapshot::{Saved, Trouble};

/// What lies beneath an error, in one line.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Something could not be done; what was in the repository is still in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the target `{place}` does not exist")]
    NoTarget { place: String },
    #[error("nothing is mounted at the target `{place}`, nor above it")]
    NotMounted { place: String },
    #[error("there is no repository at `{place}`")]
    NoRepository { place: String },
    #[error("there is a repository at `{place}` already")]
    Exists { place: String },
    #[error("there is a repository at `{place}` that lost its config")]
    NoConfig { place: String },
    #[error("the password does not open the repository at `{place}`")]
    Password { place: String },
    #[error("the target `{place}` needs credentials, and there are none")]
    NoCredentials { place: String },
    #[error("the target `{place}` cannot be used: {reason}")]
    Target { place: String, reason: String },
    #[error("`{place}` refuses: {denial}")]
    Denied { place: String, denial: Denial },
    #[error("cannot reach `{place}`: {} in {seconds} s", counted(*.attempts, "attempt"))]
    Unreachable { place: String, attempts: u32, seconds: u64, source: Source },
    #[error("cannot {what} {object} at `{place}`")]
    Access { what: &'static str, object: String, place: String, source: Source },
    #[error("the target `{place}` is full: {object} was not written")]
    Full { place: String, object: String, source: Source },
    #[error("{object} is not at `{place}`")]
    Gone { object: String, place: String },
    #[error("{object} at `{place}` is damaged: {reason}")]
    Damaged { object: String, place: String, reason: String },
    #[error(
        "the repository at `{place}` is locked{} by {user} on {host} (process {process}) since {since}",
        if *.exclusive { " for pruning" } else { "" }
    )]
    Locked {
        place: String,
        host: String,
        user: String,
        process: i64,
        since: Timestamp,
        exclusive: bool,
    },
    #[error("the lock on the repository at `{place}` was lost while it was used: {reason}")]
    LeaseLost { place: String, reason: String },
    #[error("this handle only adds: it does not remove {object} from `{place}`")]
    AppendOnly { object: String, place: String },
    #[error(
        "snapshot {} lacks {} that could not be read: {}",
        .saved.id.short(), counted(.lacking.len(), "path"), several(.lacking)
    )]
    Incomplete { saved: Box<Saved>, lacking: Vec<Trouble> },
    #[error("no snapshot was written to `{place}`: {reason}")]
    Void { place: String, reason: String },
    #[error("`{}` is to be backed up, and is no absolute path", shown(.path))]
    Relative { path: PathBuf },
    #[error("all snapshots at `{place}` were to be removed")]
    NoneLeft { place: String },
    #[error("there is no snapshot {given} at `{place}`")]
    NoSnapshot { given: String, place: String },
    #[error("`{}` is not in snapshot {snapshot}", shown(.path))]
    NotInSnapshot { path: PathBuf, snapshot: String },
    #[error("`{}` has {bytes} bytes in snapshot {snapshot}; at most {limit} are read at once", shown(.path))]
    TooLarge { path: PathBuf, snapshot: String, bytes: u64, limit: u64 },
    #[error("`{}` is not empty, and a restore goes into an empty folder", shown(.path))]
    Occupied { path: PathBuf },
    #[error("cannot {what} `{}`", shown(.path))]
    Local { what: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot restore `{}`: {reason}", shown(.path))]
    Restore { path: PathBuf, reason: String },
    #[error("cannot {what} at `{place}`: {reason}")]
    Engine { what: &'static str, place: String, reason: String },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoTarget { place } => {
                format!("if `{place}` is a disk, mount it; if it is new, make the folder")
            }
            Self::NotMounted { .. } => "mount its disk; if it is a plain folder beside what it \
                 saves, take `mounted` out of its target in stead.toml"
                .to_owned(),
            Self::Unreachable { source, .. } => return by_hand(&source.to_string()),
            Self::Denied { denial, .. } => denial.hint(),
            Self::NoRepository { .. } => {
                "if the target is a disk, look whether it is mounted; `stead backup keys` tells \
                 how a new repository is made"
                    .to_owned()
            }
            Self::NoConfig { .. } => {
                "nothing was changed; find its `config` (an old copy of the disk, a file that was \
                 moved), or choose another path in stead.toml for a new one"
                    .to_owned()
            }
            Self::Password { .. } => {
                "compare the fingerprints that `stead backup keys` shows".to_owned()
            }
            Self::Full { .. } => {
                "make room there or `stead backup prune`; what was saved before is intact"
                    .to_owned()
            }
            Self::Locked { .. } => "wait until it is done; a lock whose process is gone, or that \
                 nobody refreshed for 30 minutes, stops nobody"
                .to_owned(),
            Self::LeaseLost { .. } => "run it again: nothing of this run counts".to_owned(),
            Self::AppendOnly { .. } => "`stead backup prune` removes, with its own key".to_owned(),
            Self::Incomplete { .. } => {
                "leave these paths out in the recipe, or make them readable".to_owned()
            }
            Self::Damaged { .. } => {
                "`stead backup check --all` names all that is damaged".to_owned()
            }
            _ => return None,
        })
    }
}

/// The way out of what `ssh` says.
fn by_hand(said: &str) -> Option<String> {
    let way = if said.contains("Host key verification failed") {
        "`ssh HOST` as root by hand shows the key; compare it with the one that the machine itself \
         shows (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`) before you accept it; \
         `ssh-keygen -R HOST` forgets an old one"
    } else if said.contains("Permission denied") {
        "`ssh HOST` as root has to come in without a password: root's public key here belongs in \
         `authorized_keys` there"
    } else {
        return None;
    };
    Some(way.to_owned())
}

fn shown(path: &std::path::Path) -> String {
    printable(&path.to_string_lossy(), 4096)
}

/// The first three, and how many more.
fn several(troubles: &[Trouble]) -> String {
    let mut text: Vec<String> = troubles.iter().take(3).map(ToString::to_string).collect();
    if troubles.len() > 3 {
        text.push(format!("and {} more", troubles.len() - 3));
    }
    text.join("; ")
}
