//! What can go wrong while something is fetched.
//!
//! Leaves out what is wrong with its contents.

use std::io;
use std::path::PathBuf;

use crate::fetch::digest::Digest;

/// Addresses in here are printable and without passwords.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot use the cache's `{path}`")]
    Cache { path: PathBuf, source: io::Error },
    #[error("cannot read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("`{url}` is no address of the kind http:, https: or file:/// that can be fetched")]
    Address { url: String },
    #[error("`{url}` answers with status {status}")]
    Status { url: String, status: u16 },
    #[error("cannot fetch `{url}`, tried {attempts} times")]
    Transfer { url: String, attempts: u32, source: Box<ureq::Error> },
    #[error("`{url}` ended after {got} bytes of {expected}, tried {attempts} times")]
    Short { url: String, got: u64, expected: u64, attempts: u32 },
    #[error("`{url}` is larger than {limit} bytes, the most that is taken here")]
    TooLarge { url: String, limit: u64 },
    #[error("`{url}` is not what was pinned: expected {expected}, got {got}")]
    WrongSum { url: String, expected: Box<Digest>, got: Box<Digest> },
    #[error("`{url}` ({digest}) is not in the cache `{cache}`, and fetching is off")]
    Offline { url: String, digest: Box<Digest>, cache: PathBuf },
    #[error("no earlier answer of `{url}` is in the cache `{cache}`, and fetching is off")]
    OfflineAnswer { url: String, cache: PathBuf },
    #[error("this machine has no certificate authorities to trust `{url}` by")]
    NoRoots { url: String },
}
