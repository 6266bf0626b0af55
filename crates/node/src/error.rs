//! What can go wrong in the node.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum Error {
    #[error("cannot tell where the stead is to be: HOME is not set")]
    NoHome,
    #[error("cannot tell the working folder")]
    Folder { source: io::Error },
    #[error("the system gives no random bytes")]
    Random { source: getrandom::Error },
    #[error("the plan vanished while it was opened")]
    Vanished,
    #[error(transparent)]
    Plan(#[from] commons::plan_error::Error),
    #[error(transparent)]
    State(#[from] commons::state_folder::Error),
    #[error(transparent)]
    Record(#[from] commons::error::Error),
    #[error("cannot write down the observer's memory")]
    Keep { source: serde_json::Error },
    #[error("cannot listen on `{path}`")]
    Socket { path: PathBuf, source: io::Error },
    #[error("cannot serve the page on `{address}`")]
    Page { address: SocketAddr, source: io::Error },
    #[error("the page is for this machine alone, and `{address}` is not on its loopback")]
    Public { address: SocketAddr },
    #[error("cannot make a link to the page")]
    Link { source: web::Error },
}
