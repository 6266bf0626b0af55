//! What goes wrong with keys and signatures.
//!
//! Leaves out the words of the OpenPGP library where ours say more.

use std::io;
use std::path::PathBuf;

/// A key could not be used, or a signature is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot gather randomness for a new key")]
    Random { source: getrandom::Error },
    #[error("cannot make the signing key of `{name}`")]
    Make { name: String, source: Box<pgp::errors::Error> },
    #[error("cannot read the signing key `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write the signing key `{path}`")]
    Write { path: PathBuf, source: io::Error },
    #[error("others may read the signing key `{path}`: its mode is {mode:04o}, 0600 is needed")]
    Exposed { path: PathBuf, mode: u32 },
    #[error("`{path}` holds no secret key that can sign")]
    NoSecretKey { path: PathBuf, source: Box<pgp::errors::Error> },
    #[error("cannot sign")]
    Sign { source: Box<pgp::errors::Error> },
    #[error("the time of a signature must lie between 2001 and 2106")]
    Time,
    #[error("the keyring holds no certificate that can be read")]
    NoCertificate,
    #[error("the {what} is larger than {limit} bytes")]
    TooLarge { what: &'static str, limit: usize },
    #[error("no clear-signed text: {reason}")]
    Form { reason: &'static str },
    #[error("the signature cannot be read")]
    Unreadable { source: Box<pgp::errors::Error> },
    #[error("not signed by a key of the keyring: {reason}")]
    Refused { reason: String },
}
