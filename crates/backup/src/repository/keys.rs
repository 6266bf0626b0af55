//! Who opens a repository: its key files, each of which wraps the same master key with another
//! password, as restic keeps them.
//!
//! Leaves out the order in which an old password gives way to a new one, which is `exchange`'s.
//! The master key, with which everything is encrypted, never changes.

use jiff::Timestamp;
use model::text::printable;
use rustic_core::repofile::KeyFile;

use crate::append_only::Rights;
use crate::error::Error;
use crate::lease::Lease;
use crate::password::Password;
use crate::repository::key_file;
use crate::repository::opened::Opened;
use crate::target::store::Kind;

/// One key file. What it says of itself is for people: whoever wrote it could write anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its name, 64 hexadecimal digits; `restic key list` shows how it begins.
    pub name: String,
    pub user: String,
    pub host: String,
    pub created: Option<Timestamp>,
    /// Whether the password that was asked about opens it.
    pub opens: bool,
}

/// All key files, by name; `opens` is told of this password.
pub fn held(opened: &Opened, password: &Password) -> Result<Vec<Held>, Error> {
    let mut names: Vec<String> =
        opened.store.list(Kind::Key)?.into_iter().map(|(name, _)| name).collect();
    names.sort();
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        let content = match opened.store.read(Kind::Key, &name) {
            Err(Error::Gone { .. }) => continue,
            content => content?,
        };
        let file: Option<KeyFile> = serde_json::from_slice(&content).ok();
        let said = |text: Option<&String>| printable(text.map_or("", |text| text), 253);
        all.push(Held {
            user: said(file.as_ref().and_then(|file| file.username.as_ref())),
            host: said(file.as_ref().and_then(|file| file.hostname.as_ref())),
            created: file.as_ref().and_then(|file| Some(file.created.as_ref()?.timestamp())),
            opens: file.is_some_and(|file| file.key_from_password(&password.reveal()).is_ok()),
            name,
        });
    }
    Ok(all)
}

/// Lets a second password open the repository, and opens it anew with that.
pub fn admit(opened: &Opened, password: &Password) -> Result<(), Error> {
    let lease = Lease::shared(opened.store.clone(), opened.key())?;
    let place = || opened.store.place();
    let engine = |error: getrandom::Error| Error::Engine {
        what: "make the key",
        place: place(),
        reason: error.to_string(),
    };
    let (name, content) = key_file::sealed(opened.key(), password).map_err(engine)?;
    opened.store.write(Kind::Key, &name, &[content])?;
    read_back(opened, password)?;
    lease.release()
}

/// Removes every key file but one that this password opens; those that are gone now.
///
/// Nobody else may work on the repository meanwhile.
pub fn dismiss_others(opened: &Opened, password: &Password) -> Result<Vec<Held>, Error> {
    let all = held(opened, password)?;
    let Some(stays) = all.iter().find(|held| held.opens).map(|held| held.name.clone()) else {
        return Err(Error::Password { place: opened.store.place() });
    };
    let gone: Vec<Held> = all.into_iter().filter(|held| held.name != stays).collect();
    if gone.is_empty() {
        return Ok(gone);
    }
    let lease = Lease::exclusive(opened.store.clone(), opened.key())?;
    read_back(opened, password)?;
    for held in &gone {
        opened.store.remove(Kind::Key, &held.name)?;
    }
    read_back(opened, password)?;
    lease.release()?;
    Ok(gone)
}

/// Opens it as somebody who has this password alone: with the same master key.
fn read_back(opened: &Opened, password: &Password) -> Result<(), Error> {
    let anew = Opened::open(opened.store.clone(), password, Rights::Append)?;
    let (one, other) = (opened.key(), anew.key());
    if one.encrypt == other.encrypt && one.mac.k == other.mac.k && one.mac.r == other.mac.r {
        return Ok(());
    }
    Err(Error::Damaged {
        object: "a key".to_owned(),
        place: opened.store.place(),
        reason: "it opens, and what is inside is the key of another repository".to_owned(),
    })
}
