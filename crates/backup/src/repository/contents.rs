//! What is in a repository: its snapshots, and single files of them.
//!
//! Leaves out whole trees, which `restore` brings back.

use std::path::{Component, Path};

use rustic_core::repofile::{Node, SnapshotFile};
use rustic_core::{Id, IndexedFull, IndexedTree, Repository, RusticResult};

use crate::error::Error;
use crate::repository::opened::Opened;
use crate::snapshot::{Snapshot, SnapshotId};
use crate::target::store::Kind;

/// The largest file that is read into memory, in bytes.
const LARGEST: u64 = 64 << 20;

/// All snapshots that can be read, newest last, and the names of those that cannot.
pub fn snapshots(opened: &Opened) -> Result<(Vec<Snapshot>, Vec<String>), Error> {
    let engine = opened.engine()?;
    let mut snapshots = Vec::new();
    let mut damaged = Vec::new();
    for (name, _) in opened.store.list(Kind::Snapshot)? {
        let Ok(id) = name.parse::<Id>() else { continue };
        match engine.get_file::<SnapshotFile>(&id.into()) {
            Ok(file) => snapshots.push(described(&name, &file)),
            Err(error) => match opened.explain("read a snapshot", error) {
                // Somebody removed it meanwhile.
                Error::Gone { .. } => {}
                Error::Engine { .. } | Error::Damaged { .. } => damaged.push(name),
                error => return Err(error),
            },
        }
    }
    snapshots.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    Ok((snapshots, damaged))
}

fn described(name: &str, file: &SnapshotFile) -> Snapshot {
    let summary = file.summary.as_ref();
    Snapshot {
        id: name.parse().expect("the target lists names of 64 hexadecimal digits"),
        at: file.time.timestamp(),
        host: file.hostname.clone(),
        paths: file.paths.iter().cloned().collect(),
        tags: file.tags.iter().cloned().collect(),
        bytes: summary.map(|summary| summary.total_bytes_processed),
        files: summary.map(|summary| summary.total_files_processed),
    }
}

/// One snapshot, as the repository has it.
pub fn snapshot<S: rustic_core::Open>(
    opened: &Opened,
    engine: &Repository<S>,
    id: &SnapshotId,
) -> Result<SnapshotFile, Error> {
    let missing = || Error::NoSnapshot { given: id.to_string(), place: opened.store.place() };
    let parsed = id.as_str().parse::<Id>().map_err(|_| missing())?;
    engine.get_file::<SnapshotFile>(&parsed.into()).map_err(|error| {
        match opened.explain("read the snapshot", error) {
            Error::Gone { .. } => missing(),
            Error::Engine { reason, place, .. } => {
                Error::Damaged { object: Kind::Snapshot.object(id.as_str()), place, reason }
            }
            error => error,
        }
    })
}

/// One small file of a snapshot.
pub fn read(opened: &Opened, id: &SnapshotId, path: &Path) -> Result<Vec<u8>, Error> {
    let engine = opened.engine()?;
    let snapshot = snapshot(opened, &engine, id)?;
    let failed = |error| opened.explain("read a file of the snapshot", error);
    let engine = engine.to_indexed().map_err(failed)?;
    let node = find(&engine, &snapshot, path).map_err(failed)?;
    let node = node.filter(Node::is_file).ok_or_else(|| Error::NotInSnapshot {
        path: path.to_owned(),
        snapshot: id.short().to_owned(),
    })?;
    if node.meta.size > LARGEST {
        let (path, snapshot) = (path.to_owned(), id.short().to_owned());
        return Err(Error::TooLarge { path, snapshot, bytes: node.meta.size, limit: LARGEST });
    }
    let mut content = Vec::new();
    dump(&engine, &node, &mut content).map_err(failed)?;
    Ok(content)
}

fn dump<S: IndexedFull>(
    engine: &Repository<S>,
    node: &Node,
    content: &mut Vec<u8>,
) -> RusticResult<()> {
    engine.dump(node, content)
}

/// What lies at a path of a snapshot, if anything does.
pub fn find<S: IndexedTree>(
    engine: &Repository<S>,
    snapshot: &SnapshotFile,
    path: &Path,
) -> RusticResult<Option<Node>> {
    let mut tree = Some(snapshot.tree);
    let mut found = None;
    for part in path.components() {
        let Component::Normal(part) = part else { continue };
        let Some(id) = tree else { return Ok(None) };
        let node = engine.get_tree(&id)?.nodes.into_iter().find(|node| node.name() == part);
        let Some(node) = node else { return Ok(None) };
        tree = node.subtree;
        found = Some(node);
    }
    Ok(found)
}
