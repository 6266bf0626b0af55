//! Walks over files in the order that trees are written in, and describes each as restic does.
//!
//! Leaves out their contents.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use jiff::Timestamp;
use rustic_core::repofile::{Metadata as Described, Node, NodeType};
use rustic_core::{ReadSourceEntry, RusticResult};
use rustix::fs::OFlags;
use walkdir::WalkDir;

use crate::snapshot::What;
use crate::source::attributes;
use crate::source::names::Names;
use crate::source::reading::Reading;
use crate::source::troubles::Troubles;

/// Says whether a path is left out, and with it all that is below.
pub type LeftOut = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

/// Go's bits of a file's mode, which restic writes: <https://pkg.go.dev/io/fs#FileMode>.
mod go {
    pub const DIRECTORY: u32 = 1 << 31;
    pub const SYMLINK: u32 = 1 << 27;
    pub const DEVICE: u32 = 1 << 26;
    pub const NAMED_PIPE: u32 = 1 << 25;
    pub const SOCKET: u32 = 1 << 24;
    pub const SETUID: u32 = 1 << 23;
    pub const SETGID: u32 = 1 << 22;
    pub const CHARACTER_DEVICE: u32 = 1 << 21;
    pub const STICKY: u32 = 1 << 20;
}

/// The entries, one root after the other, each after the folders that lead to it.
pub struct Walk {
    roots: vec::IntoIter<PathBuf>,
    /// Folders on the way to the root that were not given yet.
    way: VecDeque<PathBuf>,
    last_way: Vec<PathBuf>,
    files: Option<walkdir::IntoIter>,
    left_out: LeftOut,
    names: Arc<Names>,
    troubles: Troubles,
}

impl Walk {
    pub fn new(
        roots: Vec<PathBuf>,
        left_out: LeftOut,
        names: Arc<Names>,
        troubles: Troubles,
    ) -> Self {
        let (way, last_way) = (VecDeque::new(), Vec::new());
        Self { roots: roots.into_iter(), way, last_way, files: None, left_out, names, troubles }
    }

    /// Turns to the next root.
    fn turn(&mut self) -> Option<()> {
        let root = self.roots.next()?;
        let mut way: Vec<PathBuf> = root.ancestors().skip(1).map(Path::to_owned).collect();
        way.retain(|folder| folder.file_name().is_some());
        way.reverse();
        self.way = way.iter().filter(|folder| !self.last_way.contains(folder)).cloned().collect();
        self.last_way = way;
        // A root may be a link to where the data really lies; below it, links are links.
        let walk = WalkDir::new(root).follow_links(false).follow_root_links(true);
        self.files = Some(walk.sort_by_file_name().into_iter());
        Some(())
    }

    fn entry(&self, path: PathBuf, follow: bool) -> Option<ReadSourceEntry<Reading>> {
        match self.describe(&path, follow) {
            Ok((node, open)) => Some(ReadSourceEntry { path, node, open }),
            Err(error) => {
                self.refused(&path, &error);
                None
            }
        }
    }

    fn refused(&self, path: &Path, error: &io::Error) {
        self.troubles.add(
            path,
            match error.kind() {
                io::ErrorKind::NotFound => What::Vanished,
                _ => What::Unreadable(error.to_string()),
            },
        );
    }

    fn describe(&self, path: &Path, follow: bool) -> io::Result<(Node, Option<Reading>)> {
        let name = path.file_name().unwrap_or(OsStr::new(""));
        let look = if follow { fs::metadata } else { fs::symlink_metadata };
        let mut metadata = look(path)?;
        let mut found = None;
        let mut reading = None;
        if metadata.is_file() {
            let file = open(path, follow)?;
            // Of the file that is open now, whatever its name may mean by now.
            metadata = file.metadata()?;
            found = Some(attributes::of_file(&file)?);
            reading = Some(Reading::new(file, path.to_owned(), &metadata, self.troubles.clone()));
        }
        let kind = metadata.file_type();
        let node_type = if kind.is_file() {
            NodeType::File
        } else if kind.is_dir() {
            NodeType::Dir
        } else if kind.is_symlink() {
            NodeType::from_link(&fs::read_link(path)?)
        } else if kind.is_block_device() {
            NodeType::Dev { device: metadata.rdev() }
        } else if kind.is_char_device() {
            NodeType::Chardev { device: metadata.rdev() }
        } else if kind.is_fifo() {
            NodeType::Fifo
        } else {
            NodeType::Socket
        };
        let found = match found {
            Some(found) => found,
            None => attributes::of_path(path, follow)?,
        };
        let mut described = self.described(&metadata);
        described.extended_attributes = attributes::stored(&found);
        Ok((Node::new_node(name, node_type, described), reading))
    }

    fn described(&self, metadata: &Metadata) -> Described {
        let time = |seconds, nanoseconds| {
            Timestamp::new(seconds, i32::try_from(nanoseconds).unwrap_or(0)).ok()
        };
        let modified = time(metadata.mtime(), metadata.mtime_nsec());
        let is_folder = metadata.is_dir();
        let linked = !is_folder && metadata.nlink() > 1;
        Described {
            mode: Some(mode(metadata)),
            mtime: modified,
            // Reading it would change the tree at each backup.
            atime: modified,
            ctime: time(metadata.ctime(), metadata.ctime_nsec()),
            uid: Some(metadata.uid()),
            gid: Some(metadata.gid()),
            user: self.names.user(metadata.uid()).map(str::to_owned),
            group: self.names.group(metadata.gid()).map(str::to_owned),
            inode: metadata.ino(),
            // Tells hard links apart; else it is noise, as it differs from boot to boot.
            device_id: if linked { metadata.dev() } else { 0 },
            size: if metadata.is_file() { metadata.len() } else { 0 },
            links: if is_folder { 0 } else { metadata.nlink() },
            extended_attributes: Vec::new(),
        }
    }
}

impl Iterator for Walk {
    type Item = RusticResult<ReadSourceEntry<Reading>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(folder) = self.way.pop_front() {
                if let Some(entry) = self.entry(folder, true) {
                    return Some(Ok(entry));
                }
                continue;
            }
            let Some(files) = self.files.as_mut() else {
                self.turn()?;
                continue;
            };
            match files.next() {
                None => self.files = None,
                Some(Ok(found)) => {
                    let is_root = found.depth() == 0;
                    if !is_root && (self.left_out)(found.path()) {
                        if found.file_type().is_dir() {
                            files.skip_current_dir();
                        }
                        continue;
                    }
                    if let Some(entry) = self.entry(found.into_path(), is_root) {
                        return Some(Ok(entry));
                    }
                }
                Some(Err(error)) => {
                    let path = error.path().unwrap_or(Path::new("/")).to_owned();
                    let is_root = error.depth() == 0;
                    let error = error
                        .into_io_error()
                        .unwrap_or_else(|| io::Error::other("its links go in circles"));
                    if is_root {
                        // What the recipe names must be there.
                        self.troubles.add(&path, What::Unreadable(error.to_string()));
                    } else {
                        self.refused(&path, &error);
                    }
                }
            }
        }
    }
}

/// Opens without waiting for a pipe's other end, and without touching the time of access where
/// that is allowed.
fn open(path: &Path, follow: bool) -> io::Result<File> {
    let flags = if follow { OFlags::NONBLOCK } else { OFlags::NONBLOCK | OFlags::NOFOLLOW };
    let with = |flags: OFlags| {
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        OpenOptions::new().read(true).custom_flags(flags).open(path)
    };
    match with(flags | OFlags::NOATIME) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => with(flags),
        opened => opened,
    }
}

fn mode(metadata: &Metadata) -> u32 {
    let kind = metadata.file_type();
    let unix = metadata.mode();
    let mut mode = unix & 0o777;
    if kind.is_dir() {
        mode |= go::DIRECTORY;
    } else if kind.is_symlink() {
        mode |= go::SYMLINK;
    } else if kind.is_block_device() {
        mode |= go::DEVICE;
    } else if kind.is_char_device() {
        mode |= go::DEVICE | go::CHARACTER_DEVICE;
    } else if kind.is_fifo() {
        mode |= go::NAMED_PIPE;
    } else if kind.is_socket() {
        mode |= go::SOCKET;
    }
    for (bit, written) in [(0o4000, go::SETUID), (0o2000, go::SETGID), (0o1000, go::STICKY)] {
        if unix & bit != 0 {
            mode |= written;
        }
    }
    mode
}
