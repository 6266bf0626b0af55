//! Reads the certificates that lie in files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use model::facts::certificates::{Certificate, OnDisk};
use model::facts::files::{Unread, shown};
use model::seen::Seen;

use crate::certificates::x509;
use crate::tls_config::{TlsConfig, expand};

/// Where certbot and Caddy keep what they renew: folder, pattern below it, how the name ends.
const STORES: [(&str, &str, &str); 2] = [
    ("/etc/letsencrypt/live", "*/cert.pem", "cert.pem"),
    ("/var/lib/caddy/.local/share/caddy/certificates", "*/*/*", ".crt"),
];

/// A chain is a few kilobytes.
const MOST_BYTES: u64 = 256 * 1024;
const MOST_FILES: usize = 500;

#[derive(Default)]
struct Why {
    declared: bool,
    used_by: BTreeSet<&'static str>,
    /// Found in a store: its absence means nothing.
    found: bool,
}

/// The declared, configured and stored certificates, declared first, and what could not be read.
pub(super) fn read(declared: &[String]) -> (Vec<OnDisk>, Vec<Unread>) {
    let mut wanted: BTreeMap<PathBuf, Why> = BTreeMap::new();
    for path in declared {
        wanted.entry(PathBuf::from(path)).or_default().declared = true;
    }
    let config = TlsConfig::read();
    let mut unread = config.unread;
    for (path, services) in config.certificates {
        for path in opened(path) {
            wanted.entry(path).or_default().used_by.extend(&services);
        }
    }
    for (folder, pattern, end) in STORES {
        let mut paths = Vec::new();
        expand(Path::new(folder), pattern, &mut paths, &mut unread);
        for path in paths.into_iter().filter(|path| path.to_string_lossy().ends_with(end)) {
            wanted.entry(path).or_default().found = true;
        }
    }
    unread.sort();
    unread.dedup();
    (gather(wanted), unread)
}

/// A folder in place of a file stands for its PEM files (HAProxy's `crt`).
fn opened(path: PathBuf) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path];
    }
    let mut paths = Vec::new();
    expand(&path, "*", &mut paths, &mut Vec::new());
    paths.retain(|path| path.extension().is_some_and(|end| end == "pem"));
    paths
}

fn gather(wanted: BTreeMap<PathBuf, Why>) -> Vec<OnDisk> {
    let mut wanted: Vec<_> = wanted.into_iter().take(MOST_FILES).collect();
    // Named files before found ones: certbot's cert.pem is the fullchain.pem that nginx names.
    wanted.sort_by_key(|(_, why)| (!why.declared, why.used_by.is_empty()));
    let mut files: Vec<OnDisk> = Vec::new();
    for (path, why) in wanted {
        let (missing, certificate) = content(&path);
        if why.found && missing && !why.declared && why.used_by.is_empty() {
            continue;
        }
        if !why.declared
            && why.used_by.is_empty()
            && let Seen::Seen(one) = &certificate
            && files.iter().any(|file| same(file, one))
        {
            continue;
        }
        files.push(OnDisk {
            path: shown(&path.to_string_lossy()),
            declared: why.declared,
            used_by: why.used_by.into_iter().map(str::to_owned).collect(),
            missing,
            certificate,
        });
    }
    files
}

fn same(file: &OnDisk, certificate: &Certificate) -> bool {
    file.certificate.seen().is_some_and(|held| held.fingerprint == certificate.fingerprint)
}

/// Whether there is no such file, and what it holds.
fn content(path: &Path) -> (bool, Seen<Certificate>) {
    let show = shown(&path.to_string_lossy());
    if !path.is_absolute() {
        return (false, Seen::unseen(format!("the path `{show}` does not begin with `/`")));
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return (false, Seen::unseen(format!("{show} is not a regular file"))),
        Err(error) => {
            let missing = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
            return (missing, Seen::unseen(format!("cannot look at {show}: {error}")));
        }
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
    let certificate = match read {
        Err(error) => Seen::unseen(format!("cannot read {show}: {error}")),
        Ok(_) => match x509::from_file(&bytes) {
            Ok(certificate) => Seen::Seen(certificate),
            Err(reason) => Seen::unseen(format!("cannot make out {show}: {reason}")),
        },
    };
    (false, certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_missing_ones_are_told_and_doubles_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("full.pem"), x509::SNAKEOIL).expect("written");
        fs::write(path("live.pem"), x509::SNAKEOIL).expect("written");
        fs::write(path("broken.pem"), "nothing").expect("written");
        let used = || Why { used_by: BTreeSet::from(["nginx"]), ..Why::default() };
        let found = || Why { found: true, ..Why::default() };
        let files = gather(BTreeMap::from([
            (path("broken.pem"), used()),
            (path("full.pem"), used()),
            (path("gone.pem"), used()),
            (path("live.pem"), found()),
            (path("never.pem"), found()),
        ]));
        let told: Vec<_> = files
            .iter()
            .map(|file| {
                let name = file.path.rsplit('/').next().unwrap_or_default();
                (name, file.missing, file.certificate.seen().is_some())
            })
            .collect();
        assert_eq!(
            told,
            [("broken.pem", false, false), ("full.pem", false, true), ("gone.pem", true, false)]
        );
    }
}
