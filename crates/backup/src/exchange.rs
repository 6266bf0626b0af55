//! A new password in place of an old one, at each of a service's targets, in the plan and on the
//! host.
//!
//! The order is such that at every moment, whatever is cut short, each repository opens with what
//! is sealed in the plan, and with what the host keeps; each step may be done again. Leaves out
//! the plan, which the caller seals, and the master keys, which stay what they are.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::error;
use crate::key_file;
use crate::password::Password;
use crate::progress::Progress;
use crate::reach::Reach;
use crate::repository::{Held, Pruning, Repository};
use crate::save::Destination;

/// Where a host keeps the new password until the old one opens nothing any longer.
pub const FOLDER: &str = "/var/lib/stead/backup/next";

/// Why a password was not exchanged, or not to the end. No variant holds any of it.
#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    File(#[from] key_file::Error),
    #[error("the system gives no random bytes")]
    Random { source: getrandom::Error },
    #[error(
        "the new key was not added everywhere, so the old one is still the one that counts: {}",
        several(.0)
    )]
    Unready(Vec<(String, error::Error)>),
    #[error("the new key was not sealed, so the old one is still the one that counts")]
    Seal { source: error::Source },
    #[error("cannot remove `{}`", .path.display())]
    Done { path: PathBuf, source: std::io::Error },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Unready(all) => {
                let own = all.iter().find_map(|(_, error)| error.hint()).unwrap_or_default();
                let own = if own.is_empty() { own } else { format!("{own}. ") };
                Some(format!(
                    "{own}Run it again when all targets can be reached; one that was never saved \
                     to, or is gone for good, is to be taken out of the service's `backups` first"
                ))
            }
            _ => None,
        }
    }
}

/// One target of each, with its reason.
fn several(all: &[(String, error::Error)]) -> String {
    let told =
        all.iter().map(|(name, error)| format!("{name}: {}", model::text::with_causes(error)));
    told.collect::<Vec<_>>().join("; ")
}

/// Whose password is exchanged, and where.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// All targets of the service, with the password that the host keeps.
    pub to: &'a [Destination<'a>],
    /// The host's own file.
    pub kept: &'a Path,
    /// Where the new one is until all is done.
    pub next: &'a Path,
    /// Whether old key files may go: not while another host of the service has the old password.
    pub dismiss: bool,
}

/// What became of an exchange: the new password counts.
#[derive(Debug)]
pub struct Exchanged {
    pub password: Password,
    /// What no longer opens each target.
    pub gone: Vec<(String, Vec<Held>)>,
    /// Where the old one opens still, and why; the next run goes on with them.
    pub left: Vec<(String, error::Error)>,
}

/// Where the new password of a service is until its exchange is done.
pub fn path(service: &str) -> PathBuf {
    Path::new(FOLDER).join(service)
}

/// The new password of an exchange that was begun and not ended.
///
/// # Errors
/// If it is there and cannot be read.
pub fn begun(next: &Path) -> Result<Option<Password>, key_file::Error> {
    match key_file::read(next) {
        Ok(password) => Ok(Some(password)),
        Err(key_file::Error::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Exchanges the password, or goes on with an exchange that was cut short.
///
/// `seal` puts the new password into the plan, sealed to the members; it may be called again with
/// the same one.
///
/// # Errors
/// If the new password does not count yet. Where it counts, what is left to do is in the answer.
pub fn run(
    exchange: &Exchange<'_>,
    seal: &mut dyn FnMut(&Password) -> Result<(), error::Source>,
    progress: &dyn Progress,
) -> Result<Exchanged, Error> {
    let password = match begun(exchange.next)? {
        Some(password) => password,
        None => {
            progress.step("making a new key");
            let password = Password::generate().map_err(|source| Error::Random { source })?;
            key_file::write(exchange.next, &format!("{}\n", password.reveal()))?;
            password
        }
    };
    let mut unready = Vec::new();
    for to in exchange.to {
        progress.step(&format!("adding the new key at {}", to.name));
        if let Err(error) = admit(&to.reach, &password) {
            unready.push((to.name.to_owned(), error));
        }
    }
    if !unready.is_empty() {
        return Err(Error::Unready(unready));
    }
    progress.step("sealing the new key in the plan");
    seal(&password).map_err(|source| Error::Seal { source })?;
    progress.step("putting the new key where this host keeps it");
    key_file::exchange(&password, exchange.kept)?;
    let (gone, left) = match exchange.dismiss {
        true => dismiss(exchange.to, &password, progress),
        false => (Vec::new(), Vec::new()),
    };
    if exchange.dismiss && left.is_empty() {
        progress.step("forgetting that it was under way");
        forget(exchange.next)?;
    }
    Ok(Exchanged { password, gone, left })
}

/// Ends an exchange that was begun and whose password is sealed already, but for what else opens
/// the repositories: the next one begins with a password of its own in place of this one.
///
/// # Errors
/// If it does not open all of them, or is not what the host keeps.
pub fn settle(exchange: &Exchange<'_>, progress: &dyn Progress) -> Result<Password, Error> {
    let exchange = Exchange { dismiss: false, ..*exchange };
    let password = run(&exchange, &mut |_| Ok(()), progress)?.password;
    forget(exchange.next)?;
    Ok(password)
}

fn forget(next: &Path) -> Result<(), Error> {
    fs::remove_file(next).map_err(|source| Error::Done { path: next.to_owned(), source })
}

/// What was removed at each target, and where it could not be.
pub type Dismissed = (Vec<(String, Vec<Held>)>, Vec<(String, error::Error)>);

/// Removes what else opens the repositories than this password, wherever that is possible.
pub fn dismiss(all: &[Destination<'_>], password: &Password, progress: &dyn Progress) -> Dismissed {
    let (mut gone, mut left) = (Vec::new(), Vec::new());
    for to in all {
        progress.step(&format!("removing old keys at {}", to.name));
        let reach = Reach { password, ..to.reach };
        match Pruning::open(&reach).and_then(|pruning| pruning.dismiss_others(password)) {
            Ok(removed) => gone.push((to.name.to_owned(), removed)),
            Err(error) => left.push((to.name.to_owned(), error)),
        }
    }
    (gone, left)
}

fn admit(reach: &Reach<'_>, password: &Password) -> Result<(), error::Error> {
    match Repository::open(&Reach { password, ..*reach }) {
        Err(error::Error::Password { .. }) => Repository::open(reach)?.admit(password),
        opened => opened.map(drop),
    }
}
