//! dpkg's status file: which packages are here, and in which state.
//!
//! Leaves out their files.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::packages::stanza::{self, Stanza};

/// A package that dpkg knows, apart from those removed without a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) architecture: String,
    pub(crate) version: String,
    /// Third word of `Status:`, as `installed`.
    pub(crate) state: String,
    pub(crate) held: bool,
    pub(crate) reinstall: bool,
    /// Whether its files are named with its architecture.
    pub(crate) multi_arch_same: bool,
    /// Names in `Replaces:`, and what it provides itself.
    pub(crate) replaces: Vec<String>,
    pub(crate) provides: Vec<String>,
    /// Absolute paths.
    pub(crate) conffiles: Vec<Vec<u8>>,
}

impl Package {
    /// Whether its files are, or may be, on disk.
    pub(crate) fn has_files(&self) -> bool {
        !matches!(self.state.as_str(), "not-installed" | "config-files")
    }

    /// The stem of its files in `/var/lib/dpkg/info`.
    pub(crate) fn stem(&self) -> String {
        if self.multi_arch_same {
            format!("{}:{}", self.name, self.architecture)
        } else {
            self.name.clone()
        }
    }

    fn of(stanza: Stanza<'_>) -> Option<Self> {
        let text = |name| stanza.field(name).unwrap_or_default().to_owned();
        let name = text("Package");
        // A name goes into paths.
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return None;
        }
        let status = text("Status");
        let mut words = status.split_ascii_whitespace();
        let (want, error, state) = (words.next()?, words.next()?, words.next()?);
        let architecture = text("Architecture");
        if architecture.contains('/') {
            return None;
        }
        Some(Self {
            name,
            architecture,
            version: text("Version"),
            state: state.to_owned(),
            held: want == "hold",
            reinstall: error == "reinstreq",
            multi_arch_same: stanza.field("Multi-Arch") == Some("same"),
            replaces: relations(stanza.field("Replaces")),
            provides: relations(stanza.field("Provides")),
            conffiles: stanza
                .more("Conffiles")
                .filter_map(|line| line.split(|byte| *byte == b' ').next())
                .map(<[u8]>::to_vec)
                .collect(),
        })
    }
}

/// The names in a list of relations, as `a (<< 2), b | c:any`.
fn relations(value: Option<&str>) -> Vec<String> {
    value
        .unwrap_or_default()
        .split([',', '|'])
        .filter_map(|relation| relation.trim().split([' ', '(', ':', '[']).next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Reads the status file in dpkg's folder.
pub(crate) fn read(dpkg: &Path) -> io::Result<Vec<Package>> {
    parse(BufReader::with_capacity(64 * 1024, File::open(dpkg.join("status"))?))
}

fn parse(reader: impl BufRead) -> io::Result<Vec<Package>> {
    let mut packages = Vec::new();
    stanza::each(reader, |stanza| {
        packages.extend(Package::of(stanza).filter(|package| package.state != "not-installed"));
    })?;
    Ok(packages)
}

/// Whether dpkg was stopped while it wrote its record.
pub(crate) fn interrupted(dpkg: &Path) -> bool {
    fs::read_dir(dpkg.join("updates"))
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit))
}

/// The process that holds one of dpkg's locks.
pub(crate) fn at_work(dpkg: &Path) -> Option<u32> {
    let locks = fs::read_to_string("/proc/locks").ok()?;
    ["lock-frontend", "lock"]
        .iter()
        .filter_map(|name| fs::metadata(dpkg.join(name)).ok())
        .find_map(|metadata| holder(&locks, metadata.ino()))
}

/// Who holds a POSIX lock on the file of that inode, by the lines of proc_locks(5).
fn holder(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        (fields.next()? == "POSIX").then_some(())?;
        let pid = fields.nth(2)?.parse().ok()?;
        let file = fields.next()?;
        (file.rsplit(':').next()?.parse() == Ok(inode)).then_some(pid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_holds_and_relations_are_read() {
        let text = "\
Package: a
Status: hold ok installed
Architecture: amd64
Multi-Arch: same
Version: 1:2.0-1
Replaces: b (<< 2), c:any | d
Conffiles:
 /etc/a 0123
 /etc/old 4567 obsolete

Package: b
Status: install reinstreq half-configured
Version: 1

Package: gone
Status: deinstall ok not-installed

Package: ../evil
Status: install ok installed

Package: e
Status: nonsense
";
        let packages = parse(text.as_bytes()).unwrap();
        assert_eq!(packages.len(), 2);
        let a = &packages[0];
        assert!(a.held && a.has_files() && !a.reinstall);
        assert_eq!(a.stem(), "a:amd64");
        assert_eq!(a.replaces, ["b", "c", "d"]);
        assert_eq!(a.conffiles, [&b"/etc/a"[..], b"/etc/old"]);
        assert_eq!((packages[1].state.as_str(), packages[1].reinstall), ("half-configured", true));
        assert_eq!(packages[1].stem(), "b");
    }

    #[test]
    fn the_locks_holder_is_found() {
        let locks = "1: FLOCK  ADVISORY  WRITE 7 fe:00:1234 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 812 fe:00:1234 0 EOF\n\
                     2: -> POSIX  ADVISORY  WRITE 900 fe:00:1234 0 EOF\nx\n";
        assert_eq!(holder(locks, 1234), Some(812));
        assert_eq!(holder(locks, 99), None);
    }
}
