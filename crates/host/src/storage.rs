//! Observes disks, inodes, the journal's size and filesystem errors.
//!
//! Leaves out network filesystems: they are named, and never asked.

mod faults;
mod fstab;
mod journal;
mod journald;
pub(crate) mod mounts;
mod usage;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::facts::storage::{Filesystem, Purpose, Storage, Usage};
use model::mount::{self, Mount};
use model::seen::Seen;
use model::text::{printable, printable_bytes};

use crate::storage::usage::Point;

/// The longest path or name that is kept, in characters.
const LONGEST: usize = 200;

/// How long everything here may take.
const PATIENCE: Duration = Duration::from_secs(8);

pub(crate) async fn observe() -> Storage {
    match crate::detached::within(PATIENCE, "the disks", look).await {
        Seen::Seen(storage) => storage,
        Seen::Unseen(reason) => Storage {
            filesystems: Seen::unseen(reason.clone()),
            journal: Seen::unseen(reason),
            ..Storage::default()
        },
    }
}

fn look() -> Storage {
    let sys = Path::new("/sys");
    let (filesystems, remote) = match fs::read("/proc/self/mountinfo") {
        Ok(mountinfo) => {
            let chosen = mounts::choose(mount::parse(&mountinfo));
            let remote = chosen.remote.iter().map(|mount| show(&mount.point)).collect();
            (Seen::Seen(filesystems(chosen.local, sys)), remote)
        }
        Err(error) => {
            (Seen::unseen(format!("cannot read /proc/self/mountinfo: {error}")), Vec::new())
        }
    };
    Storage { filesystems, remote, arrays: faults::arrays(sys), journal: journal(Path::new("/")) }
}

/// The journal, unless there is none that may be looked at.
fn journal(root: &Path) -> Seen<model::facts::storage::Journal> {
    match fs::read_dir(root.join("var/log/journal")) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Seen::unseen(format!("cannot list /var/log/journal: {error}"))
        }
        _ => Seen::Seen(journal::observe(root)),
    }
}

fn show(path: &Path) -> String {
    printable_bytes(path.as_os_str().as_bytes(), LONGEST)
}

fn filesystems(mounts: Vec<Mount>, sys: &Path) -> Vec<Filesystem> {
    let wishes = fstab::read_only(&fs::read("/etc/fstab").unwrap_or_default());
    let points: Vec<PathBuf> = mounts.iter().map(|mount| mount.point.clone()).collect();
    let answers = usage::ask(&points);
    let found = mounts
        .into_iter()
        .zip(answers)
        // A single file bound into a container is no filesystem of its own, and one without
        // blocks holds nothing.
        .filter(|(_, answer)| {
            answer.seen().is_none_or(|point| point.folder && point.usage.size_bytes > 0)
        })
        .map(|(mount, answer)| filesystem(&mount, answer, &wishes, sys))
        .collect();
    distinct(found)
}

fn filesystem(
    mount: &Mount,
    answer: Seen<Point>,
    wishes: &BTreeMap<PathBuf, bool>,
    sys: &Path,
) -> Filesystem {
    let has = |name: &str| mount.super_options.iter().any(|option| option == name);
    Filesystem {
        mount: show(&mount.point),
        source: printable(&mount.source, LONGEST),
        kind: printable(&mount.kind, LONGEST),
        purpose: purpose(mount),
        read_only: has("ro") || mount.options.iter().any(|option| option == "ro"),
        wanted_read_only: wishes.get(&mount.point).copied(),
        given_up: ["emergency_ro", "shutdown"]
            .into_iter()
            .find(|option| has(option))
            .map(str::to_owned),
        errors: faults::errors(sys, &mount.kind, &mount.device, &mount.source),
        usage: answer.map(|point| point.usage),
    }
}

fn purpose(mount: &Mount) -> Purpose {
    if mount.kind == "tmpfs" && mount.point != Path::new("/") {
        return Purpose::Memory;
    }
    match mount.point.to_str() {
        Some("/boot" | "/boot/firmware") => Purpose::Boot { kernel_bytes: kernel(&mount.point) },
        Some("/boot/efi" | "/efi") => Purpose::Loader,
        _ => Purpose::Data,
    }
}

/// What the largest kernel in the folder and the largest initial RAM disk take together.
fn kernel(boot: &Path) -> u64 {
    let mut largest = [0, 0];
    for entry in fs::read_dir(boot).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.as_bytes();
        let kind = if name.starts_with(b"vmlinuz") || name.starts_with(b"kernel") {
            0
        } else if name.starts_with(b"initr") {
            1
        } else {
            continue;
        };
        let size = entry.metadata().map_or(0, |metadata| metadata.len());
        largest[kind] = size.max(largest[kind]);
    }
    largest.iter().sum()
}

/// Whether two answers are of one disk, though something was written between them.
fn alike(one: Usage, other: Usage) -> bool {
    let inodes = |usage: Usage| usage.inodes.map(|inodes| inodes.used + inodes.available);
    one.size_bytes == other.size_bytes
        && inodes(one) == inodes(other)
        && one.available_bytes.abs_diff(other.available_bytes) <= one.size_bytes / 100
}

/// Leaves out what shares its free space with another that stands for it: folders bound from the
/// disk below an overlay root, and datasets of one ZFS pool.
fn distinct(mut filesystems: Vec<Filesystem>) -> Vec<Filesystem> {
    let root = filesystems
        .iter()
        .find(|filesystem| filesystem.mount == "/" && filesystem.kind == "overlay")
        .and_then(|filesystem| filesystem.usage.seen().copied());
    filesystems.retain(|filesystem| {
        let same = root.zip(filesystem.usage.seen().copied()).is_some_and(|(a, b)| alike(a, b));
        filesystem.mount == "/" || !same
    });
    let pool = |filesystem: &Filesystem| {
        let usage = filesystem.usage.seen()?;
        let pool = filesystem.source.split('/').next()?.to_owned();
        (filesystem.kind == "zfs").then_some((pool, usage.available_bytes, usage.size_bytes))
    };
    let pools: Vec<_> = filesystems.iter().map(pool).collect();
    let mut index = 0;
    filesystems.retain(|_| {
        let mine = &pools[index];
        let stands = mine.as_ref().is_none_or(|(name, available, size)| {
            // The largest, and of equals the first, stands for all with the same free space.
            !pools.iter().enumerate().any(|(other, pool)| {
                pool.as_ref().is_some_and(|(n, a, s)| {
                    n == name && a == available && (s > size || (s == size && other < index))
                })
            })
        });
        index += 1;
        stands
    });
    filesystems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounted(mount: &str, kind: &str, source: &str, size: u64, available: u64) -> Filesystem {
        Filesystem {
            mount: mount.to_owned(),
            source: source.to_owned(),
            kind: kind.to_owned(),
            purpose: Purpose::Data,
            read_only: false,
            wanted_read_only: None,
            given_up: None,
            usage: Seen::Seen(Usage {
                size_bytes: size,
                used_bytes: size - available,
                available_bytes: available,
                inodes: None,
            }),
            errors: Vec::new(),
        }
    }

    fn points(filesystems: &[Filesystem]) -> Vec<&str> {
        filesystems.iter().map(|filesystem| filesystem.mount.as_str()).collect()
    }

    #[test]
    fn a_volume_on_the_disk_below_an_overlay_root_counts_once() {
        let found = distinct(vec![
            mounted("/", "overlay", "overlay", 100, 40),
            mounted("/data", "ext4", "/dev/vda", 100, 40),
            mounted("/other", "ext4", "/dev/vdb", 100, 80),
        ]);
        assert_eq!(points(&found), ["/", "/other"]);
    }

    #[test]
    fn datasets_of_a_pool_count_once_unless_a_quota_sets_one_apart() {
        let found = distinct(vec![
            mounted("/", "zfs", "rpool/root", 60, 40),
            mounted("/home", "zfs", "rpool/home", 90, 40),
            mounted("/srv", "zfs", "rpool/srv", 90, 40),
            mounted("/small", "zfs", "rpool/small", 10, 1),
            mounted("/tank", "zfs", "tank", 80, 40),
        ]);
        assert_eq!(points(&found), ["/home", "/small", "/tank"]);
    }

    #[tokio::test]
    async fn this_machine_has_a_root_with_space() {
        let storage = observe().await;
        let filesystems = storage.filesystems.seen().unwrap();
        let root = filesystems.iter().find(|filesystem| filesystem.mount == "/").unwrap();
        assert!(root.usage.seen().unwrap().size_bytes > 0);
    }
}
