//! Some files of a snapshot, written together: so many that reading is worth it, and so few that
//! memory does not grow with the tree.
//!
//! Leaves out which files: the walk through the snapshot fills portions.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustic_core::repofile::Node;
use rustix::fs::OFlags;

use crate::error::Error;
use crate::repository::opened::Opened;
use crate::repository::restore::blobs::{Piece, Reader, readings};
use crate::repository::restore::found::Found;
use crate::repository::restore::traits;
use crate::seal::Seal;
use crate::source::attributes;

/// How many read at once: a target across a network answers late.
const READERS: usize = 8;
/// So many files, or blobs of them, are a portion.
const MOST: usize = 4096;

/// What it takes to write portions.
pub struct Tools<'a> {
    opened: &'a Opened,
    seal: Seal,
    found: &'a Found,
    /// The folder above gives attributes to what is made in it.
    inherits: bool,
}

impl<'a> Tools<'a> {
    pub fn new(opened: &'a Opened, into: &Path, found: &'a Found) -> Result<Self, Error> {
        let above = attributes::of_path(into, true).map_err(|source| Error::Local {
            what: "look at",
            path: into.to_owned(),
            source,
        })?;
        let seal = Seal::new(opened.key());
        Ok(Self { opened, seal, found, inherits: !above.is_empty() })
    }

    /// What reads blobs.
    pub fn reader(&self) -> Result<Reader<'_>, Error> {
        let failed = |source| at("begin to unpack into", Path::new("."), source);
        Reader::new(self.opened, &self.seal).map_err(failed)
    }

    /// Makes what needs no content and nothing after it.
    pub fn make(&self, place: &Path, node: &Node) -> Result<(), Error> {
        traits::make(place, node).map_err(|source| at("make", place, source))?;
        self.settle(place, node)
    }

    fn settle(&self, place: &Path, node: &Node) -> Result<(), Error> {
        traits::set_at(place, node, self.found.owner(node), self.inherits);
        self.found.place(place, node)
    }
}

struct Unwritten {
    place: PathBuf,
    node: Node,
    /// The bytes of all its blobs.
    bytes: u64,
    /// The blobs that are not written yet.
    left: AtomicUsize,
    /// Whether one of us has made it.
    made: Mutex<bool>,
}

/// What waits until all files of the portion are written.
enum Then {
    Link { to: PathBuf, place: PathBuf, node: Node },
    Folder { place: PathBuf, node: Node },
}

/// Some files.
#[derive(Default)]
pub struct Portion {
    files: Vec<Unwritten>,
    pieces: Vec<Piece>,
    then: Vec<Then>,
}

impl Portion {
    pub fn is_full(&self) -> bool {
        self.files.len().max(self.pieces.len()).max(self.then.len()) >= MOST
    }

    /// Adds a file; `pieces` says of each of its blobs where it lies.
    pub fn file(
        &mut self,
        place: PathBuf,
        mut node: Node,
        pieces: impl FnOnce(&Node, usize) -> Result<Vec<Piece>, Error>,
    ) -> Result<(), Error> {
        let pieces = pieces(&node, self.files.len())?;
        let bytes = pieces.iter().map(Piece::size).sum();
        node.content = None;
        let left = AtomicUsize::new(pieces.len());
        self.pieces.extend(pieces);
        self.files.push(Unwritten { place, node, bytes, left, made: Mutex::new(false) });
        Ok(())
    }

    /// Adds another name of a file.
    pub fn link(&mut self, to: PathBuf, place: PathBuf, node: Node) {
        self.then.push(Then::Link { to, place, node });
    }

    /// Adds the end of a folder: all within it was added before.
    pub fn folder(&mut self, place: PathBuf, node: Node) {
        self.then.push(Then::Folder { place, node });
    }

    /// Writes all of it and looks at it.
    pub fn write(mut self, tools: &Tools<'_>) -> Result<(), Error> {
        let readings = readings(&mut self.pieces);
        let next = AtomicUsize::new(0);
        let trouble = Mutex::new(None);
        let read = || -> Result<(), Error> {
            let mut reader = tools.reader()?;
            while let Some(reading) = readings.get(next.fetch_add(1, Ordering::Relaxed)) {
                reader.read(&self.pieces[reading.clone()], |content, places| {
                    places.iter().try_for_each(|piece| self.put(content, piece, tools))
                })?;
            }
            Ok(())
        };
        thread::scope(|scope| {
            for _ in 0..READERS.min(readings.len()) {
                scope.spawn(|| {
                    if let Err(error) = read() {
                        next.store(readings.len(), Ordering::Relaxed);
                        trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    }
                });
            }
        });
        if let Some(error) = trouble.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        for file in self.files.iter().filter(|file| file.bytes == 0) {
            finish(&open(file)?, file, tools)?;
        }
        for then in &self.then {
            match then {
                Then::Folder { place, node } => tools.settle(place, node)?,
                Then::Link { to, place, node } => {
                    fs::hard_link(to, place).map_err(|source| at("link", place, source))?;
                    tools.found.place(place, node)?;
                }
            }
        }
        Ok(())
    }

    /// Puts a blob to its place; whoever puts a file's last one finishes the file.
    fn put(&self, content: &[u8], piece: &Piece, tools: &Tools<'_>) -> Result<(), Error> {
        let whole = &self.files[piece.file];
        let file = open(whole)?;
        // Holes stay holes as far as whole blobs of zeros go.
        let written = match content.iter().all(|byte| *byte == 0) {
            true => file.set_len(whole.bytes),
            false => file.write_all_at(content, piece.at),
        };
        written.map_err(|source| at("write", &whole.place, source))?;
        tools.opened.relay.add(content.len() as u64);
        if whole.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            finish(&file, whole, tools)?;
        }
        Ok(())
    }
}

fn finish(file: &File, whole: &Unwritten, tools: &Tools<'_>) -> Result<(), Error> {
    let node = &whole.node;
    traits::set_of_file(file, node, tools.found.owner(node), tools.inherits);
    tools.found.file(file, &whole.place, node)
}

/// Opens a file to write into it: whoever comes first makes it, and nobody goes through a link or
/// into anything but a file.
fn open(whole: &Unwritten) -> Result<File, Error> {
    let failed = |source| at("make", &whole.place, source);
    let mut made = whole.made.lock().unwrap_or_else(PoisonError::into_inner);
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(!*made)
        .mode(0o600)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(&whole.place)
        .map_err(failed)?;
    *made = true;
    drop(made);
    match file.metadata().map_err(failed)?.is_file() {
        true => Ok(file),
        false => Err(failed(io::Error::other("what lies there is no file"))),
    }
}

fn at(what: &'static str, place: &Path, source: io::Error) -> Error {
    Error::Local { what, path: place.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use rustic_core::repofile::{Metadata, NodeType};

    use super::*;

    #[test]
    fn only_a_file_of_our_own_making_is_written_into() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str, made| Unwritten {
            place: folder.path().join(name),
            node: Node::new_node(OsStr::new(name), NodeType::File, Metadata::default()),
            bytes: 0,
            left: AtomicUsize::new(0),
            made: Mutex::new(made),
        };
        let file = of("file", false);
        open(&file).unwrap();
        open(&file).unwrap();
        let fifo = Node::new_node(OsStr::new("fifo"), NodeType::Fifo, Metadata::default());
        traits::make(&folder.path().join("fifo"), &fifo).unwrap();
        fs::set_permissions(
            folder.path().join("fifo"),
            std::os::unix::fs::PermissionsExt::from_mode(0o600),
        )
        .unwrap();
        std::os::unix::fs::symlink("file", folder.path().join("link")).unwrap();
        for name in ["file", "fifo", "link"] {
            assert!(open(&of(name, false)).is_err(), "{name}");
        }
        // Somebody reads of it, so that it could be opened.
        let _reader =
            File::options().read(true).write(true).open(folder.path().join("fifo")).unwrap();
        for name in ["fifo", "link"] {
            assert!(open(&of(name, true)).is_err(), "{name}");
        }
    }
}
