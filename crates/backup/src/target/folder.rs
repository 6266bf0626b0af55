//! A folder as a target: a mounted disk, a stick, or a plain folder.
//!
//! Leaves out mounting it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use walkdir::WalkDir;

use crate::error::Error;
use crate::target::mounted;
use crate::target::store::{Kind, Store, is_name};

/// How often a passing fault of the disk or of a network's file system is tried again.
const ATTEMPTS: u32 = 3;

/// One service's repository in a folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    written: AtomicU64,
    /// Keeps the disk mounted.
    _held: Option<File>,
}

impl Folder {
    /// The target's folder must be there already, so that an unmounted disk is not mistaken for
    /// an empty one; the service's folder in it need not. `mounted` is whether it must lie on a
    /// mounted file system, too: the folder of a mount point is there without the disk.
    pub fn open(target: &Path, service: &str, mounted: bool) -> Result<Self, Error> {
        let place = target.display().to_string();
        if !target.is_absolute() {
            let reason = "its path is not absolute".to_owned();
            return Err(Error::Target { place, reason });
        }
        match fs::metadata(target) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                return Err(Error::Target { place, reason: "it is no folder".to_owned() });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if mounted {
                    mounted::wanted(target)?;
                }
                return Err(Error::NoTarget { place });
            }
            Err(source) => {
                let (what, object) = ("look at", "the folder".to_owned());
                return Err(Error::Access { what, object, place, source: source.into() });
            }
        }
        let held = mounted.then(|| mounted::hold(target)).transpose()?;
        Ok(Self { path: target.join(service), written: AtomicU64::new(0), _held: held })
    }

    fn at(&self, kind: Kind, name: &str) -> PathBuf {
        self.path.join(kind.path(name))
    }

    fn failed(&self, what: &'static str, object: String, source: io::Error) -> Error {
        let place = self.place();
        match source.kind() {
            ErrorKind::NotFound if what == "read" => Error::Gone { object, place },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                Error::Full { place, object, source: source.into() }
            }
            _ => Error::Access { what, object, place, source: source.into() },
        }
    }

    /// Tries again what may pass: a signal, a network's file system that has a bad moment.
    fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        for _ in 1..ATTEMPTS {
            match attempt() {
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Interrupted
                            | ErrorKind::TimedOut
                            | ErrorKind::ResourceBusy
                            | ErrorKind::StaleNetworkFileHandle
                    ) => {}
                result => return result,
            }
        }
        attempt()
    }

    /// Temporary name, fsync, a link that never overwrites, fsync of the folder.
    fn put(&self, place: &Path, content: &[Bytes], private: bool) -> io::Result<bool> {
        let parent = place.parent().unwrap_or(&self.path);
        let count = self.written.fetch_add(1, Ordering::Relaxed);
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        // As restic names its own, so that nobody takes it for a file of the repository.
        let temporary = parent.join(format!("{name}-tmp-{}-{count}", process::id()));
        let written = (|| {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(if private { 0o600 } else { 0o640 })
                .open(&temporary)?;
            for piece in content {
                file.write_all(piece)?;
            }
            file.sync_all()?;
            match fs::hard_link(&temporary, place) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
                // File systems of sticks know no links.
                Err(_) if place.exists() => Ok(false),
                Err(_) => fs::rename(&temporary, place).map(|()| true),
            }
        })();
        let removed = match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let fresh = written?;
        removed?;
        File::open(parent)?.sync_all()?;
        Ok(fresh)
    }
}

impl Store for Folder {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn prepare(&self) -> Result<(), Error> {
        let make = |path: &Path| {
            let made = fs::DirBuilder::new().mode(0o700).create(path);
            match made {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    Err(self.failed("make", format!("the folder {}", path.display()), error))
                }
                _ => Ok(()),
            }
        };
        make(&self.path)?;
        for kind in Kind::IN_FOLDERS {
            make(&self.path.join(kind.folder()))?;
        }
        for byte in 0..=255_u8 {
            make(&self.path.join(format!("data/{byte:02x}")))?;
        }
        for folder in [self.path.clone(), self.path.join("data")] {
            File::open(&folder)
                .and_then(|folder| folder.sync_all())
                .map_err(|error| self.failed("sync", folder.display().to_string(), error))?;
        }
        Ok(())
    }

    fn is_founded(&self) -> Result<bool, Error> {
        match fs::metadata(self.at(Kind::Config, "")) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.failed("look at", "the config".to_owned(), error)),
        }
    }

    fn list(&self, kind: Kind) -> Result<Vec<(String, u64)>, Error> {
        let folder = self.path.join(kind.folder());
        let failed = |error| self.failed("list", format!("the folder {}", kind.folder()), error);
        let mut found = Vec::new();
        let mut within = |folder: &Path| -> io::Result<()> {
            let entries = match fs::read_dir(folder) {
                // The 256 folders of packs may be made when they are needed, the others not.
                Err(error) if kind == Kind::Pack && error.kind() == ErrorKind::NotFound => {
                    return Ok(());
                }
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if !is_name(&name) {
                    continue;
                }
                match entry.metadata() {
                    Ok(metadata) => found.push((name, metadata.len())),
                    // Another process removed it meanwhile.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        match kind {
            Kind::Config => {}
            Kind::Pack => {
                if !folder.is_dir() {
                    return Err(failed(io::Error::from(ErrorKind::NotFound)));
                }
                for byte in 0..=255_u8 {
                    within(&folder.join(format!("{byte:02x}"))).map_err(failed)?;
                }
            }
            _ => within(&folder).map_err(failed)?,
        }
        Ok(found)
    }

    fn read(&self, kind: Kind, name: &str) -> Result<Bytes, Error> {
        Self::patiently(|| fs::read(self.at(kind, name)))
            .map(Bytes::from)
            .map_err(|error| self.failed("read", kind.object(name), error))
    }

    fn read_part(&self, kind: Kind, name: &str, offset: u64, length: u64) -> Result<Bytes, Error> {
        let read = || {
            let mut piece = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
            File::open(self.at(kind, name))?.read_exact_at(&mut piece, offset)?;
            Ok(Bytes::from(piece))
        };
        Self::patiently(read).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Error::Damaged {
                object: kind.object(name),
                place: self.place(),
                reason: format!("it ends before byte {}", offset + length),
            },
            _ => self.failed("read", kind.object(name), error),
        })
    }

    fn write(&self, kind: Kind, name: &str, content: &[Bytes]) -> Result<(), Error> {
        let place = self.at(kind, name);
        let put = || match self.put(&place, content, kind == Kind::Key) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // The folder of a pack that restic has not needed yet; never the target itself.
                if let Some(parent) = place.parent().filter(|_| kind == Kind::Pack) {
                    fs::DirBuilder::new().mode(0o700).create(parent)?;
                }
                self.put(&place, content, kind == Kind::Key)
            }
            result => result,
        };
        match Self::patiently(put) {
            Ok(false) if kind == Kind::Config => Err(Error::Exists { place: self.place() }),
            Ok(_) => Ok(()),
            Err(error) => Err(self.failed("write", kind.object(name), error)),
        }
    }

    fn remove(&self, kind: Kind, name: &str) -> Result<(), Error> {
        match Self::patiently(|| fs::remove_file(self.at(kind, name))) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(self.failed("remove", kind.object(name), error))
            }
            _ => Ok(()),
        }
    }

    fn sweep(&self) -> Result<(), Error> {
        for kind in Kind::IN_FOLDERS {
            let entries = WalkDir::new(self.path.join(kind.folder())).max_depth(2).into_iter();
            for entry in entries.flatten().filter(|entry| entry.file_type().is_file()) {
                let name = entry.file_name().to_string_lossy();
                let left = name.split_once("-tmp-").is_some_and(|(name, _)| is_name(name));
                if left {
                    fs::remove_file(entry.path())
                        .map_err(|error| self.failed("remove", name.into_owned(), error))?;
                }
            }
        }
        Ok(())
    }
}
