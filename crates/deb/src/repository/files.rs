//! Files that are whole or absent, whatever kills the process or takes the power.
//!
//! Leaves out which files there are.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::repository::error::Error;

/// Files written beside their places, which take them all at once.
#[derive(Default)]
pub(crate) struct Batch {
    files: Vec<(File, PathBuf, PathBuf)>,
}

impl Batch {
    /// Writes a file beside its place. An identical file there stays as it is; of two for one
    /// place, which a sum's name makes equal, the first is written.
    pub fn write(&mut self, path: &Path, content: &[u8]) -> Result<(), Error> {
        if self.files.iter().any(|(_, _, other)| other == path) || same(path, content) {
            return Ok(());
        }
        make_folder(path.parent().expect("a file has a folder"))?;
        let temporary = beside(path);
        let file = create(&temporary)?;
        self.files.push((file, temporary, path.to_owned()));
        let (file, temporary, _) = self.files.last_mut().expect("just pushed");
        file.write_all(content).map_err(Error::io("write", &*temporary))
    }

    /// Waits until all are on the disk, at once: the disk writes its journal once for several.
    /// Then gives them their names, in the order they were written, and waits for the names.
    pub fn place(self) -> Result<(), Error> {
        at_once(&self.files, |(file, temporary, _)| {
            file.sync_all().map_err(Error::io("write", temporary))
        })?;
        let mut folders: Vec<&Path> = Vec::new();
        for (_, temporary, path) in &self.files {
            fs::rename(temporary, path).map_err(Error::io("put in place", path))?;
            let folder = path.parent().expect("a file has a folder");
            // A folder that is new is a new name in its own folder.
            folders.extend(folder.ancestors().take(2));
        }
        folders.sort_unstable();
        folders.dedup();
        at_once(&folders, |folder| sync_folder(folder))
    }
}

impl Drop for Batch {
    /// What did not come into place is taken away; of a killed process, the next one does it.
    fn drop(&mut self) {
        for (_, temporary, _) in &self.files {
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Makes a file that a web server can read, whatever the umask.
pub(crate) fn create(path: &Path) -> Result<File, Error> {
    let file = File::create(path).map_err(Error::io("write", path))?;
    file.set_permissions(Permissions::from_mode(0o644)).map_err(Error::io("write", path))?;
    Ok(file)
}

/// Makes a folder, and those around it, that a web server can enter, whatever the umask.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Error> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(around) = folder.parent().filter(|around| !around.as_os_str().is_empty()) {
        make_folder(around)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::io("make the folder", folder)(error)),
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(0o755))
            .map_err(Error::io("make the folder", folder)),
    }
}

/// The name that a file has until it is whole. One process writes at a time.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().expect("a file's path").to_owned();
    name.push(".new");
    path.with_file_name(name)
}

/// Whether a file name is that of a file that never became whole.
pub(crate) fn unfinished(name: &Path) -> bool {
    name.extension().is_some_and(|end| end == "new")
}

/// Waits until the whole disk is written, which is sooner done than file by file for many.
pub(crate) fn sync_all(folder: &Path) -> Result<(), Error> {
    let open = File::open(folder).map_err(Error::io("open", folder))?;
    rustix::fs::syncfs(&open).map_err(|error| Error::io("write", folder)(error.into()))
}

pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::io("write the folder", folder))
}

/// Whether the file has exactly this content.
fn same(path: &Path, content: &[u8]) -> bool {
    let size = fs::metadata(path).map(|found| found.len());
    size.is_ok_and(|size| size == content.len() as u64)
        && fs::read(path).is_ok_and(|found| found == content)
}

/// Does it for each in a thread of its own: they wait for the disk, not for a processor.
pub(crate) fn at_once<T: Sync>(
    things: &[T],
    work: impl Fn(&T) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    /// More do not make a disk faster.
    const THREADS: usize = 16;
    if things.len() <= 1 {
        return things.iter().try_for_each(work);
    }
    let share = things.len().div_ceil(THREADS);
    std::thread::scope(|scope| {
        let running: Vec<_> = things
            .chunks(share)
            .map(|some| scope.spawn(|| some.iter().try_for_each(&work)))
            .collect();
        running.into_iter().try_for_each(|one| one.join().expect("no panic in a thread"))
    })
}
