//! The folder of one drill, with everything that a drill makes on this host, and its end.
//!
//! Leaves out what happens in it. Nothing is ever removed that has no marker of a drill.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use model::mount::{Mount, parse};
use rustix::fs::statvfs;
use rustix::process::{Pid, Signal, kill_process};

use crate::drill::command;
use crate::error::Error;

/// Where the folders of drills lie, each under its service's name.
pub(crate) const FOLDER: &str = "/var/lib/stead/backup/drill";

/// Where the sockets of servers in sealed machines are; below [`FOLDER`] only root comes.
const SOCKETS: &str = "/run/stead-drill";

/// Says that a folder was made by a drill, all of it, and may be removed.
const MARKER: &str = "made-by-stead-drill";
const ALIVE: &str = "alive";
const LIMIT: Duration = Duration::from_secs(30);

/// One drill's folder; gone when cleared, or swept by the next drill of this host.
pub(crate) struct Scratch {
    folder: PathBuf,
    _alive: File,
}

impl Scratch {
    /// Makes the folder of a drill of this service below `parent`.
    ///
    /// # Errors
    /// If another drill of this service runs, or the folder cannot be made.
    pub(crate) fn new(parent: &Path, service: &str) -> Result<Self, Error> {
        let folder = parent.join(service);
        let failed = |source| Error::Scratch { path: folder.clone(), source };
        let mut make = fs::DirBuilder::new();
        make.recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        fs::set_permissions(parent, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        let open = File::options().create(true).append(true).open(folder.join(ALIVE));
        let alive = open.map_err(failed)?;
        match alive.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Busy { service: service.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        fs::write(folder.join(MARKER), "Made by `stead drill`, which may remove it.\n")
            .map_err(failed)?;
        Ok(Self { folder, _alive: alive })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes the folder in which a server's socket will be, as Debian has it inside; of this host,
    /// only the server's group reaches it.
    pub(crate) fn sockets(&self, user: u32, group: u32) -> Result<PathBuf, Error> {
        let above = sockets(&self.folder);
        let folder = above.join("sockets");
        let failed = |source| Error::Scratch { path: folder.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o711).create(&folder).map_err(failed)?;
        chown(&above, Some(0), Some(group)).map_err(failed)?;
        fs::set_permissions(&above, fs::Permissions::from_mode(0o750)).map_err(failed)?;
        chown(&folder, Some(user), Some(group)).map_err(failed)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o2775)).map_err(failed)?;
        Ok(folder)
    }

    /// How many bytes fit below this folder.
    pub(crate) fn room(&self) -> Result<u64, Error> {
        let found = statvfs(&self.folder).map_err(|source| Error::Scratch {
            path: self.folder.clone(),
            source: source.into(),
        })?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    /// Takes everything away.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        clear(&self.folder)
    }
}

/// Takes away what killed drills left below `parent`; gives the services they were of.
pub(crate) fn sweep(parent: &Path) -> Result<Vec<String>, Error> {
    let mut swept = Vec::new();
    let Ok(entries) = fs::read_dir(parent) else { return Ok(swept) };
    for entry in entries.flatten() {
        let folder = entry.path();
        if !folder.join(MARKER).is_file() {
            continue;
        }
        // A drill that runs holds the lock.
        let alive = File::open(folder.join(ALIVE));
        if alive.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock))) {
            continue;
        }
        clear(&folder)?;
        swept.push(entry.file_name().to_string_lossy().into_owned());
    }
    Ok(swept)
}

fn sockets(folder: &Path) -> PathBuf {
    Path::new(SOCKETS).join(folder.file_name().unwrap_or(OsStr::new("unnamed")))
}

fn clear(folder: &Path) -> Result<(), Error> {
    for _ in 0..500 {
        let mut left = machines(folder);
        left.extend(inside(folder));
        if left.is_empty() {
            break;
        }
        for pid in left {
            // It may be gone already.
            let _gone = kill_process(pid, Signal::KILL);
        }
        thread::sleep(Duration::from_millis(10));
    }
    for mount in mounts(folder)? {
        unmount(&mount)?;
    }
    if !mounts(folder)?.is_empty() {
        return Err(Error::StillMounted { path: folder.to_owned() });
    }
    let failed = |source| Error::Scratch { path: folder.to_owned(), source };
    let sockets = sockets(folder);
    if sockets.exists() {
        let failed = |source| Error::Scratch { path: sockets.clone(), source };
        fs::remove_dir_all(&sockets).map_err(failed)?;
    }
    // The marker goes last: a sweep that is killed is taken up by the next.
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.ends_with(MARKER) || path.ends_with(ALIVE) {
            continue;
        }
        let is_folder = path.symlink_metadata().map_err(failed)?.is_dir();
        let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(failed)?;
    }
    fs::remove_dir_all(folder).map_err(failed)
}

fn unmount(path: &Path) -> Result<(), Error> {
    for _ in 0..100 {
        if command::run(Command::new("umount").arg(path), LIMIT)?.well() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    command::must(Command::new("umount").arg("--lazy").arg(path), LIMIT).map(drop)
}

/// The mount points below a folder, innermost first.
fn mounts(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let path = Path::new("/proc/self/mountinfo");
    let table =
        fs::read(path).map_err(|source| Error::Scratch { path: path.to_owned(), source })?;
    let points = parse(&table).into_iter().map(|mount| mount.point);
    let mut found: Vec<PathBuf> = points.filter(|point| point.starts_with(folder)).collect();
    found.reverse();
    Ok(found)
}

/// The systemd-nspawn processes whose machine lies below a folder.
fn machines(folder: &Path) -> Vec<Pid> {
    let ours = |line: &[u8]| {
        let mut words = line.split(|&byte| byte == 0);
        let program = words.next().unwrap_or_default();
        program.ends_with(b"systemd-nspawn")
            && words.any(|word| {
                word.strip_prefix(b"--directory=")
                    .is_some_and(|path| Path::new(OsStr::from_bytes(path)).starts_with(folder))
            })
    };
    let found = processes();
    let line = |pid: &Pid| fs::read(format!("/proc/{}/cmdline", pid.as_raw_pid()));
    found.into_iter().filter(|pid| line(pid).is_ok_and(|line| ours(&line))).collect()
}

/// The processes whose root is a machine's of this folder: they may outlive its nspawn a moment.
fn inside(folder: &Path) -> Vec<Pid> {
    let upper = format!("upperdir={}/", folder.display());
    let is_inside = |pid: &Pid| {
        let table = fs::read(format!("/proc/{}/mountinfo", pid.as_raw_pid())).unwrap_or_default();
        let ours = |mount: &Mount| {
            mount.point == Path::new("/")
                && mount.super_options.iter().any(|option| option.starts_with(&upper))
        };
        parse(&table).iter().any(ours)
    };
    processes().into_iter().filter(is_inside).collect()
}

/// The processes whose parent is `parent`.
pub(crate) fn children(parent: Pid) -> Vec<Pid> {
    let wanted = format!("PPid:\t{}", parent.as_raw_pid());
    let is_child = |pid: &Pid| {
        fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid()))
            .is_ok_and(|status| status.lines().any(|line| line == wanted))
    };
    processes().into_iter().filter(is_child).collect()
}

fn processes() -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let number = |entry: fs::DirEntry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?);
    entries.flatten().filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_drill_left_is_swept_and_nothing_else() {
        let parent = tempfile::tempdir().expect("a folder");
        let dead = Scratch::new(parent.path(), "dead").expect("made");
        fs::create_dir_all(dead.path("restored/var")).expect("made");
        drop(dead);
        let alive = Scratch::new(parent.path(), "alive").expect("made");
        fs::create_dir(parent.path().join("somebody's")).expect("made");
        assert_eq!(sweep(parent.path()).expect("swept"), ["dead"]);
        assert!(!parent.path().join("dead").exists());
        assert!(parent.path().join("alive").exists() && parent.path().join("somebody's").exists());
        alive.clear().expect("cleared");
        assert!(!parent.path().join("alive").exists());
    }

    #[test]
    fn two_drills_of_one_service_are_refused() {
        let parent = tempfile::tempdir().expect("a folder");
        let _first = Scratch::new(parent.path(), "chat").expect("made");
        let second = Scratch::new(parent.path(), "chat");
        assert!(matches!(second, Err(Error::Busy { service }) if service == "chat"));
    }
}
