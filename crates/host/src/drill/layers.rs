//! Overlays over this host's own file systems, with holes where its data is.
//!
//! Leaves out which paths those are, and what is laid above them.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat, setxattr};

use crate::drill::command;
use crate::error::Error;

const LIMIT: Duration = Duration::from_secs(30);
/// No host has more folders of logs.
const MOST: usize = 10_000;

/// One file system of this host, to be seen through an overlay.
struct Layer {
    /// Where this host has it.
    point: PathBuf,
    upper: PathBuf,
    work: PathBuf,
}

/// All of them, the root first. Changes are made before they are mounted: each costs then one
/// entry, however much lies below.
pub(crate) struct Layers {
    all: Vec<Layer>,
}

impl Layers {
    /// Over `/` and these mount points, with what is above them in `memory`.
    pub(crate) fn new(memory: &Path, points: Vec<PathBuf>) -> Result<Self, Error> {
        let mut all = Vec::new();
        for (number, point) in std::iter::once(PathBuf::from("/")).chain(points).enumerate() {
            let upper = memory.join(format!("upper{number}"));
            let work = memory.join(format!("work{number}"));
            like(&point, &upper)?;
            make(&work, 0o700)?;
            all.push(Layer { point, upper, work });
        }
        Ok(Self { all })
    }

    /// Takes a path away.
    pub(crate) fn hide(&self, path: &Path) -> Result<(), Error> {
        let Some(mark) = self.above(path)? else { return Ok(()) };
        if mark.symlink_metadata().is_ok() {
            return Ok(());
        }
        // A character device 0:0 is a whiteout, Documentation/filesystems/overlayfs.rst.
        mknodat(CWD, &mark, FileType::CharacterDevice, Mode::empty(), 0)
            .map_err(|source| Error::File { what: "hide", path: mark, source: source.into() })
    }

    /// Takes away what is in a folder; what is no folder stays as it is.
    pub(crate) fn empty(&self, path: &Path) -> Result<(), Error> {
        if !path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            return Ok(());
        }
        let Some(copy) = self.above(path)? else { return Ok(()) };
        if copy.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
            return Ok(());
        }
        like(path, &copy)?;
        // Nothing of the lower layers shows through an opaque folder, as above.
        setxattr(&copy, "trusted.overlay.opaque", b"y", XattrFlags::empty())
            .map_err(|source| Error::File { what: "empty", path: copy, source: source.into() })
    }

    /// As [`Layers::empty`], and puts the folders back that were in it, all empty of files.
    pub(crate) fn skeleton(&self, path: &Path) -> Result<(), Error> {
        self.empty(path)?;
        let mut open = vec![path.to_owned()];
        let mut seen = 0;
        while let Some(folder) = open.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_folder && seen < MOST {
                    seen += 1;
                    self.empty(&entry.path())?;
                    open.push(entry.path());
                }
            }
        }
        Ok(())
    }

    /// Mounts all of them as one tree.
    pub(crate) fn mount(&self, root: &Path) -> Result<(), Error> {
        for layer in &self.all {
            let options = format!(
                // What is restored or installed may hold device nodes: none of them opens.
                "nodev,lowerdir={},upperdir={},workdir={}",
                escaped(&layer.point),
                escaped(&layer.upper),
                escaped(&layer.work)
            );
            command::must(
                Command::new("mount")
                    .args(["-t", "overlay", "-o", &options, "stead-drill"])
                    .arg(below(root, &layer.point)),
                LIMIT,
            )?;
        }
        Ok(())
    }

    /// Where something at this path would be in the upper layer, with the folders above it as this
    /// host has them; none if there is nothing at it, or nothing can be below it.
    fn above(&self, path: &Path) -> Result<Option<PathBuf>, Error> {
        // A link's target is what has to go.
        let Ok(path) = path.canonicalize() else { return Ok(None) };
        let layers = self.all.iter().filter(|layer| path.starts_with(&layer.point));
        let Some(layer) = layers.max_by_key(|layer| layer.point.components().count()) else {
            return Ok(None);
        };
        let Ok(rest) = path.strip_prefix(&layer.point) else { return Ok(None) };
        let mut folder = layer.point.clone();
        let mut copy = layer.upper.clone();
        for part in rest.parent().into_iter().flat_map(Path::components) {
            folder.push(part);
            copy.push(part);
            match copy.symlink_metadata() {
                Ok(found) if found.is_dir() => {}
                Ok(_) => return Ok(None),
                Err(_) => like(&folder, &copy)?,
            }
        }
        Ok(Some(layer.upper.join(rest)))
    }
}

/// What stands for itself in an option of an overlay.
fn escaped(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "\\\\");
    text.replace(':', "\\:").replace(',', "\\,")
}

/// Makes a folder with the owner and the mode of another.
fn like(folder: &Path, copy: &Path) -> Result<(), Error> {
    let failed = |source| Error::File { what: "make", path: copy.to_owned(), source };
    let found = folder.metadata().map_err(failed)?;
    make(copy, 0o700)?;
    chown(copy, Some(found.uid()), Some(found.gid())).map_err(failed)?;
    fs::set_permissions(copy, fs::Permissions::from_mode(found.mode() & 0o7777)).map_err(failed)
}

/// Makes a folder and those above it.
pub(crate) fn make(path: &Path, mode: u32) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(path);
    made.map_err(|source| Error::File { what: "make", path: path.to_owned(), source })
}

/// An absolute path as it is below a root.
pub(crate) fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
