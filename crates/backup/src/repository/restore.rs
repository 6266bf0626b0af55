//! Brings a snapshot's whole tree back into an empty folder, and looks whether it is as it was.
//!
//! By a reader of our own: the engine's holds twenty packs and the place of every blob in memory.
//! Leaves out putting it into service.

mod blobs;
mod found;
mod portion;
mod traits;
mod walk;

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use crate::error::Error;
use crate::lease::Lease;
use crate::progress::Progress;
use crate::repository::contents;
use crate::repository::opened::Opened;
use crate::repository::relay::watch;
use crate::repository::restore::found::Found;
use crate::repository::restore::portion::{Portion, Tools};
use crate::repository::restore::walk::walk;
use crate::snapshot::{Restored, SnapshotId};

/// Less than so many bytes free is a full disk.
const FULL: u64 = 1 << 20;

pub fn restore(
    opened: &Opened,
    id: &SnapshotId,
    into: &Path,
    only: &[PathBuf],
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

    for path in only {
        let there = contents::find(&engine, &snapshot, path);
        if there.map_err(|error| opened.explain(what, error))?.is_none() {
            let (path, snapshot) = (Path::new("/").join(path), id.short().to_owned());
            return Err(Error::NotInSnapshot { path, snapshot });
        }
    }

    progress.step("restoring files");
    let found = Found::new(into);
    let tools = Tools::new(opened, into, &found)?;
    // How much a part of it is, nobody knows before.
    let whole = snapshot.summary.as_ref().filter(|_| only.is_empty());
    let total = whole.map_or(0, |summary| summary.total_bytes_processed);
    let work = || {
        opened.relay.begin(total);
        thread::scope(|scope| {
            // One portion is written while the next is put together.
            let (send, receive) = sync_channel::<Portion>(1);
            let writing = scope.spawn(|| receive.into_iter().try_for_each(|one| one.write(&tools)));
            let walked = walk(opened, &engine, snapshot.tree, &tools, into, only, |portion| {
                send.send(portion).is_ok()
            });
            drop(send);
            let written = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            written.and(walked)
        })
    };
    let worked = watch(&opened.relay, progress, work);
    let worked = worked.unwrap_or_else(|panic| opened.settle(what, Err(panic)));
    worked.map_err(|error| full(into).unwrap_or(error))?;

    let folder = fs::File::open(into);
    let synced = folder.and_then(|folder| rustix::fs::syncfs(folder).map_err(io::Error::from));
    synced.map_err(|source| Error::Local { what: "sync", path: into.to_owned(), source })?;
    lease.release()?;
    Ok(found.told(begun.elapsed()))
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

/// Whatever failed on a full disk failed of that.
fn full(into: &Path) -> Option<Error> {
    let free = rustix::fs::statvfs(into).ok()?;
    (free.f_bavail.saturating_mul(free.f_frsize) < FULL).then(|| Error::Local {
        what: "restore into",
        path: into.to_owned(),
        source: io::ErrorKind::StorageFull.into(),
    })
}
