//! What can go wrong between a client and the node's socket.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::refusal::Refusal;

#[derive(Debug, Error)]
pub enum Error {
    #[error("cannot reach the node at `{}`", path.display())]
    Connect { path: PathBuf, source: io::Error },
    #[error("cannot talk with the node")]
    Talk { source: io::Error },
    #[error("no answer from the node in {seconds} s")]
    Late { seconds: u64 },
    #[error("the other side hung up")]
    HungUp,
    #[error("a message is longer than {limit} bytes")]
    Long { limit: usize },
    #[error("cannot read a message")]
    Garbled { source: serde_json::Error },
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Error {
    /// Whether there is no node to talk to, as opposed to one that fails.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Connect { source, .. }
            if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused))
    }
}
