//! Whether the machine waits for a restart.
//!
//! Leaves out single processes: those are `stale`'s.

use std::cmp::Ordering;
use std::fs;
use std::path::Path;

use debversion::Version;
use jiff::Timestamp;
use model::facts::packages::{Flag, Reboot};
use model::text::printable;

use crate::packages::status::Package;

const LONGEST: usize = 120;

pub(crate) fn observe(packages: &[Package]) -> Reboot {
    let names = rustix::system::uname();
    let running = names.release().to_string_lossy().into_owned();
    let kernels = kernels(Path::new("/boot"));
    Reboot {
        flag: flag(Path::new("/run")),
        container: container(Path::new("/")),
        running_build: build(&names.version().to_string_lossy()),
        installed_build: installed_build(packages, &running),
        newer_kernel: newest(&kernels, &running),
        kernels: kernels.len(),
        running_kernel: printable(&running, LONGEST),
    }
}

fn flag(run: &Path) -> Option<Flag> {
    let metadata = fs::metadata(run.join("reboot-required")).ok()?;
    let packages = fs::read_to_string(run.join("reboot-required.pkgs")).unwrap_or_default();
    let mut packages: Vec<String> = packages
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(100)
        .map(|line| printable(line, LONGEST))
        .collect();
    packages.sort();
    packages.dedup();
    let since = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    Some(Flag { since, packages })
}

/// The kind of container, by the files that its manager leaves.
fn container(root: &Path) -> Option<String> {
    if let Ok(kind) = fs::read_to_string(root.join("run/systemd/container")) {
        return Some(printable(kind.trim(), LONGEST));
    }
    for (file, kind) in [(".dockerenv", "docker"), ("run/.containerenv", "podman")] {
        if root.join(file).exists() {
            return Some(kind.to_owned());
        }
    }
    let environment = fs::read(root.join("proc/1/environ")).ok()?;
    environment
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(b"container="))
        .map(|kind| model::text::printable_bytes(kind, LONGEST))
}

/// Releases of the kernels in /boot.
fn kernels(boot: &Path) -> Vec<String> {
    fs::read_dir(boot)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_prefix("vmlinuz-")?.to_owned()))
        .collect()
}

/// The part of a release behind its numbers: `cloud-amd64` of `6.1.0-31-cloud-amd64`.
fn flavour(release: &str) -> &str {
    let numbers =
        release.find(|c: char| c.is_ascii_alphabetic()).map_or(release, |at| &release[..at]);
    release[numbers.len()..].trim_start_matches('-')
}

/// The newest kernel of the running one's flavour, if it is newer.
fn newest(kernels: &[String], running: &str) -> Option<String> {
    let ours: Version = running.parse().ok()?;
    kernels
        .iter()
        .filter(|release| flavour(release) == flavour(running))
        .filter_map(|release| Some((release.parse::<Version>().ok()?, release)))
        .filter(|(version, _)| version.cmp(&ours) == Ordering::Greater)
        .max_by(|a, b| a.0.cmp(&b.0))
        .map(|(_, release)| printable(release, LONGEST))
}

/// The package version in `uname -v`, as `#1 SMP PREEMPT_DYNAMIC Debian 6.1.129-1 (2025-03-06)`.
fn build(version: &str) -> Option<String> {
    let mut words = version.split(' ').skip_while(|word| *word != "Debian").skip(1);
    Some(printable(words.next()?, LONGEST))
}

/// The version of the running kernel's package, as installed now.
fn installed_build(packages: &[Package], running: &str) -> Option<String> {
    packages
        .iter()
        .filter(|package| package.has_files())
        .find(|package| {
            package.name.strip_prefix("linux-image-").is_some_and(|rest| {
                rest == running || rest.strip_suffix("-unsigned") == Some(running)
            })
        })
        .map(|package| printable(&package.version, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_newer_kernel_of_the_same_flavour_counts() {
        let kernels = |list: &[&str]| list.iter().map(|k| (*k).to_owned()).collect::<Vec<_>>();
        let boot = kernels(&["6.1.0-9-amd64", "6.1.0-31-amd64", "6.12.0-1-cloud-amd64", "x y"]);
        assert_eq!(newest(&boot, "6.1.0-28-amd64").as_deref(), Some("6.1.0-31-amd64"));
        assert_eq!(newest(&boot, "6.1.0-31-amd64"), None);
        assert_eq!(newest(&boot, "6.12.0-1-cloud-amd64"), None);
        assert_eq!(newest(&boot, ""), None);
        assert_eq!(flavour("6.1.0-31-cloud-amd64"), "cloud-amd64");
        assert_eq!(flavour("6.6.31+rpt-rpi-v8"), "rpt-rpi-v8");
    }

    #[test]
    fn the_running_kernel_tells_its_build() {
        assert_eq!(
            build("#1 SMP PREEMPT_DYNAMIC Debian 6.1.129-1 (2025-03-06)").as_deref(),
            Some("6.1.129-1")
        );
        assert_eq!(build("#1 SMP Tue"), None);
    }

    #[test]
    fn the_flag_names_its_packages_once() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(flag(run.path()), None);
        fs::write(run.path().join("reboot-required"), "*** System restart required ***\n").unwrap();
        fs::write(run.path().join("reboot-required.pkgs"), "libc6\nlibc6\n\ndbus\n").unwrap();
        assert_eq!(flag(run.path()).unwrap().packages, ["dbus", "libc6"]);
    }
}
