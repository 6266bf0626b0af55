//! Brings a snapshot's whole tree back into an empty folder, and looks whether it is as it was.
//!
//! Leaves out putting it into service.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustic_core::repofile::{Node, NodeType};
use rustic_core::{LocalDestination, LsOptions, RestoreOptions, RusticResult};
use rustix::process::geteuid;

use crate::error::Error;
use crate::lease::Lease;
use crate::progress::Progress;
use crate::repository::contents;
use crate::repository::opened::Opened;
use crate::repository::relay::watch;
use crate::snapshot::{Restored, SnapshotId};
use crate::source::attributes;
use crate::source::names::Names;

/// Less than so many bytes free is a full disk.
const FULL: u64 = 1 << 20;
/// The most faults that are told one by one.
const FAULTS: usize = 1000;

pub fn restore(
    opened: &Opened,
    id: &SnapshotId,
    into: &Path,
    progress: &dyn Progress,
) -> Result<Restored, Error> {
    let begun = Instant::now();
    empty(into)?;
    let lease = Lease::to_read(opened.store.clone(), opened.key())?;
    progress.step("reading the index");
    let engine = opened.engine()?;
    let snapshot = contents::snapshot(opened, &engine, id)?;
    let what = "restore the snapshot";
    let engine = opened.settle(what, watch(&opened.relay, progress, || engine.to_indexed()))?;
    let text = into.to_str().ok_or_else(|| Error::Restore {
        path: into.to_owned(),
        reason: "the name of the folder is no UTF-8".to_owned(),
    })?;

    progress.step("restoring files");
    // Holes stay holes as far as whole blobs of zeros go.
    let options = RestoreOptions::default().sparse(rustic_sparse());
    let work = || -> RusticResult<()> {
        let root = engine.node_from_snapshot_and_path(&snapshot, "")?;
        let destination = LocalDestination::new(text, true, false)?;
        let listing = LsOptions::default();
        let nodes = engine.ls(&root, &listing)?;
        let plan = engine.prepare_restore(&options, nodes.clone(), &destination, false)?;
        engine.restore(plan, &options, nodes, &destination)
    };
    let worked = opened.settle(what, watch(&opened.relay, progress, work));
    worked.map_err(|error| full(into).unwrap_or(error))?;

    progress.step("comparing with the snapshot");
    let look = || -> RusticResult<Found> {
        let root = engine.node_from_snapshot_and_path(&snapshot, "")?;
        let mut found = Found::new(into);
        for entry in engine.ls(&root, &LsOptions::default())? {
            let (path, node) = entry?;
            found.compare(&path, &node);
        }
        Ok(found)
    };
    let found = opened.settle(what, watch(&opened.relay, progress, look))?;
    if let Some(error) = found.broken {
        return Err(full(into).unwrap_or(error));
    }
    let folder = fs::File::open(into);
    let synced = folder.and_then(|folder| rustix::fs::syncfs(folder).map_err(io::Error::from));
    synced.map_err(|source| Error::Local { what: "sync", path: into.to_owned(), source })?;
    lease.release()?;
    let took = begun.elapsed();
    Ok(Restored { files: found.files, bytes: found.bytes, faults: found.faults, took })
}

/// The engine does not export the type: its default text form is what the command line takes.
fn rustic_sparse<T: serde::de::DeserializeOwned>() -> Option<T> {
    serde_json::from_str("\"ByContent\"").ok()
}

/// A new folder, or one with nothing in it.
fn empty(into: &Path) -> Result<(), Error> {
    let failed = |what, source| Error::Local { what, path: into.to_owned(), source };
    match fs::read_dir(into).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::Occupied { path: into.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(into)
            .map_err(|error| failed("make", error)),
        Err(error) => Err(failed("look into", error)),
    }
}

/// The engine says badly that a disk is full.
fn full(into: &Path) -> Option<Error> {
    let free = rustix::fs::statvfs(into).ok()?;
    (free.f_bavail.saturating_mul(free.f_frsize) < FULL).then(|| Error::Local {
        what: "restore into",
        path: into.to_owned(),
        source: io::ErrorKind::StorageFull.into(),
    })
}

/// What lies there now.
struct Found<'a> {
    into: &'a Path,
    names: Names,
    is_root: bool,
    files: u64,
    bytes: u64,
    faults: Vec<String>,
    /// The first file that is missing or not whole.
    broken: Option<Error>,
}

impl<'a> Found<'a> {
    fn new(into: &'a Path) -> Self {
        Self {
            into,
            names: Names::of_this_machine(),
            is_root: geteuid().is_root(),
            files: 0,
            bytes: 0,
            faults: Vec::new(),
            broken: None,
        }
    }

    fn compare(&mut self, path: &Path, node: &Node) {
        let place = self.into.join(path);
        let fails = |reason: String| Error::Restore { path: place.clone(), reason };
        let metadata = match fs::symlink_metadata(&place) {
            Ok(metadata) => metadata,
            Err(error) => {
                self.broken.get_or_insert_with(|| fails(error.to_string()));
                return;
            }
        };
        self.files += u64::from(!node.is_dir());
        if node.is_file() {
            self.bytes += node.meta.size;
            if !metadata.is_file() || metadata.len() != node.meta.size {
                let reason =
                    format!("it has {} bytes instead of {}", metadata.len(), node.meta.size);
                self.broken.get_or_insert_with(|| fails(reason));
                return;
            }
        }
        for (what, differs) in self.differences(&place, &metadata, node) {
            if differs && self.faults.len() < FAULTS {
                let path = model::text::printable(&path.to_string_lossy(), 4096);
                self.faults.push(format!("`/{path}` has another {what} than in the snapshot"));
            }
        }
    }

    fn differences(
        &self,
        place: &PathBuf,
        metadata: &fs::Metadata,
        node: &Node,
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
        // A name counts for more than a number, which may be another's on another machine.
        let user = meta.user.as_deref().and_then(|name| self.names.user_number(name));
        let group = meta.group.as_deref().and_then(|name| self.names.group_number(name));
        let owned = |wanted: Option<u32>, is: u32| wanted.is_none_or(|wanted| wanted == is);
        let time = meta.mtime.is_none_or(|time| {
            (time.as_second(), i64::from(time.subsec_nanosecond()))
                == normal(metadata.mtime(), metadata.mtime_nsec())
        });
        let stored = serde_json::to_value(&meta.extended_attributes).unwrap_or_default();
        let kept = attributes::of_path(place, false).map(|kept| attributes::stored(&kept));
        let kept: serde_json::Value = kept.unwrap_or_default();
        let alike = stored == kept || (is_nothing(&stored) && is_nothing(&kept));
        [
            ("kind or link", !kind),
            (
                "mode",
                !is_link && meta.mode.is_some_and(|mode| bits(mode) != metadata.mode() & 0o7777),
            ),
            ("owner", self.is_root && !owned(user.or(meta.uid), metadata.uid())),
            ("group", self.is_root && !owned(group.or(meta.gid), metadata.gid())),
            ("time", !time),
            ("extended attribute", !is_link && !alike),
        ]
    }
}

fn is_nothing(value: &serde_json::Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Seconds and nanoseconds of the same sign, as jiff counts before 1970.
fn normal(seconds: i64, nanoseconds: i64) -> (i64, i64) {
    if seconds < 0 && nanoseconds > 0 {
        (seconds + 1, nanoseconds - 1_000_000_000)
    } else {
        (seconds, nanoseconds)
    }
}

/// The permissions of Go's mode as Unix has them.
fn bits(mode: u32) -> u32 {
    let set = |bit: u32, unix| if mode & (1 << bit) != 0 { unix } else { 0 };
    mode & 0o777 | set(23, 0o4000) | set(22, 0o2000) | set(20, 0o1000)
}
