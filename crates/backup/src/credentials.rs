//! What an S3 target asks of who comes, from a file of the host for root alone.
//!
//! Leaves out what is done with it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::reach::S3Credentials;

/// The folder of the credentials on a host, one file for each target.
pub const FOLDER: &str = "/var/lib/stead/backup/credentials";

/// Why there are none. No variant holds any of them.
#[derive(Debug, Error)]
pub enum Error {
    #[error("there are no credentials for the target {target}: `{path}` does not exist")]
    Absent { target: String, path: PathBuf },
    #[error("cannot read the credentials `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "the credentials `{path}` can be read by others than their owner: the mode is {mode:o}"
    )]
    Open { path: PathBuf, mode: u32 },
    #[error("the credentials `{path}` are not `access_key` and `secret_key`")]
    Shape { path: PathBuf },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let path = match self {
            Self::Open { path, .. } => return Some(format!("`chmod 600 {}`", path.display())),
            Self::Absent { path, .. } | Self::Read { path, .. } | Self::Shape { path } => path,
        };
        Some(format!(
            "as root, write `access_key = \"…\"` and `secret_key = \"…\"` into {}, mode 0600",
            path.display()
        ))
    }
}

/// The credentials of a target, as this host keeps them.
///
/// # Errors
/// If there are none, if others than their owner could read them, or if they are of another form.
pub fn of_host(target: &str) -> Result<S3Credentials, Error> {
    let path = Path::new(FOLDER).join(target);
    match read(&path) {
        Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Err(Error::Absent { target: target.to_owned(), path })
        }
        read => read,
    }
}

/// Reads a file that holds credentials.
///
/// # Errors
/// As [`of_host`].
pub fn read(path: &Path) -> Result<S3Credentials, Error> {
    let unread = |source| Error::Read { path: path.to_owned(), source };
    let found = fs::metadata(path).map_err(unread)?;
    if found.mode() & 0o077 != 0 {
        return Err(Error::Open { path: path.to_owned(), mode: found.mode() & 0o7777 });
    }
    let text = fs::read_to_string(path).map_err(unread)?;
    // The parser's own words would repeat the line that holds the secret.
    toml::from_str(&text).map_err(|_| Error::Shape { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn credentials_are_read_and_never_repeated() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("offsite");
        let write = |text: &str, mode: u32| {
            fs::write(&path, text).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        };
        write("access_key = \"a\"\nsecret_key = \"hunter2\"\n", 0o600);
        assert_eq!(read(&path).expect("read").access_key, "a");
        write("access_key = \"a\"\nsecret_key = hunter2\n", 0o600);
        let error = read(&path).expect_err("no text");
        let said = format!("{error} {error:?} {:?}", error.hint());
        assert!(said.contains("secret_key") && !said.contains("hunter2"), "{said}");
        write("", 0o640);
        assert!(matches!(read(&path), Err(Error::Open { .. })));
    }
}
