//! The file in which a host keeps the password of a service's repositories, for root alone.
//!
//! Leaves out who may open it besides the host, which is `keys`'.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::password::Password;
use crate::whole;

/// The folder of the passwords on a host, one file for each service.
pub const FOLDER: &str = "/var/lib/stead/backup/keys";
/// The longest password that is taken, in bytes: one of another's making may be longer than ours.
const LONGEST: u64 = 1024;

/// Why there is no password. No variant holds any of it.
#[derive(Debug, Error)]
pub enum Error {
    #[error("there is no key of {service} on this host: `{path}` does not exist")]
    Absent { service: String, path: PathBuf },
    #[error("cannot read the key `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("the key `{path}` can be read by others than its owner: its mode is {mode:o}")]
    Open { path: PathBuf, mode: u32 },
    #[error("the key `{path}` is no single line of text")]
    Shape { path: PathBuf },
    #[error("cannot write the key `{path}`")]
    Write { path: PathBuf, source: io::Error },
    #[error("there is a key already, `{path}`, and it is another one")]
    Other { path: PathBuf },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Absent { service, .. } => Some(format!(
                "`stead backup keys make {service}` makes one; if there is one already, \
                 `stead backup keys open {service} --identity FILE` brings it here"
            )),
            Self::Open { path, .. } => Some(format!("`chmod 600 {}`", path.display())),
            Self::Shape { path } => Some(format!(
                "bring it anew with `stead backup keys open`, after moving {} away",
                path.display()
            )),
            Self::Read { .. } | Self::Write { .. } => {
                Some("only root reads and writes it: `sudo stead …`".to_owned())
            }
            Self::Other { path } => Some(format!(
                "what was saved with it opens with nothing else: move {} away, but keep it",
                path.display()
            )),
        }
    }
}

/// Where the password of a service lies on its host.
pub fn path(service: &str) -> PathBuf {
    Path::new(FOLDER).join(service)
}

/// A text as a password; `None` if it is no single line.
pub fn one_line(text: &str) -> Option<Password> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let good = !line.is_empty() && !line.contains(char::is_control);
    (good && line.len() as u64 <= LONGEST).then(|| Password::new(line))
}

/// The password of a service, as this host keeps it.
///
/// # Errors
/// If there is none, or others than its owner could read it.
pub fn of_host(service: &str) -> Result<Password, Error> {
    let path = path(service);
    match read(&path) {
        Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Err(Error::Absent { service: service.to_owned(), path })
        }
        read => read,
    }
}

/// Reads a file that holds a password.
///
/// # Errors
/// If it cannot be read, if others than its owner may, or if it is no single line.
pub fn read(path: &Path) -> Result<Password, Error> {
    let unread = |source| Error::Read { path: path.to_owned(), source };
    // A pipe that nobody writes to would keep a plain opening waiting.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = fs::File::options().read(true).custom_flags(nonblock).open(path);
    let file = file.map_err(unread)?;
    let found = file.metadata().map_err(unread)?;
    if found.mode() & 0o077 != 0 {
        return Err(Error::Open { path: path.to_owned(), mode: found.mode() & 0o7777 });
    }
    let shape = || Error::Shape { path: path.to_owned() };
    let mut bytes = Vec::new();
    file.take(LONGEST + 2).read_to_end(&mut bytes).map_err(unread)?;
    let text = String::from_utf8(bytes).map_err(|_| shape())?;
    one_line(&text).ok_or_else(shape)
}

/// Writes it where its host keeps it, for root alone; the same password there is fine.
///
/// # Errors
/// If it cannot be written, or another password is there.
pub fn keep(password: &Password, path: &Path) -> Result<(), Error> {
    if path.symlink_metadata().is_ok() {
        let there = read(path)?;
        return if there == *password {
            Ok(())
        } else {
            Err(Error::Other { path: path.to_owned() })
        };
    }
    write(path, &format!("{}\n", password.reveal()))
}

/// Writes it where its host keeps it, in place of another one; at no moment is there none.
///
/// # Errors
/// If it cannot be written.
pub fn exchange(password: &Password, path: &Path) -> Result<(), Error> {
    if read(path).is_ok_and(|there| there == *password) {
        return Ok(());
    }
    let text = format!("{}\n", password.reveal());
    let written = whole::replace(path, text.as_bytes(), 0o600);
    written.map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Writes a new file for its owner alone; its folder, too, if there is none yet.
///
/// # Errors
/// If it is there already, or cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    let write = |source| Error::Write { path: path.to_owned(), source };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        // What lies above is for everybody to pass through: the evidence lies there, too.
        fs::create_dir_all(folder.parent().unwrap_or(Path::new("/"))).map_err(write)?;
        fs::DirBuilder::new().mode(0o700).create(folder).map_err(write)?;
    }
    let mut staged = tempfile::NamedTempFile::new_in(folder).map_err(write)?;
    staged.write_all(text.as_bytes()).map_err(write)?;
    staged.as_file().sync_all().map_err(write)?;
    staged.persist_noclobber(path).map_err(|error| write(error.error))?;
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(write)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_kept_is_for_its_owner_alone_and_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys/chat");
        let one = Password::generate().expect("bytes");
        keep(&one, &path).expect("kept");
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o7777, 0o600);
        assert_eq!(read(&path).expect("read").reveal(), one.reveal());
        keep(&one, &path).expect("the same is fine");
        let other = Password::generate().expect("bytes");
        assert!(matches!(keep(&other, &path), Err(Error::Other { .. })));
        assert_eq!(read(&path).expect("read").reveal(), one.reveal());

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("opened");
        let error = read(&path).expect_err("open to the group");
        assert!(error.hint().is_some_and(|hint| hint.starts_with("`chmod 600 ")));
        assert!(!error.to_string().contains(one.reveal()));
        for bad in ["", "\n", "two\nlines", &"x".repeat(2000)] {
            assert!(one_line(bad).is_none(), "{bad:?}");
        }
    }
}
