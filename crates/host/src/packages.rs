//! Observes Debian packages: their state, their files, and what waits for a restart.
//!
//! Leaves out changing anything; reads dpkg's and apt's files rather than running them.

mod collisions;
mod diversions;
mod exclude;
mod pins;
mod reboot;
mod security;
mod stale;
mod stanza;
mod status;
mod verify;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use model::facts::packages::{Broken, Collision, Dpkg, Packages};
use model::seen::Seen;
use model::text::printable;
use serde::{Deserialize, Serialize};

use crate::packages::diversions::Diversions;
use crate::packages::exclude::Rules;
use crate::packages::security::Places;
use crate::packages::status::Package;

/// How long everything here may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// How long files may be read for their checksums in one run; the next run goes on.
const READING: Duration = Duration::from_secs(15);

const LONGEST: usize = 120;

/// What is remembered from one run to the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    verified: verify::Remembered,
    security: security::Remembered,
    /// Of dpkg's record when collisions were last looked for.
    collisions_key: String,
    collisions: Vec<Collision>,
}

pub(crate) async fn observe(kept: &mut Kept) -> Packages {
    let mut own = std::mem::take(kept);
    let look = move || {
        let packages = look(&mut own);
        (packages, own)
    };
    match crate::detached::within(PATIENCE, "the packages", look).await {
        Seen::Seen((packages, own)) => {
            *kept = own;
            packages
        }
        Seen::Unseen(reason) => Packages {
            dpkg: Seen::unseen(reason.clone()),
            verified: Seen::unseen(reason.clone()),
            collisions: Seen::unseen(reason.clone()),
            stale: Seen::unseen(reason.clone()),
            security: Seen::unseen(reason),
            ..Packages::default()
        },
    }
}

fn look(kept: &mut Kept) -> Packages {
    let stale = stale::observe(Path::new("/proc"));
    let dpkg = Path::new("/var/lib/dpkg");
    let packages = match status::read(dpkg) {
        Ok(packages) if !packages.is_empty() => packages,
        other => {
            let reason = match other {
                Ok(_) => "dpkg's record (/var/lib/dpkg/status) lists no package".to_owned(),
                Err(error) => format!("no dpkg here: cannot read /var/lib/dpkg/status: {error}"),
            };
            return Packages {
                dpkg: Seen::unseen(reason.clone()),
                verified: Seen::unseen(reason.clone()),
                collisions: Seen::unseen(reason.clone()),
                reboot: reboot::observe(&[]),
                stale,
                security: Seen::unseen(reason),
            };
        }
    };
    let diversions = Diversions::read(dpkg);
    let rules = Rules::read(Path::new("/etc/dpkg"));
    let ground = verify::Ground {
        root: Path::new("/"),
        dpkg,
        packages: &packages,
        diversions: &diversions,
        rules: &rules,
    };
    let verified = verify::verify(&ground, &mut kept.verified, Instant::now() + READING);
    let record = record(dpkg);
    if kept.collisions_key != record {
        kept.collisions = collisions::find(Path::new("/"), dpkg, &packages, &diversions);
        kept.collisions_key.clone_from(&record);
    }
    let places = Places {
        lists: Path::new("/var/lib/apt/lists"),
        periodic: Path::new("/var/lib/apt/periodic"),
    };
    let security =
        security::observe(&places, &packages, &record, Timestamp::now(), &mut kept.security);
    Packages {
        dpkg: Seen::Seen(summary(dpkg, &packages)),
        verified: Seen::Seen(verified),
        collisions: Seen::Seen(kept.collisions.clone()),
        reboot: reboot::observe(&packages),
        stale,
        security,
    }
}

/// Changes whenever dpkg has done something.
fn record(dpkg: &Path) -> String {
    ["status", "info", "diversions"]
        .iter()
        .map(|name| match fs::metadata(dpkg.join(name)) {
            Ok(metadata) => format!(
                "{}.{}.{}.{} ",
                metadata.ino(),
                metadata.size(),
                metadata.mtime(),
                metadata.mtime_nsec()
            ),
            Err(_) => "- ".to_owned(),
        })
        .collect()
}

fn summary(dpkg: &Path, packages: &[Package]) -> Dpkg {
    let native = native(packages);
    let name = |package: &Package| {
        let name = if package.architecture == native || package.architecture == "all" {
            package.name.clone()
        } else {
            format!("{}:{}", package.name, package.architecture)
        };
        printable(&name, LONGEST)
    };
    let present = || packages.iter().filter(|package| package.has_files());
    let broken = packages.iter().filter_map(|package| {
        let state = match package.state.as_str() {
            "installed" if package.reinstall => "installed".to_owned(),
            "installed" if !dpkg.join(format!("info/{}.list", package.stem())).exists() => {
                "installed, but its list of files is missing".to_owned()
            }
            "installed" | "config-files" => return None,
            state => state.to_owned(),
        };
        Some(Broken {
            package: name(package),
            version: printable(&package.version, LONGEST),
            state: printable(&state, LONGEST),
            reinstall: package.reinstall,
        })
    });
    Dpkg {
        installed: present()
            .map(|package| (name(package), printable(&package.version, LONGEST)))
            .collect(),
        broken: broken.collect(),
        held: present().filter(|package| package.held).map(&name).collect(),
        pinned: pins::read(Path::new("/etc/apt"), packages),
        interrupted: status::interrupted(dpkg),
        at_work: status::at_work(dpkg),
    }
}

/// The machine's own architecture: that of dpkg itself.
fn native(packages: &[Package]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for package in packages.iter().filter(|package| package.architecture != "all") {
        if package.name == "dpkg" {
            return package.architecture.clone();
        }
        *counts.entry(&package.architecture).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map_or_else(String::new, |(a, _)| a.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_held_and_foreign_packages_are_told() {
        let dpkg = tempfile::tempdir().unwrap();
        fs::create_dir_all(dpkg.path().join("info")).unwrap();
        fs::create_dir_all(dpkg.path().join("updates")).unwrap();
        for list in ["dpkg.list", "a.list", "lib:i386.list"] {
            fs::write(dpkg.path().join("info").join(list), "").unwrap();
        }
        let package = |name: &str, architecture: &str, state: &str| Package {
            name: name.to_owned(),
            architecture: architecture.to_owned(),
            version: "1".to_owned(),
            state: state.to_owned(),
            ..Package::default()
        };
        let packages = [
            package("dpkg", "amd64", "installed"),
            Package { held: true, ..package("a", "all", "installed") },
            Package { multi_arch_same: true, ..package("lib", "i386", "installed") },
            package("half", "amd64", "half-configured"),
            package("lost", "amd64", "installed"),
            package("removed", "amd64", "config-files"),
        ];
        let told = summary(dpkg.path(), &packages);
        assert_eq!(
            told.installed.keys().collect::<Vec<_>>(),
            ["a", "dpkg", "half", "lib:i386", "lost"]
        );
        let broken: Vec<_> = told.broken.iter().map(|broken| broken.package.as_str()).collect();
        assert_eq!(broken, ["half", "lost"]);
        assert_eq!(told.held, ["a"]);
        assert!(!told.interrupted);
        fs::write(dpkg.path().join("updates/0001"), "").unwrap();
        assert!(summary(dpkg.path(), &packages).interrupted);
    }
}
