//! The way through a snapshot: folders are made on it, and files put into portions.
//!
//! Leaves out content.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::num::NonZeroU32;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use rustic_core::repofile::{Node, NodeType, Tree};
use rustic_core::{BlobId, Id, IndexedFullStatus, PackedId, Repository, TreeId};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::repository::opened::Opened;
use crate::repository::restore::blobs::Piece;
use crate::repository::restore::portion::{Portion, Tools};
use crate::target::store::Kind;

/// What the engine is doing for us, for people.
const WHAT: &str = "restore the snapshot";
/// The largest blob of a file that is read, in bytes, packed or not: each reader holds one. restic
/// cuts files at 8 MiB, other programs may cut larger.
const LARGEST: u32 = 32 << 20;
/// The largest list of a folder that is read, in bytes: of some million names.
const LARGEST_LIST: u32 = 1 << 30;

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
    let mut lists = tools.reader()?;
    let mut within = |tree: &TreeId, place: &Path| {
        let piece = piece(opened, engine, tree, LARGEST_LIST)?;
        let mut nodes = Vec::new();
        lists.read(&[piece], |content, _| {
            nodes = listed(content, place)?;
            Ok(())
        })?;
        Ok::<_, Error>(nodes.into_iter())
    };
    let mut portion = Portion::default();
    // By device and number, as the machine had them that was saved, and by content: a file may have
    // been written to after its first name was saved.
    let mut linked: HashMap<(u64, u64, [u8; 32]), PathBuf> = HashMap::new();
    let left = within(&tree, into)?;
    let mut way = vec![Folder { place: into.to_owned(), node: None, left }];
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
                    Some(tree) => within(tree, &place)?,
                    None => Vec::new().into_iter(),
                };
                way.push(Folder { place, node: Some(node), left });
            }
            NodeType::File => {
                let (device, number) = (node.meta.device_id, node.meta.inode);
                if node.meta.links > 1 && device != 0 && number != 0 {
                    let key = (device, number, content(&node));
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
        let piece = Piece { file: number, at, ..piece(opened, engine, blob, LARGEST)? };
        at += piece.size();
        Ok(piece)
    });
    pieces.collect()
}

/// Where a blob lies; one of more bytes than `largest` is refused before it is read.
fn piece<T: PackedId>(
    opened: &Opened,
    engine: &Engine,
    name: &T,
    largest: u32,
) -> Result<Piece, Error> {
    let entry = engine.get_index_entry(name).map_err(|error| opened.explain(WHAT, error))?;
    let (pack, blob): (Id, BlobId) = (*entry.pack, (*name).into());
    let unpacked = entry.location.uncompressed_length.map(NonZeroU32::get);
    let (offset, length) = (entry.location.offset, entry.location.length);
    let bytes = length.max(unpacked.unwrap_or_default());
    if bytes > largest {
        return Err(Error::Damaged {
            object: Kind::Pack.object(&pack.to_hex()),
            place: opened.store.place(),
            reason: format!(
                "a blob in it would have {bytes} bytes, and at most {largest} are read"
            ),
        });
    }
    Ok(Piece { blob: *blob, pack, offset, length, unpacked, file: 0, at: 0 })
}

/// What is in a folder, from its list.
fn listed(content: &[u8], folder: &Path) -> Result<Vec<Node>, Error> {
    let refused = |reason| Error::Restore { path: folder.to_owned(), reason };
    let tree: Tree = serde_json::from_slice(content)
        .map_err(|error| refused(format!("the list of what is in it is none: {error}")))?;
    let mut seen = HashSet::with_capacity(tree.nodes.len());
    // Two of one name would be written into one place, and that may be a device by then.
    let twice = tree.nodes.iter().map(Node::name).find(|name| !seen.insert(name.clone()));
    match twice {
        Some(name) => Err(refused(format!("`{}` is in it twice", name.to_string_lossy()))),
        None => Ok(tree.nodes),
    }
}

/// A sum of what a file consists of.
fn content(node: &Node) -> [u8; 32] {
    let mut sum = Sha256::new();
    for blob in node.content.iter().flatten() {
        sum.update(blob.to_hex().as_bytes());
    }
    sum.finalize().into()
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
    fn a_name_that_is_in_a_folder_twice_is_refused() {
        let list = |names: [&str; 2]| {
            format!(
                r#"{{"nodes":[{{"name":"{}","type":"dev","device":2049}},
                   {{"name":"{}","type":"file","content":[]}}]}}"#,
                names[0], names[1]
            )
        };
        let read = |names| listed(list(names).as_bytes(), Path::new("/into/srv"));
        assert_eq!(read(["x", "y"]).unwrap().len(), 2);
        // The second is the same name, escaped.
        for names in [["x", "x"], ["x", r"\\x78"]] {
            let refused = read(names).unwrap_err().to_string();
            assert_eq!(refused, "cannot restore `/into/srv`: `x` is in it twice");
        }
        assert!(listed(b"{", Path::new("/into")).is_err());
    }

    #[test]
    fn files_of_other_content_are_not_of_one_content() {
        let of = |bytes: &[u8]| {
            let ids: Vec<String> = bytes
                .iter()
                .map(|byte| format!("\"{}\"", format!("{byte:02x}").repeat(32)))
                .collect();
            let node = format!(r#"{{"name":"x","type":"file","content":[{}]}}"#, ids.join(","));
            content(&serde_json::from_str(&node).unwrap())
        };
        assert_eq!(of(&[1, 2]), of(&[1, 2]));
        assert_ne!(of(&[1, 2]), of(&[1, 2, 3]));
        assert_ne!(of(&[1]), of(&[2]));
        assert_ne!(of(&[]), of(&[2]));
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
