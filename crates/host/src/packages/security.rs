//! Security updates that apt knows of and that are not installed.
//!
//! Leaves out fetching lists: a list is as old as apt's last `update`.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use debversion::Version;
use jiff::Timestamp;
use model::facts::packages::{Pending, Security};
use model::seen::Seen;
use model::text::printable;
use serde::{Deserialize, Serialize};

use crate::packages::stanza::{self, Stanzas};
use crate::packages::status::Package;

const LONGEST: usize = 120;

/// What is remembered from one run to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Remembered {
    /// Of the lists and of dpkg's record; the answer holds while it stays the same.
    key: String,
    origins: Vec<String>,
    unread: Vec<String>,
    pending: Vec<Pending>,
}

/// Where apt keeps what is read here.
pub(crate) struct Places<'a> {
    /// `/var/lib/apt/lists`
    pub(crate) lists: &'a Path,
    /// `/var/lib/apt/periodic`
    pub(crate) periodic: &'a Path,
}

/// Compares the security lists with what is installed. `record` names the state of dpkg's record.
pub(crate) fn observe(
    places: &Places<'_>,
    packages: &[Package],
    record: &str,
    now: Timestamp,
    remembered: &mut Remembered,
) -> Seen<Security> {
    let mut names: Vec<String> = match fs::read_dir(places.lists) {
        Ok(entries) => entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_list(name) || is_release(name))
            .collect(),
        Err(error) => {
            return Seen::unseen(format!("cannot list {}: {error}", places.lists.display()));
        }
    };
    names.sort();
    let key = key(places.lists, &names, record);
    if remembered.key != key {
        let before = std::mem::take(&mut remembered.pending);
        *remembered = compare(places.lists, &names, packages, now, &before);
        remembered.key = key;
    }
    Seen::Seen(Security {
        lists: names.iter().filter(|name| is_list(name)).count(),
        origins: remembered.origins.clone(),
        unread: remembered.unread.clone(),
        refreshed: refreshed(places),
        pending: remembered.pending.clone(),
    })
}

fn is_release(name: &str) -> bool {
    name.ends_with("_InRelease") || name.ends_with("_Release")
}

/// Whether the file is a package list, compressed or not.
fn is_list(name: &str) -> bool {
    name.contains("_binary-")
        && name.rsplit_once("_Packages").is_some_and(|(_, end)| end.is_empty() || compressed(end))
}

fn compressed(end: &str) -> bool {
    [".gz", ".lz4", ".xz", ".zst", ".bz2"].contains(&end)
}

fn key(lists: &Path, names: &[String], record: &str) -> String {
    let mut key = format!("1 {record}");
    for name in names {
        if let Ok(metadata) = fs::metadata(lists.join(name)) {
            key.push_str(&format!(
                " {}.{}.{}.{}",
                metadata.ino(),
                metadata.size(),
                metadata.mtime(),
                metadata.ctime()
            ));
        }
    }
    key
}

/// When apt last fetched its lists: each `update` makes files in `partial`, even if nothing is
/// new; the stamps are apt-daily(8)'s.
fn refreshed(places: &Places<'_>) -> Option<Timestamp> {
    [
        places.lists.to_owned(),
        places.lists.join("partial"),
        places.periodic.join("update-success-stamp"),
        places.periodic.join("update-stamp"),
    ]
    .iter()
    .filter_map(|path| fs::metadata(path).ok()?.modified().ok())
    .max()
    .and_then(|time| Timestamp::try_from(time).ok())
}

fn compare(
    lists: &Path,
    names: &[String],
    packages: &[Package],
    now: Timestamp,
    before: &[Pending],
) -> Remembered {
    let mut remembered = Remembered::default();
    let mut installed: HashMap<&str, Vec<&Package>> = HashMap::new();
    for package in packages.iter().filter(|package| package.has_files()) {
        installed.entry(&package.name).or_default().push(package);
    }
    let mut newest: BTreeMap<String, (&Package, Version)> = BTreeMap::new();
    let origins = security_origins(lists, names);
    for name in names.iter().filter(|name| is_list(name)) {
        let Some((_, label)) = origins.iter().find(|(prefix, _)| name.starts_with(prefix)) else {
            continue;
        };
        if !remembered.origins.contains(label) {
            remembered.origins.push(label.clone());
        }
        let read = with_list(&lists.join(name), |reader| {
            stanza::each(reader, |stanza| {
                let field = |name| stanza.field(name).unwrap_or_default();
                let Some(ours) = installed.get(field("Package")) else { return };
                let Ok(available) = field("Version").parse::<Version>() else { return };
                let architecture = field("Architecture");
                for package in ours {
                    let fits = package.architecture == architecture
                        || architecture == "all"
                        || package.architecture == "all";
                    let newer = package
                        .version
                        .parse::<Version>()
                        .is_ok_and(|installed| installed < available);
                    if fits && newer {
                        let entry = newest
                            .entry(package.stem())
                            .or_insert_with(|| (package, available.clone()));
                        if entry.1 < available {
                            entry.1 = available.clone();
                        }
                    }
                }
            })
        });
        if let Err(error) = read {
            remembered.unread.push(printable(&format!("{name}: {error}"), 2 * LONGEST));
        }
    }
    remembered.pending = newest
        .into_iter()
        .map(|(stem, (package, available))| {
            let package_name = printable(&stem, LONGEST);
            let available = printable(&available.to_string(), LONGEST);
            let since = before
                .iter()
                .find(|old| old.package == package_name && old.available == available)
                .map_or(now, |old| old.since);
            Pending {
                package: package_name,
                installed: printable(&package.version, LONGEST),
                available,
                since,
            }
        })
        .collect();
    remembered
}

/// The prefixes of the files of security origins, each with its label and suite.
fn security_origins(lists: &Path, names: &[String]) -> Vec<(String, String)> {
    let mut origins = Vec::new();
    for name in names.iter().filter(|name| is_release(name)) {
        let Some((prefix, _)) = name.rsplit_once('_') else { continue };
        let Ok(file) = File::open(lists.join(name)) else { continue };
        if let Some(label) = security_label(BufReader::new(file)) {
            origins.push((format!("{prefix}_"), label));
        }
    }
    // A list without its release file: its name must do.
    for name in names.iter().filter(|name| is_list(name)) {
        let Some((suite, _)) = name.split_once("_binary-") else { continue };
        let known = names
            .iter()
            .filter(|release| is_release(release))
            .filter_map(|release| release.rsplit_once('_'))
            .any(|(prefix, _)| name.starts_with(prefix));
        if !known && suite.contains("-security_") {
            origins.push((suite.to_owned(), printable(suite, LONGEST)));
        }
    }
    origins
}

/// Label and suite of a release file, if it is of a security archive.
fn security_label(reader: impl BufRead) -> Option<String> {
    let mut stanzas = Stanzas::new(reader);
    // A signed file has its signature's head as the first stanza.
    for _ in 0..3 {
        let stanza = stanzas.next().ok()??;
        let field = |name| stanza.field(name).unwrap_or_default();
        let (label, suite, codename) = (field("Label"), field("Suite"), field("Codename"));
        if label.is_empty() && suite.is_empty() && codename.is_empty() {
            continue;
        }
        let security = label == "Debian-Security"
            || suite.ends_with("-security")
            || codename.ends_with("-security");
        let name = if codename.is_empty() { suite } else { codename };
        return security.then(|| printable(&format!("{label} {name}"), LONGEST));
    }
    None
}

/// Reads a list, through apt's own program if it is compressed: apt knows every kind that it
/// writes.
fn with_list(
    path: &PathBuf,
    read: impl FnOnce(&mut dyn BufRead) -> io::Result<()>,
) -> io::Result<()> {
    if path.as_os_str().as_encoded_bytes().ends_with(b"_Packages") {
        return read(&mut BufReader::with_capacity(64 * 1024, File::open(path)?));
    }
    let mut child = Command::new("timeout")
        .args(["20", "/usr/lib/apt/apt-helper", "cat-file"])
        .arg(path)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let outcome = match child.stdout.take() {
        Some(stdout) => read(&mut BufReader::with_capacity(64 * 1024, stdout)),
        None => Ok(()),
    };
    let status = child.wait()?;
    outcome?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("apt-helper cat-file failed: {status}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASE: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\n\
        Label: Debian-Security\nSuite: stable-security\nCodename: bookworm-security\nSHA256:\n 00 1 x\n";
    const PACKAGES: &str = "Package: a\nArchitecture: amd64\nVersion: 1.0-1+deb12u1\n\n\
        Package: a\nArchitecture: amd64\nVersion: 1.0-1+deb12u2\n\n\
        Package: b\nArchitecture: i386\nVersion: 9\n\nPackage: other\nVersion: 3\n\n\
        Package: c\nArchitecture: amd64\nVersion: 1\n";

    fn package(name: &str, version: &str) -> Package {
        Package {
            name: name.to_owned(),
            architecture: "amd64".to_owned(),
            version: version.to_owned(),
            state: "installed".to_owned(),
            ..Package::default()
        }
    }

    fn lists(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn look(folder: &Path, packages: &[Package], now: i64, kept: &mut Remembered) -> Security {
        let places = Places { lists: folder, periodic: Path::new("/nonexistent") };
        let now = Timestamp::from_second(now).unwrap();
        let record: String = packages.iter().map(|package| package.version.as_str()).collect();
        observe(&places, packages, &record, now, kept).seen().unwrap().clone()
    }

    #[test]
    fn a_newer_version_in_a_security_list_is_pending_until_installed() {
        let folder = lists(&[
            ("d_debian-security_dists_bookworm-security_InRelease", RELEASE),
            ("d_debian-security_dists_bookworm-security_main_binary-amd64_Packages", PACKAGES),
            ("d_debian_dists_bookworm_InRelease", "Label: Debian\nSuite: stable\n"),
            ("d_debian_dists_bookworm_main_binary-amd64_Packages", "Package: c\nVersion: 99\n"),
        ]);
        let mut kept = Remembered::default();
        let old = [package("a", "1.0-1"), package("b", "1"), package("c", "1")];
        let first = look(folder.path(), &old, 100, &mut kept);
        assert_eq!(first.lists, 2);
        assert_eq!(first.origins, ["Debian-Security bookworm-security"]);
        assert_eq!(first.pending.len(), 1);
        assert_eq!(first.pending[0].available, "1.0-1+deb12u2");
        // A later look, although dpkg's record changed, keeps since when it waits.
        let other = [package("a", "1.0-1"), package("b", "2"), package("c", "1")];
        let second = look(folder.path(), &other, 900, &mut kept);
        assert_eq!(second.pending[0].since.as_second(), 100);
        let new = [package("a", "1.0-1+deb12u2"), package("b", "1"), package("c", "1")];
        assert_eq!(look(folder.path(), &new, 950, &mut kept).pending, []);
    }

    #[test]
    fn a_list_without_release_file_goes_by_its_name() {
        let folder = lists(&[("x_dists_bookworm-security_main_binary-amd64_Packages", PACKAGES)]);
        let found = look(folder.path(), &[package("a", "1")], 1, &mut Remembered::default());
        assert_eq!((found.origins.len(), found.pending.len()), (1, 1));
    }

    #[test]
    fn a_broken_compressed_list_is_named_as_unread() {
        let folder = lists(&[
            ("d_dists_bookworm-security_InRelease", RELEASE),
            ("d_dists_bookworm-security_main_binary-amd64_Packages.lz4", "no lz4"),
        ]);
        let found = look(folder.path(), &[package("a", "1")], 1, &mut Remembered::default());
        assert_eq!(found.unread.len(), 1, "{found:?}");
    }
}
