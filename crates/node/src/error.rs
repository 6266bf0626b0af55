//! What can go wrong in the node.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use model::host_name::HostName;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum Error {
    #[error("cannot tell where the stead is to be: HOME is not set")]
    NoHome,
    #[error("cannot tell the working folder")]
    Folder { source: io::Error },
    #[error("the system gives no random bytes")]
    Random { source: getrandom::Error },
    #[error("there is no stead in `{path}`")]
    Absent { path: PathBuf },
    #[error("another process keeps `{path}` locked and does not listen")]
    Held { path: PathBuf },
    #[error("the process that watches does not answer")]
    Silent { source: api::error::Error },
    #[error("the plan vanished while it was opened")]
    Vanished,
    #[error(transparent)]
    Plan(#[from] commons::plan_error::Error),
    #[error(transparent)]
    State(#[from] commons::state_folder::Error),
    #[error(transparent)]
    Record(#[from] commons::error::Error),
    #[error("there is a record `{record}`, but the key that signed it, `{key}`, is gone")]
    KeyLost { key: PathBuf, record: PathBuf },
    #[error("cannot write down the observer's memory")]
    Keep { source: serde_json::Error },
    #[error("cannot listen on `{path}`")]
    Socket { path: PathBuf, source: io::Error },
    #[error("cannot serve the page on `{address}`")]
    Page { address: SocketAddr, source: io::Error },
    #[error("cannot serve packages on `{address}`")]
    Shelf { address: SocketAddr, source: io::Error },
    #[error("the page is for this machine alone, and `{address}` is not on its loopback")]
    Public { address: SocketAddr },
    #[error("the plan has no service `{name}`")]
    NoService { name: String, near: Option<String> },
    #[error("the service `{name}` cannot be used:\n{}", .faults.join("\n"))]
    Faulty { name: String, faults: Vec<String> },
    #[error("the service `{name}` does not run on {host}, but on {}", .hosts.join(", "))]
    Elsewhere { name: String, host: HostName, hosts: Vec<String> },
    #[error("the plan has no host `{name}`")]
    NoHost { name: String, near: Option<String>, known: Vec<String> },
    #[error("the recipe `{recipe}` cannot be filled in: {told}")]
    Recipe { recipe: String, told: String },
    #[error(transparent)]
    Remote(#[from] crate::remote::Error),
    #[error("the service `{service}` has no target `{target}`")]
    NoTarget { service: String, target: String, targets: Vec<String> },
    #[error("`{sealed}` and `{list}` do not belong together, so nobody can say who opens it")]
    Unlisted { service: String, sealed: String, list: String },
    #[error(
        "this host's key of {service} is {here}, and the plan's is {sealed}: no member could open \
         what is saved with it"
    )]
    OtherKey { service: String, here: String, sealed: String },
    #[error(transparent)]
    Key(#[from] backup::key_file::Error),
    #[error(transparent)]
    Credentials(#[from] backup::credentials::Error),
    #[error("cannot make a link to the page")]
    Link { source: web::Error },
}

impl Error {
    /// Whether the place of keys and record is at fault, not what is in them.
    pub const fn is_of_the_place(&self) -> bool {
        match self {
            Self::State(error) => error.is_of_the_place(),
            Self::Record(error) => error.is_of_the_place(),
            _ => false,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoHome => Some("name a folder: `stead --dir FOLDER …`".to_owned()),
            Self::Absent { .. } => Some("`stead up` makes one".to_owned()),
            Self::Held { path } => {
                Some(format!("`fuser -v {}` says which process", path.display()))
            }
            Self::Public { .. } => {
                Some("from elsewhere, `ssh -L 7833:127.0.0.1:7833 HOST` brings it here".to_owned())
            }
            Self::Shelf { address, .. } => Some(format!(
                "`ss -lptn sport = :{}` says who listens there; or name another port",
                address.port()
            )),
            Self::Socket { .. } => Some(
                "a socket's path has at most 107 bytes: `--state FOLDER` names another".to_owned(),
            ),
            Self::KeyLost { key, record } => Some(format!(
                "restore {} from a backup; or move {} away: then a new key and a new record begin",
                key.display(),
                record.display()
            )),
            Self::NoService { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            Self::NoService { name, .. } => Some(format!(
                "write services/{name}.toml: `recipe = \"…\"`, `hosts = [\"…\"]`, `backups = [\"…\"]`"
            )),
            Self::Elsewhere { hosts, .. } => {
                hosts.first().map(|host| format!("run it there: `ssh {host} sudo stead …`"))
            }
            Self::NoHost { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            Self::NoHost { name, known, .. } => Some(format!(
                "it has {}; `stead up` on {name} adds hosts/{name}.toml",
                known.join(", ")
            )),
            Self::Remote(error) => error.hint(),
            Self::NoTarget { service, targets, .. } if targets.is_empty() => {
                Some(format!("name one in services/{service}.toml: `backups = [\"…\"]`"))
            }
            Self::NoTarget { targets, .. } => Some(format!("it has: {}", targets.join(", "))),
            Self::Unlisted { service, .. } => Some(format!(
                "`stead backup keys seal {service}` on its host writes both anew; `git log -p \
                 secrets` in the plan shows who changed them"
            )),
            Self::OtherKey { service, here, .. } => Some(format!(
                "if {here} is the right one, `stead backup keys seal {service}`; else move \
                 /var/lib/stead/backup/keys/{service} away and `stead backup keys open {service} \
                 --identity FILE` of a member"
            )),
            Self::Key(error) => error.hint(),
            Self::Credentials(error) => error.hint(),
            Self::Plan(error) => error.hint(),
            Self::State(error) => error.hint(),
            Self::Record(error) => error.hint(),
            _ => None,
        }
    }
}
