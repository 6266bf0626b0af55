//! The folder where a service's dump and manifest lie until they are saved.
//!
//! One backup of a service at a time; what a killed one left is cleared by the next. Leaves out
//! what lies in it.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

use crate::lock;
use crate::refusal::Refusal;

/// Where the services' folders are.
pub const FOLDER: &str = "/var/lib/stead/backup/staging";

/// What must stay free beside the dump, in bytes: the service writes to the same disk.
const SPARE: u64 = 64 << 20;

/// Whether a backup of this service runs on this host.
pub fn is_held(service: &str) -> bool {
    lock::is_held(&Path::new(FOLDER).join(format!(".{service}.lock"))).unwrap_or(false)
}

/// A service's folder, held; dropped, it is removed.
#[derive(Debug)]
pub struct Staging {
    path: PathBuf,
    /// Locked until it is closed, which the kernel does even for a killed process.
    _lock: File,
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is cleared by the next backup, which tells if it cannot.
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Staging {
    /// Takes the service's folder below `folder`, empty.
    pub fn take(folder: &Path, service: &str) -> Result<Self, Refusal> {
        let path = folder.join(service);
        let local = |what, path: &Path| {
            let path = path.to_owned();
            move |source| Refusal::Local { what, path, source }
        };
        let private = |recursive| {
            let mut builder = DirBuilder::new();
            builder.recursive(recursive).mode(0o700);
            builder
        };
        private(true).create(folder).map_err(local("make", folder))?;
        let lock_path = folder.join(format!(".{service}.lock"));
        let Some(lock) = lock::take(&lock_path).map_err(local("lock", &lock_path))? else {
            return Err(Refusal::Busy { service: service.to_owned() });
        };
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(local("clear", &path)(error));
            }
            _ => {}
        }
        private(false).create(&path).map_err(local("make", &path))?;
        Ok(Self { path, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses where a dump of so many bytes would leave too little room.
    pub fn room(&self, dump: u64) -> Result<(), Refusal> {
        let disk = statvfs(&self.path).map_err(|error| Refusal::Local {
            what: "ask for the room of",
            path: self.path.clone(),
            source: error.into(),
        })?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        // As text a table may take more than on its pages.
        let needed = dump.saturating_add(dump / 4).saturating_add(SPARE);
        if free < needed {
            return Err(Refusal::NoRoom { path: self.path.clone(), needed, free });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leftover_is_cleared_and_two_do_not_share() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("chat/old")).unwrap();
        let staging = Staging::take(folder.path(), "chat").unwrap();
        assert_eq!(fs::read_dir(staging.path()).unwrap().count(), 0);
        let second = Staging::take(folder.path(), "chat");
        assert!(matches!(second, Err(Refusal::Busy { .. })));
        Staging::take(folder.path(), "wiki").unwrap();
        let path = staging.path().to_owned();
        drop(staging);
        assert!(!path.exists());
        Staging::take(folder.path(), "chat").unwrap();
    }

    #[test]
    fn no_disk_has_room_for_everything() {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::take(folder.path(), "chat").unwrap();
        staging.room(1).unwrap();
        let refused = staging.room(u64::MAX).unwrap_err();
        assert!(refused.to_string().contains("16.0 EiB") || refused.to_string().contains("PiB"));
    }
}
