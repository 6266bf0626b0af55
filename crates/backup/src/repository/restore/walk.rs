//! The way through a snapshot: folders are made on it, and files put into portions.
//!
//! Leaves out content.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use rustic_core::repofile::{Node, NodeType};
use rustic_core::{Id, IndexedFullStatus, Repository, TreeId};

use crate::error::Error;
use crate::repository::opened::Opened;
use crate::repository::restore::blobs::Piece;
use crate::repository::restore::portion::{Portion, Tools};

/// What the engine is doing for us, for people.
const WHAT: &str = "restore the snapshot";

type Engine = Repository<IndexedFullStatus>;

/// A folder on the way.
struct Folder {
    place: PathBuf,
    /// None is the folder into which all is restored: it is not the snapshot's.
    node: Option<Node>,
    left: std::vec::IntoIter<Node>,
}

/// Walks through a tree, or through that of it which leads to `only` these and lies below them,
/// if any are named. `full` takes each portion, in their order, and says whether to go on.
pub fn walk(
    opened: &Opened,
    engine: &Engine,
    tree: TreeId,
    tools: &Tools<'_>,
    into: &Path,
    only: &[PathBuf],
    full: impl Fn(Portion) -> bool,
) -> Result<(), Error> {
    let within = |tree: &TreeId| {
        let read = engine.get_tree(tree).map_err(|error| opened.explain(WHAT, error));
        read.map(|tree| tree.nodes.into_iter())
    };
    let mut portion = Portion::default();
    // By device and number, as the machine had them that was saved.
    let mut linked: HashMap<(u64, u64), PathBuf> = HashMap::new();
    let mut way = vec![Folder { place: into.to_owned(), node: None, left: within(&tree)? }];
    while let Some(folder) = way.last_mut() {
        if portion.is_full() && !full(std::mem::take(&mut portion)) {
            return Ok(());
        }
        let Some(node) = folder.left.next() else {
            if let Some(Folder { place, node: Some(node), .. }) = way.pop() {
                portion.folder(place, node);
            }
            continue;
        };
        let place = below(&folder.place, &node.name())?;
        if !is_wanted(&place, into, only) {
            continue;
        }
        match node.node_type {
            NodeType::Dir => {
                let failed = |source| Error::Local { what: "make", path: place.clone(), source };
                DirBuilder::new().mode(0o700).create(&place).map_err(failed)?;
                let left = match &node.subtree {
                    Some(tree) => within(tree)?,
                    None => Vec::new().into_iter(),
                };
                way.push(Folder { place, node: Some(node), left });
            }
            NodeType::File => {
                let key = (node.meta.device_id, node.meta.inode);
                if node.meta.links > 1 && key.0 != 0 && key.1 != 0 {
                    if let Some(to) = linked.get(&key) {
                        portion.link(to.clone(), place, node);
                        continue;
                    }
                    linked.insert(key, place.clone());
                }
                portion.file(place, node, |node, number| pieces(opened, engine, node, number))?;
            }
            _ => tools.make(&place, &node)?,
        }
    }
    full(portion);
    Ok(())
}

/// Whether it is one of these, lies below one, or leads to one.
fn is_wanted(place: &Path, into: &Path, only: &[PathBuf]) -> bool {
    let Ok(path) = place.strip_prefix(into) else { return false };
    only.is_empty() || only.iter().any(|one| path.starts_with(one) || one.starts_with(path))
}

/// Where each blob of a file lies.
fn pieces(
    opened: &Opened,
    engine: &Engine,
    node: &Node,
    number: usize,
) -> Result<Vec<Piece>, Error> {
    let mut at = 0;
    let blobs = node.content.iter().flatten();
    let pieces = blobs.map(|blob| {
        let entry = engine.get_index_entry(blob).map_err(|error| opened.explain(WHAT, error))?;
        let (pack, blob): (Id, Id) = (*entry.pack, **blob);
        let unpacked = entry.location.uncompressed_length.map(std::num::NonZeroU32::get);
        let (offset, length) = (entry.location.offset, entry.location.length);
        let piece = Piece { blob, pack, offset, length, unpacked, file: number, at };
        at += piece.size();
        Ok(piece)
    });
    pieces.collect()
}

/// A name in a folder; one that leads elsewhere is refused.
fn below(folder: &Path, name: &OsStr) -> Result<PathBuf, Error> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(part)), None) if part == name => Ok(folder.join(name)),
        _ => Err(Error::Restore {
            path: folder.to_owned(),
            reason: format!("`{}` in it is no name of a file", name.to_string_lossy()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_a_path_and_what_lies_below_it_is_wanted() {
        let only = [PathBuf::from("etc/chat"), PathBuf::from("srv/a")];
        let wanted =
            |path: &str| is_wanted(&Path::new("/into").join(path), Path::new("/into"), &only);
        for path in ["etc", "etc/chat", "etc/chat/x", "srv", "srv/a"] {
            assert!(wanted(path), "{path}");
        }
        for path in ["etc/chatter", "etc/x", "srv/b", "var"] {
            assert!(!wanted(path), "{path}");
        }
        assert!(is_wanted(Path::new("/into/x"), Path::new("/into"), &[]));
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        let of = |name: &str| below(Path::new("/into"), OsStr::new(name)).ok();
        assert_eq!(of("etc"), Some(PathBuf::from("/into/etc")));
        for name in ["", ".", "..", "/", "/etc", "a/b", "a/", "../a"] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
