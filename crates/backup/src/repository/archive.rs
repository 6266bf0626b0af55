//! Makes a snapshot.
//!
//! Leaves out the dump, which lies in the staging folder by now, and reading back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::backup::scope::Scope;
use rustic_core::repofile::{SnapshotFile, SnapshotSummary};
use rustic_core::{BackupOptions, ParentOptions, SnapshotGroupCriterion, SnapshotOptions};

use crate::error::Error;
use crate::lease::Lease;
use crate::progress::Progress;
use crate::repository::opened::Opened;
use crate::repository::relay::watch;
use crate::snapshot::{INCOMPLETE, Saved, SnapshotId, Trouble, What};
use crate::source::Source;

/// What is saved.
#[derive(Clone, Copy, Debug)]
pub struct Take<'a> {
    pub scope: &'a Scope,
    /// Holds the dump and the manifest; a path of the snapshot like any other.
    pub staging: &'a Path,
    /// The snapshot's time, a label.
    pub at: Timestamp,
}

pub fn save(opened: &Opened, take: &Take<'_>, progress: &dyn Progress) -> Result<Saved, Error> {
    let begun = Instant::now();
    let mut paths: Vec<PathBuf> = take.scope.paths.iter().map(PathBuf::from).collect();
    paths.push(take.staging.to_owned());
    if let Some(path) = paths.iter().find(|path| !path.is_absolute()) {
        return Err(Error::Relative { path: path.clone() });
    }
    let lease = Lease::shared(opened.store.clone(), opened.key())?;
    progress.step("reading the index");
    let engine = opened.engine()?;
    let engine = opened
        .settle("read the index", watch(&opened.relay, progress, || engine.to_indexed_ids()))?;
    let scope = take.scope.clone();
    let source = Source::new(paths, Arc::new(move |path: &Path| scope.leaves_out(path)));
    let roots = source.roots().to_vec();
    let description = describe(opened, take)?;

    // Of this host's last snapshot: a service has one set of paths, and a recipe that adds one
    // need not have all others read again.
    let parent =
        ParentOptions::default().group_by(Some(SnapshotGroupCriterion::new().hostname(true)));
    let options = BackupOptions::default().parent_opts(parent).no_scan(true);
    progress.step("saving files");
    let sent = opened.gate.sent();
    opened.gate.hold_snapshots(true);
    let archived =
        watch(&opened.relay, progress, || engine.archive(&options, &source, description, &roots));
    opened.gate.hold_snapshots(false);
    let mut snapshot = opened.settle("save files", archived)?;

    let (lacking, notes): (Vec<Trouble>, Vec<Trouble>) = source
        .troubles()
        .take()
        .into_iter()
        .partition(|trouble| matches!(trouble.what, What::Unreadable(_)));
    if !lacking.is_empty() {
        snapshot.tags.add(INCOMPLETE.to_owned());
    }
    if let Some(reason) = progress.void() {
        return Err(Error::Void { place: opened.store.place(), reason });
    }
    // Whoever removes what nothing needs must not have come in between, nor while that was asked.
    lease.hold()?;
    let summary = snapshot.summary.clone().unwrap_or_default();
    let id = write(opened, snapshot)?;
    let saved = report(id, &summary, notes, opened.gate.sent() - sent, begun);
    lease.release()?;
    if lacking.is_empty() {
        Ok(saved)
    } else {
        Err(Error::Incomplete { saved: Box::new(saved), lacking })
    }
}

fn describe(opened: &Opened, take: &Take<'_>) -> Result<SnapshotFile, Error> {
    let failed = |error| opened.explain("describe the snapshot", error);
    let mut snapshot = SnapshotOptions::default()
        .host(take.scope.host.clone())
        .command("stead backup".to_owned())
        .time(take.at.to_zoned(TimeZone::UTC))
        .to_snapshot()
        .map_err(failed)?;
    snapshot.program_version = concat!("stead ", env!("CARGO_PKG_VERSION")).to_owned();
    snapshot.tags.add(format!("service={}", take.scope.service));
    snapshot.tags.add(format!("recipe={}", take.scope.recipe));
    Ok(snapshot)
}

/// Writes the snapshot itself, last of all: what it names is there by now.
fn write(opened: &Opened, snapshot: SnapshotFile) -> Result<SnapshotId, Error> {
    let what = "write the snapshot";
    let written = opened.engine()?.save_snapshots(vec![snapshot]);
    written.map_err(|error| opened.explain(what, error))?;
    opened.gate.take_written().and_then(|name| name.parse().ok()).ok_or_else(|| Error::Engine {
        what,
        place: opened.store.place(),
        reason: "the engine wrote none".to_owned(),
    })
}

fn report(
    id: SnapshotId,
    summary: &SnapshotSummary,
    notes: Vec<Trouble>,
    added_bytes: u64,
    begun: Instant,
) -> Saved {
    Saved {
        id,
        files: summary.total_files_processed,
        bytes: summary.total_bytes_processed,
        unchanged: summary.files_unmodified,
        added_bytes,
        notes,
        took: begun.elapsed(),
    }
}
