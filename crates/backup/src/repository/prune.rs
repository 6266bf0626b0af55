//! Removes snapshots and what nothing needs any longer: what is to stay is written anew, read
//! back, and only then its old place removed.
//!
//! Leaves out which snapshots go: `model::backup::retention` decides.

use std::collections::BTreeSet;

use rustic_core::jiff::Span;
use rustic_core::{Id, LimitOption, PruneOptions, PrunePlan};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::lease::Lease;
use crate::progress::Progress;
use crate::repository::contents;
use crate::repository::opened::Opened;
use crate::repository::relay::watch;
use crate::snapshot::{Pruned, SnapshotId};
use crate::target::store::Kind;

/// Says what pruning would do.
pub fn plan(opened: &Opened, drop: &[SnapshotId]) -> Result<Pruned, Error> {
    let drop = known(opened, drop)?;
    let lease = Lease::to_read(opened.store.clone(), opened.key())?;
    let mut options = options();
    options.ignore_snaps = drop.iter().map(|id| (*id).into()).collect();
    let engine = opened.engine()?;
    let planned = engine.prune_plan(&options);
    let planned = planned.map_err(|error| opened.explain("plan the pruning", error))?;
    lease.release()?;
    Ok(told(&planned, drop.len()))
}

pub fn prune(
    opened: &Opened,
    drop: &[SnapshotId],
    progress: &dyn Progress,
) -> Result<Pruned, Error> {
    let lease = Lease::exclusive(opened.store.clone(), opened.key())?;
    let drop = known(opened, drop)?;
    let engine = opened.engine()?;
    let what = "prune the repository";
    progress.step("removing snapshots");
    let ids: Vec<_> = drop.iter().map(|id| (*id).into()).collect();
    engine.delete_snapshots(&ids).map_err(|error| opened.explain(what, error))?;

    progress.step("writing anew what is to stay");
    let before = packs(opened)?;
    let mark = options();
    let planned =
        opened.settle(what, watch(&opened.relay, progress, || engine.prune_plan(&mark)))?;
    let mut pruned = told(&planned, drop.len());
    opened.settle(what, watch(&opened.relay, progress, || engine.prune(&mark, planned)))?;

    progress.step("reading it back");
    for name in packs(opened)?.difference(&before) {
        let content = opened.store.read(Kind::Pack, name)?;
        let sum: String =
            Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        if sum != *name {
            let (object, place) = (Kind::Pack.object(name), opened.store.place());
            let reason = format!("just written, it came back with the sum {sum}");
            return Err(Error::Damaged { object, place, reason });
        }
    }

    lease.hold()?;
    progress.step("removing what nothing needs");
    let bytes = |list: Vec<(String, u64)>| list.iter().map(|(_, size)| size).sum::<u64>();
    let full = bytes(opened.store.list(Kind::Pack)?);
    let mut sweep = options();
    sweep.keep_delete = Span::new();
    // Only what the first round marked.
    sweep.max_repack = LimitOption::Percentage(0);
    sweep.max_unused = LimitOption::Unlimited;
    let engine = opened.engine()?;
    let planned =
        opened.settle(what, watch(&opened.relay, progress, || engine.prune_plan(&sweep)))?;
    opened.settle(what, watch(&opened.relay, progress, || engine.prune(&sweep, planned)))?;
    opened.store.sweep()?;
    let left = opened.store.list(Kind::Pack)?;
    pruned.packs =
        before.iter().filter(|name| !left.iter().any(|(l, _)| l == *name)).count() as u64;
    pruned.freed_bytes = full.saturating_sub(bytes(left)).saturating_sub(pruned.rewritten_bytes);
    lease.release()?;
    Ok(pruned)
}

/// The first round marks packs and leaves them where they are.
fn options() -> PruneOptions {
    let mut options = PruneOptions::default();
    options.max_repack = LimitOption::Unlimited;
    options
}

fn told(plan: &PrunePlan, snapshots: usize) -> Pruned {
    let size = plan.stats.size_sum();
    Pruned {
        snapshots: snapshots as u64,
        packs: plan.stats.packs.unused + plan.stats.packs.repack,
        rewritten_bytes: size.repack.saturating_sub(size.repackrm),
        freed_bytes: size.remove + size.repackrm + plan.stats.size_unref,
    }
}

fn packs(opened: &Opened) -> Result<BTreeSet<String>, Error> {
    Ok(opened.store.list(Kind::Pack)?.into_iter().map(|(name, _)| name).collect())
}

/// Refuses what would lose more than was asked for: a snapshot that cannot be read needs packs
/// that nobody can name, and the last snapshot is not to go.
fn known(opened: &Opened, drop: &[SnapshotId]) -> Result<Vec<Id>, Error> {
    let place = || opened.store.place();
    let (snapshots, damaged) = contents::snapshots(opened)?;
    if let Some(name) = damaged.first() {
        let reason = "what it needs is unknown, so nothing is removed".to_owned();
        return Err(Error::Damaged { object: Kind::Snapshot.object(name), place: place(), reason });
    }
    let mut ids = Vec::with_capacity(drop.len());
    for id in drop.iter().collect::<BTreeSet<_>>() {
        let missing = || Error::NoSnapshot { given: id.to_string(), place: place() };
        if !snapshots.iter().any(|snapshot| snapshot.id == *id) {
            return Err(missing());
        }
        ids.push(id.as_str().parse::<Id>().map_err(|_| missing())?);
    }
    if !ids.is_empty() && ids.len() == snapshots.len() {
        return Err(Error::NoneLeft { place: place() });
    }
    Ok(ids)
}
