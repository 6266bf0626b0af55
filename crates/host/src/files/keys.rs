//! Finds private keys in the usual places, by name or by how they begin.
//!
//! Leaves out their content: nothing of it outlives the question whether it is a key.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use model::facts::files::{Key, Unread, shown};

use crate::files::names::Names;
use crate::tls_config::TlsConfig;

/// Folders of services that often hold keys beside their configuration.
const SERVICES: [&str; 19] = [
    "/etc/nginx",
    "/etc/apache2",
    "/etc/postfix",
    "/etc/dovecot",
    "/etc/exim4",
    "/etc/haproxy",
    "/etc/postgresql",
    "/etc/mysql",
    "/etc/redis",
    "/etc/mosquitto",
    "/etc/prosody",
    "/etc/coturn",
    "/etc/stunnel",
    "/etc/openvpn",
    "/etc/ldap",
    "/etc/caddy",
    "/etc/traefik",
    "/etc/matrix-synapse",
    "/etc/opendkim",
];

/// So deep, and so many entries of all folders together, are looked at.
const DEEPEST: usize = 4;
const MOST_ENTRIES: usize = 5000;
/// A certificate chain may stand before the key in the same file.
const MOST_BYTES: u64 = 64 * 1024;

/// How a file in a folder is taken for a key.
#[derive(Clone, Copy)]
enum By {
    /// `ssh_host_*_key`
    HostKey,
    /// `id_*` without `.pub`
    UserKey,
    /// `privkey*.pem`
    Certbot,
    /// stead's own: `*.key`
    Device,
    /// A PEM private key stands in it, whatever its name.
    Content,
    /// As [`By::Content`], for files named `*.key`, `*.pem` or `*.private` only.
    Named,
}

/// The keys that were found, by path, and what could not be read.
pub(super) fn find(names: &Names) -> (Vec<Key>, Vec<Unread>) {
    let mut search = Search::new(names);
    search.folder(Path::new("/etc/ssh"), By::HostKey, 1);
    search.folder(Path::new("/etc/ssl/private"), By::Content, 3);
    search.folder(Path::new("/etc/letsencrypt/archive"), By::Certbot, 2);
    for folder in SERVICES {
        search.folder(Path::new(folder), By::Named, DEEPEST);
    }
    for home in names.homes() {
        search.folder(&home.join(".ssh"), By::UserKey, 1);
        search.folder(&home.join(".local/share/stead"), By::Device, 2);
    }
    let config = TlsConfig::read();
    for path in &config.keys {
        search.file(path, By::Content);
    }
    search.unread.extend(config.unread);
    search.finish()
}

struct Search<'a> {
    names: &'a Names,
    left: usize,
    found: BTreeMap<(u64, u64), Key>,
    unread: BTreeSet<Unread>,
    /// Whether others may pass through a folder, for those that were asked.
    open: BTreeMap<PathBuf, bool>,
}

impl<'a> Search<'a> {
    fn new(names: &'a Names) -> Self {
        Self {
            names,
            left: MOST_ENTRIES,
            found: BTreeMap::new(),
            unread: BTreeSet::new(),
            open: BTreeMap::new(),
        }
    }

    fn finish(self) -> (Vec<Key>, Vec<Unread>) {
        let mut keys: Vec<Key> = self.found.into_values().collect();
        keys.sort_by(|a, b| a.path.cmp(&b.path));
        (keys, self.unread.into_iter().collect())
    }

    fn blind(&mut self, path: &Path, reason: impl Into<String>) {
        self.unread.insert(Unread { path: shown(&path.to_string_lossy()), reason: reason.into() });
    }

    fn folder(&mut self, folder: &Path, by: By, depth: usize) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if absent(&error) => return,
            Err(error) => return self.blind(folder, error.to_string()),
        };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if self.left == 0 {
                return self.blind(
                    folder,
                    format!(
                        "there are more than {MOST_ENTRIES} files in all; the rest was left out"
                    ),
                );
            }
            self.left -= 1;
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth > 1 => {
                    self.folder(&entry.path(), by, depth - 1);
                }
                Ok(kind) if kind.is_dir() => {}
                _ if by.fits(&entry.file_name().to_string_lossy()) => self.file(&entry.path(), by),
                _ => {}
            }
        }
    }

    /// Takes the file for a key if it is one. One that cannot be opened is closed to us as one of
    /// the others: if its name alone does not say what it is, it is left out.
    fn file(&mut self, path: &Path, by: By) {
        let metadata = match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return,
            Err(error) if absent(&error) => return,
            Err(error) => return self.blind(path, error.to_string()),
        };
        let identity = (metadata.dev(), metadata.ino());
        if self.found.contains_key(&identity) {
            return;
        }
        if matches!(by, By::Content | By::Named) && !holds_key(path).unwrap_or(false) {
            return;
        }
        let key = Key {
            path: shown(&path.to_string_lossy()),
            access: self.names.access(&metadata),
            sheltered: self.sheltered(path),
        };
        self.found.insert(identity, key);
    }

    /// Whether a folder above the file, links resolved, lets no other user through.
    fn sheltered(&mut self, path: &Path) -> bool {
        let Ok(real) = fs::canonicalize(path) else { return false };
        real.ancestors().skip(1).any(|folder| {
            let open = self.open.entry(folder.to_owned()).or_insert_with(|| {
                fs::metadata(folder).map_or(true, |metadata| metadata.mode() & 0o001 != 0)
            });
            !*open
        })
    }
}

impl By {
    fn fits(self, name: &str) -> bool {
        match self {
            Self::HostKey => name.starts_with("ssh_host_") && name.ends_with("_key"),
            Self::UserKey => name.starts_with("id_") && !name.ends_with(".pub"),
            Self::Certbot => name.starts_with("privkey") && name.ends_with(".pem"),
            Self::Device => name.ends_with(".key"),
            Self::Content => true,
            Self::Named => [".key", ".pem", ".private"].iter().any(|end| name.ends_with(end)),
        }
    }
}

fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn holds_key(path: &Path) -> io::Result<bool> {
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(nonblock).unwrap_or(0))
        .open(path)?;
    let mut bytes = Vec::new();
    File::take(file, MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(is_key(&bytes))
}

/// Whether a line reads `-----BEGIN … PRIVATE KEY…` (RFC 7468, OpenSSH, OpenPGP).
fn is_key(bytes: &[u8]) -> bool {
    bytes.split(|&byte| byte == b'\n').any(|line| {
        line.strip_prefix(b"-----BEGIN ")
            .is_some_and(|rest| rest.windows(11).take(64).any(|window| window == b"PRIVATE KEY"))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_known_by_how_a_line_begins() {
        for (bytes, key) in [
            (&b"-----BEGIN PRIVATE KEY-----\n"[..], true),
            (b"junk\n-----BEGIN OPENSSH PRIVATE KEY-----", true),
            (b"-----BEGIN CERTIFICATE-----\nMII\n-----BEGIN RSA PRIVATE KEY-----\n", true),
            (b"-----BEGIN PUBLIC KEY-----", false),
            (b"# -----BEGIN PRIVATE KEY-----", false),
            (b"\xff\xfe\0", false),
            (b"", false),
        ] {
            assert_eq!(is_key(bytes), key, "{bytes:?}");
        }
    }

    #[test]
    fn keys_are_found_once_and_shelter_is_seen() {
        let root = tempfile::tempdir().expect("a folder");
        let open = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
        };
        open(root.path(), 0o755);
        let key = root.path().join("a.key");
        fs::write(&key, "-----BEGIN PRIVATE KEY-----\n").expect("written");
        open(&key, 0o644);
        fs::write(root.path().join("b.pem"), "-----BEGIN CERTIFICATE-----\n").expect("written");
        std::os::unix::fs::symlink(&key, root.path().join("c.key")).expect("linked");
        let names = Names::default();
        let mut search = Search::new(&names);
        search.folder(root.path(), By::Named, 1);
        let (keys, unread) = search.finish();
        assert_eq!(keys.len(), 1);
        assert!(!keys[0].sheltered && unread.is_empty());

        open(root.path(), 0o700);
        let mut search = Search::new(&names);
        search.folder(root.path(), By::Named, 1);
        assert!(search.finish().0[0].sheltered);
    }
}
