//! Whether what lies there now is as the snapshot has it.
//!
//! Leaves out the bytes within a file: each blob was compared with its name before it was written.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustic_core::repofile::{Node, NodeType};
use rustix::process::geteuid;

use crate::error::Error;
use crate::repository::restore::traits::{attributes_of, bits};
use crate::snapshot::{Restored, Strangers};
use crate::source::attributes::{self, Attributes};
use crate::source::names::Names;

/// The most faults that are told one by one.
const FAULTS: usize = 1000;

/// What was found so far.
pub struct Found {
    into: PathBuf,
    names: Names,
    is_root: bool,
    files: AtomicU64,
    bytes: AtomicU64,
    faults: Mutex<Vec<String>>,
    strangers: Mutex<Strangers>,
}

impl Found {
    pub fn new(into: &Path) -> Self {
        Self {
            into: into.to_owned(),
            names: Names::of_this_machine(),
            is_root: geteuid().is_root(),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            faults: Mutex::new(Vec::new()),
            strangers: Mutex::default(),
        }
    }

    pub fn told(self, took: Duration) -> Restored {
        let mut faults = self.faults.into_inner().unwrap_or_else(PoisonError::into_inner);
        // They were found by several at once.
        faults.sort();
        let (files, bytes) = (self.files.into_inner(), self.bytes.into_inner());
        let strangers = self.strangers.into_inner().unwrap_or_else(PoisonError::into_inner);
        Restored { files, bytes, faults, strangers, took }
    }

    /// The owner and the group that it should have: a name counts for more than a number, which
    /// may be another's on another machine.
    pub fn owner(&self, node: &Node) -> (Option<u32>, Option<u32>) {
        let meta = &node.meta;
        let user = meta.user.as_deref().and_then(|name| self.names.user_number(name));
        let group = meta.group.as_deref().and_then(|name| self.names.group_number(name));
        (user.or(meta.uid), group.or(meta.gid))
    }

    /// Notes an owner that this machine does not have.
    fn note(&self, node: &Node) {
        let meta = &node.meta;
        let unknown = |known: Option<u32>| known.is_none();
        let user = meta.user.as_deref().filter(|name| unknown(self.names.user_number(name)));
        let group = meta.group.as_deref().filter(|name| unknown(self.names.group_number(name)));
        if user.is_none() && group.is_none() {
            return;
        }
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(name), Some(number)) = (user, meta.uid) {
            strangers.users.entry(name.to_owned()).or_insert(number);
        }
        if let (Some(name), Some(number)) = (group, meta.gid) {
            strangers.groups.entry(name.to_owned()).or_insert(number);
        }
    }

    /// Looks at a file that is open.
    pub fn file(&self, file: &File, place: &Path, node: &Node) -> Result<(), Error> {
        self.compare(place, node, file.metadata(), || attributes::of_file(file))
    }

    /// Looks at what lies at a place.
    pub fn place(&self, place: &Path, node: &Node) -> Result<(), Error> {
        let kept = || attributes::of_path(place, false);
        self.compare(place, node, fs::symlink_metadata(place), kept)
    }

    fn compare(
        &self,
        place: &Path,
        node: &Node,
        metadata: io::Result<Metadata>,
        kept: impl Fn() -> io::Result<Attributes>,
    ) -> Result<(), Error> {
        let fails = |reason: String| Error::Restore { path: place.to_owned(), reason };
        let metadata = metadata.map_err(|error| fails(error.to_string()))?;
        self.note(node);
        self.files.fetch_add(u64::from(!node.is_dir()), Ordering::Relaxed);
        if node.is_file() {
            let (is, was) = (metadata.len(), node.meta.size);
            self.bytes.fetch_add(was, Ordering::Relaxed);
            if !metadata.is_file() || is != was {
                return Err(fails(format!("it has {is} bytes instead of {was}")));
            }
        }
        for (what, differs) in self.differences(place, &metadata, node, kept) {
            if !differs {
                continue;
            }
            let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
            if faults.len() < FAULTS {
                let path = place.strip_prefix(&self.into).unwrap_or(place).to_string_lossy();
                let path = model::text::printable(&path, 4096);
                faults.push(format!("`/{path}` has another {what} than in the snapshot"));
            }
        }
        Ok(())
    }

    fn differences(
        &self,
        place: &Path,
        metadata: &Metadata,
        node: &Node,
        kept: impl Fn() -> io::Result<Attributes>,
    ) -> [(&'static str, bool); 6] {
        let meta = &node.meta;
        let is_link = node.is_symlink();
        let kind = match node.node_type {
            NodeType::File => metadata.is_file(),
            NodeType::Dir => metadata.is_dir(),
            NodeType::Symlink { .. } => {
                fs::read_link(place).is_ok_and(|target| target == node.node_type.to_link())
            }
            _ => !metadata.is_file() && !metadata.is_dir(),
        };
        let (user, group) = self.owner(node);
        let owned = |wanted: Option<u32>, is: u32| wanted.is_none_or(|wanted| wanted == is);
        let time = meta.mtime.is_none_or(|time| {
            (time.as_second(), i64::from(time.subsec_nanosecond()))
                == normal(metadata.mtime(), metadata.mtime_nsec())
        });
        let alike = || kept().is_ok_and(|kept| kept == attributes_of(node));
        [
            ("kind or link", !kind),
            (
                "mode",
                !is_link && meta.mode.is_some_and(|mode| bits(mode) != metadata.mode() & 0o7777),
            ),
            ("owner", self.is_root && !owned(user, metadata.uid())),
            ("group", self.is_root && !owned(group, metadata.gid())),
            ("time", !time),
            ("extended attribute", !is_link && !alike()),
        ]
    }
}

/// Seconds and nanoseconds of the same sign, as jiff counts before 1970.
fn normal(seconds: i64, nanoseconds: i64) -> (i64, i64) {
    if seconds < 0 && nanoseconds > 0 {
        (seconds + 1, nanoseconds - 1_000_000_000)
    } else {
        (seconds, nanoseconds)
    }
}
