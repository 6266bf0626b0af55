//! Paths that several packages claim.
//!
//! Leaves out what dpkg allows: folders, the same package for several architectures, diverted
//! files, and files that one package says it replaces.
//!
//! dpkg keeps no trace of a forced overwrite in its lists: the loser's list forgets the path. But
//! the loser's checksums still name it, so a path that a package shipped and does not list any
//! more is looked for in the lists of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use model::facts::packages::Collision;
use model::text::printable_bytes;

use crate::packages::diversions::{Diversions, Merged};
use crate::packages::status::Package;
use crate::packages::verify::lines;

/// How many collisions are told.
const TOLD: usize = 200;

/// The longest path that is told, in characters.
const LONGEST: usize = 200;

/// A claim on a path, by its hash: 12 bytes a path, so that a hundred thousand fit in little.
type Claims = Vec<(u64, u16)>;

/// Finds every path that two packages claim without leave.
pub(crate) fn find(
    root: &Path,
    dpkg: &Path,
    packages: &[Package],
    diversions: &Diversions,
) -> Vec<Collision> {
    let namer = Namer { diversions, merged: Merged::read(root) };
    let present: Vec<&Package> =
        packages.iter().filter(|package| package.has_files()).take(usize::from(u16::MAX)).collect();
    let claims = claims(dpkg, &present, &namer);
    let mut found: BTreeMap<Vec<u8>, BTreeSet<u16>> = BTreeMap::new();
    let shared = shared(&claims, &present);
    for (index, package) in (0u16..).zip(&present) {
        let stem = package.stem();
        if !shared.is_empty() {
            let list = fs::read(dpkg.join(format!("info/{stem}.list"))).unwrap_or_default();
            for path in list.split(|byte| *byte == b'\n') {
                let name = namer.name(&package.name, path);
                if shared.binary_search(&hash(&name)).is_ok() && !is_folder(root, &name) {
                    found.entry(name).or_default().insert(index);
                }
            }
        }
        let sums = fs::read(dpkg.join(format!("info/{stem}.md5sums"))).unwrap_or_default();
        for (_, path) in lines(&sums) {
            let mut full = b"/".to_vec();
            full.extend_from_slice(path);
            let name = namer.name(&package.name, &full);
            let name_hash = hash(&name);
            if claims.binary_search(&(name_hash, index)).is_ok() {
                continue;
            }
            let owners: Vec<u16> = claimants(&claims, name_hash)
                .filter(|owner| clash(package, present[usize::from(*owner)]))
                .collect();
            if !owners.is_empty() && !is_folder(root, &name) {
                let entry = found.entry(name).or_default();
                entry.insert(index);
                entry.extend(owners);
            }
        }
    }
    found
        .into_iter()
        .filter(|(_, owners)| owners.len() > 1)
        .take(TOLD)
        .map(|(path, owners)| Collision {
            path: printable_bytes(&path, LONGEST),
            packages: owners.into_iter().map(|owner| present[usize::from(owner)].stem()).collect(),
        })
        .collect()
}

/// Gives each path its one name on disk.
struct Namer<'a> {
    diversions: &'a Diversions,
    merged: Merged,
}

impl Namer<'_> {
    fn name(&self, package: &str, path: &[u8]) -> Vec<u8> {
        let placed = self.diversions.place(package, path);
        let mut name = Vec::with_capacity(placed.len() + 4);
        if self.merged.moved(placed) {
            name.extend_from_slice(b"/usr");
        }
        name.extend_from_slice(placed);
        name
    }
}

fn claims(dpkg: &Path, present: &[&Package], namer: &Namer<'_>) -> Claims {
    let mut claims = Claims::new();
    for (index, package) in (0u16..).zip(present) {
        let list = fs::read(dpkg.join(format!("info/{}.list", package.stem()))).unwrap_or_default();
        let mut paths = list.split(|byte| *byte == b'\n').peekable();
        while let Some(path) = paths.next() {
            // A folder is followed by what lies in it.
            let folder = paths
                .peek()
                .and_then(|next| next.strip_prefix(path))
                .is_some_and(|rest| rest.starts_with(b"/"));
            if path.len() > 1 && path != b"/." && !folder {
                claims.push((hash(&namer.name(&package.name, path)), index));
            }
        }
    }
    claims.sort_unstable();
    claims.dedup();
    claims
}

/// Who claims the path of that hash.
fn claimants(claims: &Claims, hash: u64) -> impl Iterator<Item = u16> {
    let start = claims.partition_point(|claim| claim.0 < hash);
    claims[start..].iter().take_while(move |claim| claim.0 == hash).map(|claim| claim.1)
}

/// Hashes of paths on which two packages clash, sorted.
fn shared(claims: &Claims, present: &[&Package]) -> Vec<u64> {
    claims
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|group| {
            group.iter().enumerate().any(|(position, (_, one))| {
                group[position + 1..].iter().any(|(_, other)| {
                    clash(present[usize::from(*one)], present[usize::from(*other)])
                })
            })
        })
        .map(|group| group[0].0)
        .collect()
}

/// Whether neither of two packages may take the other's files.
fn clash(one: &Package, other: &Package) -> bool {
    let may_take = |taker: &Package, giver: &Package| {
        taker.replaces.iter().any(|name| *name == giver.name || giver.provides.contains(name))
    };
    one.name != other.name && !may_take(one, other) && !may_take(other, one)
}

fn is_folder(root: &Path, name: &[u8]) -> bool {
    let name = name.strip_prefix(b"/").unwrap_or(name);
    fs::metadata(root.join(std::ffi::OsStr::from_bytes(name))).is_ok_and(|found| found.is_dir())
}

/// FNV-1a over eight bytes at a time would be quicker; a collision of hashes only costs a second
/// look at the names.
fn hash(name: &[u8]) -> u64 {
    name.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new(files: &[(&str, &str)]) -> Self {
            let root = tempfile::tempdir().unwrap();
            for (path, text) in files {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(root)
        }

        fn find(&self, packages: &[Package]) -> Vec<Collision> {
            let root = self.0.path();
            find(
                root,
                &root.join("var/lib/dpkg"),
                packages,
                &Diversions::read(&root.join("var/lib/dpkg")),
            )
        }
    }

    fn package(name: &str) -> Package {
        Package { name: name.to_owned(), state: "installed".to_owned(), ..Package::default() }
    }

    const SUM: &str = "60b725f10c9c85c70d97880dfe8191b3";

    #[test]
    fn a_path_in_two_lists_collides_and_shared_folders_do_not() {
        let machine = Machine::new(&[
            (
                "var/lib/dpkg/info/a.list",
                "/.\n/usr\n/usr/share\n/usr/share/empty\n/usr/bin\n/usr/bin/x\n",
            ),
            ("var/lib/dpkg/info/b.list", "/.\n/usr\n/usr/bin\n/usr/bin/x\n/usr/share/empty\n"),
            ("usr/share/empty/y", ""),
            ("usr/bin/x", ""),
        ]);
        assert_eq!(
            machine.find(&[package("a"), package("b")]),
            [Collision { path: "/usr/bin/x".into(), packages: vec!["a".into(), "b".into()] }]
        );
    }

    #[test]
    fn a_forced_overwrite_is_found_by_the_losers_sums() {
        let machine = Machine::new(&[
            ("var/lib/dpkg/info/a.list", "/.\n"),
            (
                "var/lib/dpkg/info/a.md5sums",
                &format!("{SUM}  usr/bin/x\n{SUM}  usr/bin/conffile\n"),
            ),
            ("var/lib/dpkg/info/b.list", "/.\n/usr/bin/x\n"),
        ]);
        let found = machine.find(&[package("a"), package("b")]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "/usr/bin/x");
        let replacing = Package { replaces: vec!["a".to_owned()], ..package("b") };
        assert_eq!(machine.find(&[package("a"), replacing]), []);
    }

    #[test]
    fn several_architectures_and_diversions_are_fine() {
        let machine = Machine::new(&[
            ("var/lib/dpkg/info/l:amd64.list", "/usr/share/l\n"),
            ("var/lib/dpkg/info/l:i386.list", "/usr/share/l\n"),
            ("var/lib/dpkg/info/a.list", "/usr/bin/x\n"),
            ("var/lib/dpkg/info/b.list", "/usr/bin/x\n"),
            ("var/lib/dpkg/diversions", "/usr/bin/x\n/usr/bin/x.a\nb\n"),
        ]);
        let both = |architecture: &str| Package {
            architecture: architecture.to_owned(),
            multi_arch_same: true,
            ..package("l")
        };
        let packages = [both("amd64"), both("i386"), package("a"), package("b")];
        assert_eq!(machine.find(&packages), []);
    }

    #[test]
    fn a_folder_that_merged_into_usr_hides_no_collision() {
        let machine = Machine::new(&[
            ("var/lib/dpkg/info/a.list", "/lib/x\n"),
            ("var/lib/dpkg/info/b.list", "/usr/lib/x\n"),
            ("usr/lib/x", ""),
        ]);
        std::os::unix::fs::symlink("usr/lib", machine.0.path().join("lib")).unwrap();
        assert_eq!(machine.find(&[package("a"), package("b")]).len(), 1);
    }
}
