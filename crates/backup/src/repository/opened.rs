//! A repository whose password was right: what every operation on it starts from.
//!
//! Leaves out the operations.

use std::sync::Arc;

use bytesize::ByteSize;
use rustic_core::repofile::MasterKey;
use rustic_core::{
    ConfigOptions, Credentials, KeyOptions, OpenStatus, Repository, RepositoryBackends,
    RepositoryOptions, RusticError, RusticResult,
};

use crate::append_only::{Gate, Rights};
use crate::error::Error;
use crate::password::Password;
use crate::repository::key_file;
use crate::repository::relay::{Bars, Relay};
use crate::target::store::{Kind, Store};

/// A repository at its target, with its key.
#[derive(Debug)]
pub struct Opened {
    pub store: Arc<dyn Store>,
    pub gate: Arc<Gate>,
    pub relay: Arc<Relay>,
    key: MasterKey,
}

/// The size of packs, in MiB: a restore holds twenty of them in memory at once, and a small
/// machine has to bear that.
const PACK: u64 = 8;

fn packs() -> ConfigOptions {
    ConfigOptions::default().set_datapack_size(ByteSize::mib(PACK)).set_datapack_growfactor(0_u32)
}

impl Opened {
    pub fn found(store: Arc<dyn Store>, password: &Password) -> Result<Self, Error> {
        let (gate, relay) = gates(&store, Rights::Append);
        if store.is_founded()? {
            return Err(Error::Exists { place: store.place() });
        }
        store.prepare()?;
        // A second master key beside the one of what is there would make that unreadable.
        for kind in [Kind::Snapshot, Kind::Index, Kind::Pack] {
            if !store.list(kind)?.is_empty() {
                return Err(Error::NoConfig { place: store.place() });
            }
        }
        // Of a founding that was cut short: nothing is encrypted with it.
        for (name, _) in store.list(Kind::Key)? {
            store.remove(Kind::Key, &name)?;
        }
        let key = MasterKey::new();
        // The key first: a config without a key would be a repository that nothing opens.
        let (name, content) = key_file::sealed(&key, password).map_err(|error| Error::Engine {
            what: "make the key",
            place: store.place(),
            reason: error.to_string(),
        })?;
        store.write(Kind::Key, &name, &[content])?;
        let credentials = Credentials::Masterkey(key);
        let made = engine(&gate, &relay)
            .and_then(|engine| engine.init(&credentials, &KeyOptions::default(), &packs()))
            .map_err(|error| explain(&gate, "make the repository", &error))?;
        Ok(Self { key: made.key(), store, gate, relay })
    }

    pub fn open(store: Arc<dyn Store>, password: &Password, rights: Rights) -> Result<Self, Error> {
        let (gate, relay) = gates(&store, rights);
        if !store.is_founded()? {
            return Err(Error::NoRepository { place: store.place() });
        }
        let credentials = Credentials::password(password.reveal());
        let opened = engine(&gate, &relay).and_then(|engine| engine.open(&credentials));
        match opened {
            Ok(opened) => Ok(Self { key: opened.key(), store, gate, relay }),
            Err(error) if error.is_incorrect_password() => {
                Err(Error::Password { place: store.place() })
            }
            Err(error) => Err(explain(&gate, "open the repository", &error)),
        }
    }

    /// The engine, opened afresh: it keeps nothing of what an earlier operation saw.
    pub fn engine(&self) -> Result<Repository<OpenStatus>, Error> {
        let credentials = Credentials::Masterkey(self.key.clone());
        engine(&self.gate, &self.relay)
            .and_then(|engine| engine.open(&credentials))
            .map_err(|error| self.explain("open the repository", error))
    }

    pub fn key(&self) -> &MasterKey {
        &self.key
    }

    /// Says what went wrong: what the target said if it was the target, else what the engine says.
    pub fn explain(&self, what: &'static str, error: Box<RusticError>) -> Error {
        explain(&self.gate, what, &error)
    }

    /// As [`Opened::explain`], for work that was watched.
    pub fn settle<T>(
        &self,
        what: &'static str,
        outcome: Result<RusticResult<T>, String>,
    ) -> Result<T, Error> {
        match outcome {
            Ok(result) => result.map_err(|error| self.explain(what, error)),
            Err(panic) => Err(self.gate.take_failure().unwrap_or_else(|| Error::Engine {
                what,
                place: self.store.place(),
                reason: reason(&panic),
            })),
        }
    }
}

fn gates(store: &Arc<dyn Store>, rights: Rights) -> (Arc<Gate>, Arc<Relay>) {
    (Arc::new(Gate::new(store.clone(), rights)), Arc::default())
}

/// No cache on disk: whatever is read comes from the target.
fn engine(gate: &Arc<Gate>, relay: &Arc<Relay>) -> RusticResult<Repository<()>> {
    // An old failure that the engine got over must not explain a later one.
    gate.take_failure();
    let backends = RepositoryBackends::new(gate.clone(), None);
    let options = RepositoryOptions::default().no_cache(true);
    Repository::new_with_progress(&options, &backends, Bars(relay.clone()))
}

fn explain(gate: &Gate, what: &'static str, error: &RusticError) -> Error {
    gate.take_failure().unwrap_or_else(|| Error::Engine {
        what,
        place: rustic_core::ReadBackend::location(gate),
        reason: reason(error.display_log().trim_start_matches("Error: ")),
    })
}

/// What the engine said, for people. It says what is damaged by saying what did not decrypt, and in
/// a restore it panics with the debug form of its own error.
fn reason(text: &str) -> String {
    let is_damage = ["kind: Cryptography", "cryptographic operations", "MAC check failed"];
    if !is_damage.iter().any(|word| text.contains(word)) {
        return one_line(text);
    }
    "what was read does not decrypt: it is not what was written; `stead backup check --all` names \
     all that is damaged"
        .to_owned()
}

fn one_line(text: &str) -> String {
    model::text::printable(&text.split_whitespace().collect::<Vec<_>>().join(" "), 2000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_in_words_and_the_rest_in_one_line() {
        let panic = "called `Result::unwrap()` on an `Err` value: RusticError { kind: Cryptography, \
                     guidance: \"Data decryption failed, MAC check failed.\" }";
        let told = reason(panic);
        assert!(told.starts_with("what was read does not decrypt"), "{told}");
        assert!(!told.contains("RusticError"), "{told}");
        assert_eq!(reason("no\n  room"), "no room");
    }
}
