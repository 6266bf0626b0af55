//! Leases on a repository: restic's own locks, refreshed while work goes on, so that stead and
//! restic respect each other.
//!
//! Leaves out what the work is. A lock that outlives its owner's care stops nobody: one that nobody
//! refreshed for half an hour, and one whose process is gone; the latter is taken away, since
//! restic would wait for somebody to do that.

pub mod lock;

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use rustic_core::repofile::MasterKey;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::lease::lock::{Lock, Me};
use crate::seal::Seal;
use crate::target::store::{Kind, Store};

/// How often a lock is written anew. restic does it as often.
const REFRESH: Duration = Duration::from_secs(5 * 60);
/// After so long without a refresh others take the lock for stale, less a margin.
const LOST: Duration = Duration::from_secs(25 * 60);
/// How often a lock is asked for again when two asked for it at once.
const ATTEMPTS: u32 = 3;
/// Before asking again; restic waits as long before it looks a second time.
const PAUSE: Duration = Duration::from_millis(200);

/// A lock that this process holds; dropped, it is removed.
#[derive(Debug)]
pub struct Lease {
    held: Arc<Held>,
    stop: Option<Sender<()>>,
    refresher: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Held {
    store: Arc<dyn Store>,
    seal: Seal,
    me: Me,
    exclusive: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The present lock's file; none once it was removed.
    name: Option<String>,
    refreshed: Instant,
    /// What the last refresh failed of.
    failure: Option<String>,
}

impl Lease {
    /// For adding and reading: any number at once, none beside an exclusive one.
    pub fn shared(store: Arc<dyn Store>, key: &MasterKey) -> Result<Self, Error> {
        Self::take(store, key, false)
    }

    /// For reading: as [`Lease::shared`], and none at all where a lock cannot be written, as on a
    /// medium that is mounted for reading only: nobody removes anything there either.
    pub fn to_read(store: Arc<dyn Store>, key: &MasterKey) -> Result<Reading, Error> {
        match Self::take(store, key, false) {
            Ok(lease) => Ok(Reading(Some(lease))),
            Err(Error::Access { source, .. }) if is_read_only(source.as_ref()) => Ok(Reading(None)),
            Err(error) => Err(error),
        }
    }

    /// For removing: none beside it.
    pub fn exclusive(store: Arc<dyn Store>, key: &MasterKey) -> Result<Self, Error> {
        Self::take(store, key, true)
    }

    fn take(store: Arc<dyn Store>, key: &MasterKey, exclusive: bool) -> Result<Self, Error> {
        let (seal, me) = (Seal::new(key), Me::of_this_process());
        let mut attempt = 1;
        let name = loop {
            // Looking first spares a lock that would be in the way of who holds one.
            obstacle(&store, &seal, &me, exclusive, None)?;
            let name = write(&store, &seal, &me, exclusive)?;
            match obstacle(&store, &seal, &me, exclusive, Some(&name)) {
                Ok(left) => {
                    // One that cannot be removed is in restic's way, and not in ours.
                    left.iter().for_each(|left| drop(store.remove(Kind::Lock, left)));
                    break name;
                }
                Err(error) => {
                    store.remove(Kind::Lock, &name)?;
                    if attempt == ATTEMPTS || !matches!(error, Error::Locked { .. }) {
                        return Err(error);
                    }
                    // Two that asked at once both step back: not for the same time.
                    thread::sleep(
                        PAUSE * attempt + Duration::from_millis(u64::from(me.process) % 97),
                    );
                    attempt += 1;
                }
            }
        };
        let state =
            Mutex::new(State { name: Some(name), refreshed: Instant::now(), failure: None });
        let held = Arc::new(Held { store, seal, me, exclusive, state });
        let (stop, stopped) = mpsc::channel();
        let refreshed = held.clone();
        let refresher = thread::Builder::new()
            .name("lease".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(REFRESH) == Err(RecvTimeoutError::Timeout) {
                    refreshed.refresh();
                }
            })
            .map_err(|error| Error::LeaseLost {
                place: held.store.place(),
                reason: format!("no thread to refresh it: {error}"),
            })?;
        Ok(Self { held, stop: Some(stop), refresher: Some(refresher) })
    }

    /// Fails if others may have taken this lock for stale, or somebody removed it.
    pub fn hold(&self) -> Result<(), Error> {
        let lost = |reason: String| Error::LeaseLost { place: self.held.store.place(), reason };
        let state = self.held.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.refreshed.elapsed() > LOST {
            let reason = state.failure.clone();
            return Err(lost(reason.unwrap_or_else(|| "it was not refreshed in time".to_owned())));
        }
        let present = self.held.store.list(Kind::Lock)?;
        match &state.name {
            Some(name) if present.iter().any(|(other, _)| other == name) => Ok(()),
            _ => Err(lost("somebody removed it".to_owned())),
        }
    }

    /// Removes the lock, and says if that failed.
    pub fn release(mut self) -> Result<(), Error> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        drop(self.stop.take());
        if let Some(refresher) = self.refresher.take() {
            let _ = refresher.join();
        }
        let name = {
            let mut state = self.held.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.name.take()
        };
        name.map_or(Ok(()), |name| self.held.store.remove(Kind::Lock, &name))
    }
}

/// What [`Lease::to_read`] gives.
#[derive(Debug)]
pub struct Reading(Option<Lease>);

impl Reading {
    /// Removes the lock, if there is one, and says if that failed.
    pub fn release(self) -> Result<(), Error> {
        self.0.map_or(Ok(()), Lease::release)
    }
}

fn is_read_only(source: &(dyn std::error::Error + 'static)) -> bool {
    let error = source.downcast_ref::<std::io::Error>();
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::ReadOnlyFilesystem)
}

impl Drop for Lease {
    fn drop(&mut self) {
        // What is left behind is stale as soon as this process is gone.
        let _ = self.end();
    }
}

impl Held {
    /// Writes a new lock, then removes the old one.
    fn refresh(&self) {
        let written = write(&self.store, &self.seal, &self.me, self.exclusive);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match written {
            Ok(name) => {
                let old = state.name.replace(name);
                state.refreshed = Instant::now();
                state.failure = None;
                drop(state);
                if let Some(old) = old {
                    // An old one that stays is stale soon.
                    let _ = self.store.remove(Kind::Lock, &old);
                }
            }
            Err(error) => state.failure = Some(error.to_string()),
        }
    }
}

fn write(store: &Arc<dyn Store>, seal: &Seal, me: &Me, exclusive: bool) -> Result<String, Error> {
    let sealed =
        seal.seal(&Lock::new(me, exclusive, Timestamp::now()).to_json()).map_err(|_| {
            let place = store.place();
            Error::LeaseLost { place, reason: "no randomness for its seal".to_owned() }
        })?;
    let name: String = Sha256::digest(&sealed).iter().map(|byte| format!("{byte:02x}")).collect();
    store.write(Kind::Lock, &name, &[Bytes::from(sealed)])?;
    Ok(name)
}

/// The lock that is in the way, if there is one, as an error; else those that killed processes of
/// this host have left.
fn obstacle(
    store: &Arc<dyn Store>,
    seal: &Seal,
    me: &Me,
    exclusive: bool,
    own: Option<&str>,
) -> Result<Vec<String>, Error> {
    let mut left = Vec::new();
    for (name, _) in store.list(Kind::Lock)? {
        if own == Some(&name) {
            continue;
        }
        let sealed = match store.read(Kind::Lock, &name) {
            Ok(sealed) => sealed,
            // It was released meanwhile.
            Err(Error::Gone { .. }) => continue,
            Err(error) => return Err(error),
        };
        // One that cannot be read was never finished: restic ignores it, too.
        let Some(lock) = seal.open(&sealed).and_then(|json| Lock::from_json(&json)) else {
            continue;
        };
        if lock.is_left(me) {
            left.push(name);
        } else if (exclusive || lock.exclusive) && !lock.is_stale(me, Timestamp::now()) {
            return Err(Error::Locked {
                place: store.place(),
                host: model::text::printable(&lock.hostname, 253),
                user: model::text::printable(&lock.username, 64),
                process: lock.pid,
                since: lock.time,
                exclusive: lock.exclusive,
            });
        }
    }
    Ok(left)
}
