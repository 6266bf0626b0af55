//! The gate between the engine and a target: what a handle may remove, and what went wrong.
//!
//! Leaves out locks, which the lease writes past this gate, its own only.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rustic_core::{
    BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend,
};

use crate::error::Error;
use crate::target::store::{Kind, Store};

/// What a handle may do with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Add, and remove nothing: what a host has.
    Append,
    /// Remove what nothing needs: what pruning has.
    Prune,
}

/// A target as the engine sees it.
#[derive(Debug)]
pub struct Gate {
    store: Arc<dyn Store>,
    rights: Rights,
    /// A snapshot is written by us, when all that it should have is known, and not by the engine.
    holds_snapshots: AtomicBool,
    /// The first thing that went wrong since it was asked last; the engine would tell it badly.
    failure: Mutex<Option<Error>>,
    /// The name of the snapshot that was written last.
    written: Mutex<Option<String>>,
    fetched: AtomicU64,
    sent: AtomicU64,
}

impl Gate {
    pub fn new(store: Arc<dyn Store>, rights: Rights) -> Self {
        Self {
            store,
            rights,
            holds_snapshots: AtomicBool::new(false),
            failure: Mutex::new(None),
            written: Mutex::new(None),
            fetched: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        }
    }

    pub(crate) fn hold_snapshots(&self, hold: bool) {
        self.holds_snapshots.store(hold, Ordering::SeqCst);
    }

    /// Takes what went wrong first since the last call.
    pub(crate) fn take_failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes the name of the snapshot that was written last.
    pub(crate) fn take_written(&self) -> Option<String> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Bytes read from the target so far.
    pub(crate) fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// Bytes written to the target so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Tells the engine that something went wrong, and keeps what it was.
    fn failed(&self, error: Error) -> Box<RusticError> {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            let _ = write!(text, ": {cause}");
            source = cause.source();
        }
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        RusticError::new(ErrorKind::Backend, text)
    }

    /// A part of a pack, for a reader of our own.
    pub(crate) fn part(&self, pack: &str, offset: u64, length: u64) -> Result<Bytes, Error> {
        let part = self.store.read_part(Kind::Pack, pack, offset, length)?;
        self.fetched.fetch_add(part.len() as u64, Ordering::Relaxed);
        Ok(part)
    }

    fn received(&self, result: Result<Bytes, Error>) -> RusticResult<Bytes> {
        let bytes = result.map_err(|error| self.failed(error))?;
        self.fetched.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::Config => Kind::Config,
        FileType::Index => Kind::Index,
        FileType::Key => Kind::Key,
        FileType::Snapshot => Kind::Snapshot,
        FileType::Pack => Kind::Pack,
    }
}

impl ReadBackend for Gate {
    fn location(&self) -> String {
        self.store.place()
    }

    fn list_with_size(&self, file_type: FileType) -> RusticResult<Vec<(Id, u32)>> {
        if file_type == FileType::Config {
            let founded = self.store.is_founded().map_err(|error| self.failed(error))?;
            return Ok(if founded { vec![(Id::default(), 0)] } else { Vec::new() });
        }
        let names = self.store.list(kind(file_type)).map_err(|error| self.failed(error))?;
        let mut listed = Vec::with_capacity(names.len());
        for (name, size) in names {
            listed.push((name.parse::<Id>()?, u32::try_from(size).unwrap_or(u32::MAX)));
        }
        Ok(listed)
    }

    fn read_full(&self, file_type: FileType, id: &Id) -> RusticResult<Bytes> {
        self.received(self.store.read(kind(file_type), &id.to_hex()))
    }

    fn read_partial(
        &self,
        file_type: FileType,
        id: &Id,
        _cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        let (offset, length) = (u64::from(offset), u64::from(length));
        self.received(self.store.read_part(kind(file_type), &id.to_hex(), offset, length))
    }

    fn warmup_path(&self, file_type: FileType, id: &Id) -> String {
        kind(file_type).path(&id.to_hex())
    }
}

impl WriteBackend for Gate {
    /// Nothing: who makes a repository has made its folders, for the key that comes first.
    fn create(&self) -> RusticResult<()> {
        Ok(())
    }

    fn write_bytes(
        &self,
        file_type: FileType,
        id: &Id,
        _cacheable: bool,
        content: BytesList,
    ) -> RusticResult<()> {
        if file_type == FileType::Snapshot && self.holds_snapshots.load(Ordering::SeqCst) {
            return Ok(());
        }
        let written = self.store.write(kind(file_type), &id.to_hex(), content.slice());
        written.map_err(|error| self.failed(error))?;
        self.sent.fetch_add(content.size() as u64, Ordering::Relaxed);
        if file_type == FileType::Snapshot {
            let mut last = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some(id.to_hex().to_string());
        }
        Ok(())
    }

    fn remove(&self, file_type: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        let name = id.to_hex();
        if self.rights == Rights::Append {
            let (object, place) = (kind(file_type).object(&name), self.store.place());
            return Err(self.failed(Error::AppendOnly { object, place }));
        }
        self.store.remove(kind(file_type), &name).map_err(|error| self.failed(error))
    }
}
