//! Which repositories are read when nobody names any: this machine's own, else Debian's.
//!
//! Leaves out a plan's or a user's choice.

use std::fs;
use std::path::{Path, PathBuf};

use crate::upstream::apt_sources::{self, SignedBy, Source};
use crate::upstream::error::Error;
use crate::upstream::keyring::Keyring;
use crate::upstream::suite::Upstream;

/// Where Debian's package of its keys puts them.
pub const DEBIAN_KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The repositories of a Debian release (`bookworm`), for these architectures: those of this
/// machine's apt that are of the release, if there are any, else `deb.debian.org`.
pub fn for_release(release: &str, architectures: &[String]) -> Result<Vec<Upstream>, Error> {
    for_release_from(Path::new("/etc/apt"), release, architectures)
}

/// As [`for_release`], with apt's settings in another folder than `/etc/apt`.
pub fn for_release_from(
    apt: &Path,
    release: &str,
    architectures: &[String],
) -> Result<Vec<Upstream>, Error> {
    let sources = apt_sources::read(apt).map_err(|source| Error::AptSources(Box::new(source)))?;
    let mut found = Vec::new();
    for source in sources.into_iter().filter(|source| of_release(&source.suite, release)) {
        found.push(upstream(apt, source, architectures)?);
    }
    // What has but updates is no release.
    if found.iter().any(|upstream: &Upstream| upstream.suite == release) {
        return Ok(found);
    }
    Ok(debian(release, architectures))
}

/// `bookworm`, `bookworm-updates`, `bookworm-security`; not `bookworm-backports`, which must be
/// asked for.
fn of_release(suite: &str, release: &str) -> bool {
    let rest = suite.strip_prefix(release);
    rest.is_some_and(|rest| matches!(rest, "" | "-updates" | "-security"))
}

fn upstream(apt: &Path, source: Source, architectures: &[String]) -> Result<Upstream, Error> {
    let Source { uri, suite, components, architectures: own, signed_by } = source;
    if components.is_empty() {
        return Err(Error::Flat { uri, suite });
    }
    let keyring = match signed_by {
        SignedBy::File(path) => Keyring::Files(vec![path]),
        SignedBy::Key(text) => Keyring::Text(text),
        SignedBy::Anyone => Keyring::Files(trusted(apt)),
        SignedBy::Fingerprint(fingerprint) => {
            return Err(Error::Fingerprint { uri, suite, fingerprint });
        }
    };
    let wanted = architectures.iter().filter(|it| own.is_empty() || own.contains(it));
    Ok(Upstream { base: uri, suite, components, architectures: wanted.cloned().collect(), keyring })
}

/// The keys that apt trusts for everything, and Debian's.
fn trusted(apt: &Path) -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::from(DEBIAN_KEYRING), apt.join("trusted.gpg")];
    if let Ok(entries) = fs::read_dir(apt.join("trusted.gpg.d")) {
        let mut parts: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        parts.retain(|path| path.extension().is_some_and(|end| end == "gpg" || end == "asc"));
        parts.sort();
        paths.extend(parts);
    }
    // An empty `trusted.gpg` is usual.
    paths.retain(|path| fs::metadata(path).is_ok_and(|it| it.len() > 0));
    if paths.is_empty() {
        paths.push(PathBuf::from(DEBIAN_KEYRING));
    }
    paths
}

/// Debian's own servers.
fn debian(release: &str, architectures: &[String]) -> Vec<Upstream> {
    let one = |folder: &str, suite: String| Upstream {
        base: format!("http://deb.debian.org/{folder}"),
        suite,
        components: vec!["main".to_owned()],
        architectures: architectures.to_vec(),
        keyring: Keyring::Files(vec![PathBuf::from(DEBIAN_KEYRING)]),
    };
    let mut all = vec![one("debian", release.to_owned())];
    if !matches!(release, "sid" | "unstable" | "experimental") {
        all.push(one("debian", format!("{release}-updates")));
        all.push(one("debian-security", format!("{release}-security")));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(files: &[(&str, &str)], release: &str) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let all = for_release_from(folder.path(), release, &["arm64".to_owned()]);
        all.expect("upstreams").iter().map(Upstream::title).collect()
    }

    #[test]
    fn the_sources_of_the_machine_come_before_debians_own() {
        let own = "Types: deb\nURIs: http://near/debian\nSuites: bookworm bookworm-updates \
            bookworm-backports\nComponents: main\n";
        let files = [("sources.list.d/near.sources", own)];
        assert_eq!(
            titles(&files, "bookworm"),
            ["http://near/debian bookworm", "http://near/debian bookworm-updates"]
        );
        assert_eq!(
            titles(&files, "trixie"),
            [
                "http://deb.debian.org/debian trixie",
                "http://deb.debian.org/debian trixie-updates",
                "http://deb.debian.org/debian-security trixie-security"
            ]
        );
        assert_eq!(titles(&[], "sid"), ["http://deb.debian.org/debian sid"]);
    }
}
