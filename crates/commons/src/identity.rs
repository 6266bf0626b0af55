//! The device's identity: an Ed25519 key in a file that only its user may read.
//!
//! Leaves out which member the device belongs to: that is the plan's.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use p2panda_core::{SigningKey, VerifyingKey};

use crate::error::Error;

/// What a key file starts with; the secret follows as 64 hexadecimal digits.
const PREFIX: &str = "stead-device-key-v1:";
/// A key file is no longer.
const LONGEST: u64 = 200;

/// A device's key. Its secret half is never shown, by `Debug` either.
#[derive(Clone)]
pub struct Identity {
    key: SigningKey,
}

impl Identity {
    /// Reads the key at `path`, or makes a new one there with mode 0600.
    ///
    /// A new file appears whole or not at all; of two processes that make one at once, both end
    /// with the same key. The folder must exist.
    ///
    /// # Errors
    /// If the file cannot be read or written, is readable by others, or holds no key.
    pub fn create_or_load(path: &Path) -> Result<Self, Error> {
        match Self::load(path) {
            Err(Error::ReadKey { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let made = Self { key: SigningKey::generate() };
        match made.save(path) {
            Ok(()) => Ok(made),
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Self::load(path),
            Err(source) => Err(Error::WriteKey { path: path.to_owned(), source }),
        }
    }

    /// Reads the key at `path`.
    ///
    /// # Errors
    /// As [`Identity::create_or_load`], and if there is none.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let read = |source| Error::ReadKey { path: path.to_owned(), source };
        // A pipe that nobody writes to would keep a plain opening waiting.
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = File::options().read(true).custom_flags(nonblock).open(path).map_err(read)?;
        let found = file.metadata().map_err(read)?;
        let mode = found.permissions().mode() & 0o777;
        if !found.is_file() {
            return Err(Error::MalformedKey { path: path.to_owned() });
        }
        if mode & 0o077 != 0 {
            return Err(Error::OpenKey { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text).map_err(|source| match source.kind() {
            io::ErrorKind::InvalidData => Error::MalformedKey { path: path.to_owned() },
            _ => read(source),
        })?;
        let bytes = text.strip_prefix(PREFIX).and_then(|rest| digits(rest.trim_end()));
        let bytes = bytes.ok_or_else(|| Error::MalformedKey { path: path.to_owned() })?;
        Ok(Self { key: SigningKey::from_bytes(&bytes) })
    }

    fn save(&self, path: &Path) -> io::Result<()> {
        let mut salt = [0; 8];
        getrandom::fill(&mut salt).map_err(|error| io::Error::other(error.to_string()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let staged = path.with_file_name(format!(".{name}.{:016x}", u64::from_le_bytes(salt)));
        let outcome = self.write(&staged).and_then(|()| fs::hard_link(&staged, path));
        // The link is what counts; the first error is the one to tell.
        let _ = fs::remove_file(&staged);
        outcome?;
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
    }

    fn write(&self, staged: &PathBuf) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(staged)?;
        writeln!(file, "{PREFIX}{}", self.key.to_hex())?;
        file.sync_all()
    }

    /// The public key as 64 hexadecimal digits: how other devices name this one.
    pub fn public(&self) -> String {
        self.key.verifying_key().to_hex()
    }

    pub(crate) fn author(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    pub(crate) const fn key(&self) -> &SigningKey {
        &self.key
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("public", &self.public()).finish_non_exhaustive()
    }
}

fn digits(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let well = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !well {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_comes_back_and_its_file_is_closed_to_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("device.key");
        let first = Identity::create_or_load(&path).expect("made");
        let again = Identity::create_or_load(&path).expect("read");
        assert_eq!(first.public(), again.public());
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 1, "nothing is left over");
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("device.key");
        Identity::create_or_load(&path).expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("opened");
        let error = Identity::create_or_load(&path).expect_err("refused");
        assert!(matches!(error, Error::OpenKey { mode: 0o640, .. }));
        assert!(error.hint().expect("a hint").contains("chmod 600"));
    }

    #[test]
    fn a_pipe_in_the_keys_place_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("device.key");
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("runs");
        assert!(made.success());
        let error = Identity::create_or_load(&path).expect_err("refused");
        assert!(matches!(error, Error::MalformedKey { .. }));
    }

    #[test]
    fn what_holds_no_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("device.key");
        let short = format!("{PREFIX}{}\n", "a".repeat(63));
        let sign = format!("{PREFIX}+1{}\n", "a".repeat(62));
        for bad in [&b""[..], b"\xff\xfe", b"key", short.as_bytes(), sign.as_bytes()] {
            fs::write(&path, bad).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("closed");
            let error = Identity::create_or_load(&path).expect_err("refused");
            assert!(matches!(error, Error::MalformedKey { .. }), "{error}");
            assert_eq!(fs::read(&path).expect("there"), bad);
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("device.key");
        let identity = Identity::create_or_load(&path).expect("made");
        let secret = fs::read_to_string(&path).expect("there");
        let secret = secret.trim_end().strip_prefix(PREFIX).expect("a prefix");
        assert!(!format!("{identity:?}").contains(secret));
    }

    #[test]
    fn of_two_that_make_one_at_once_both_have_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("device.key");
        let make = || Identity::create_or_load(&path).expect("made").public();
        let keys: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().expect("ended")).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }
}
