//! Errors that the kernel counts for filesystems and RAID arrays, from /sys.
//!
//! Leaves out its messages: those are `logs`'.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use model::facts::storage::{Array, Errors};
use model::text::printable;

const LONGEST: usize = 80;

/// The kernel's name of a block device, as `sda1`, from its `major:minor`.
fn name(sys: &Path, device: &str) -> Option<String> {
    let target = fs::read_link(sys.join("dev/block").join(device)).ok()?;
    Some(target.file_name()?.to_str()?.to_owned())
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Counters above zero of one mounted filesystem; `device` is its `major:minor`, `source` what
/// was mounted.
pub(crate) fn errors(sys: &Path, kind: &str, device: &str, source: &str) -> Vec<Errors> {
    match kind {
        "ext2" | "ext3" | "ext4" => ext4(sys, device).into_iter().collect(),
        "btrfs" => btrfs(sys, source),
        _ => Vec::new(),
    }
}

fn ext4(sys: &Path, device: &str) -> Option<Errors> {
    let folder = sys.join("fs/ext4").join(name(sys, device)?);
    let count = number(&folder.join("errors_count")).filter(|count| *count > 0)?;
    let last = number(&folder.join("last_error_time"))
        .and_then(|seconds| i64::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0)
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    Some(Errors { counter: "ext4 errors".to_owned(), count, last })
}

/// Counters of the devices of the filesystem that `source` belongs to.
fn btrfs(sys: &Path, source: &str) -> Vec<Errors> {
    // A mapper's link is resolved to the kernel's name.
    let real = fs::canonicalize(source).unwrap_or_else(|_| source.into());
    let Some(device) = real.file_name() else { return Vec::new() };
    let filesystems = fs::read_dir(sys.join("fs/btrfs")).into_iter().flatten().flatten();
    let Some(ours) = filesystems
        .map(|entry| entry.path())
        .find(|path| path.join("devices").join(device).exists())
    else {
        return Vec::new();
    };
    let mut errors = Vec::new();
    for member in fs::read_dir(ours.join("devinfo")).into_iter().flatten().flatten() {
        let stats = fs::read_to_string(member.path().join("error_stats")).unwrap_or_default();
        let member = member.file_name().to_string_lossy().into_owned();
        errors.extend(counters(&stats).map(|(counter, count)| Errors {
            counter: printable(&format!("{counter} of device {member}"), LONGEST),
            count,
            last: None,
        }));
    }
    errors.sort_by(|a, b| a.counter.cmp(&b.counter));
    errors
}

/// The counters above zero of an `error_stats` file: `write_errs 0` and so on, one a line.
fn counters(stats: &str) -> impl Iterator<Item = (&str, u64)> {
    stats
        .lines()
        .filter_map(|line| line.trim().split_once(' '))
        .filter_map(|(counter, count)| Some((counter, count.trim().parse().ok()?)))
        .filter(|(_, count)| *count > 0)
}

/// Every md array.
pub(crate) fn arrays(sys: &Path) -> Vec<Array> {
    let mut arrays: Vec<Array> = fs::read_dir(sys.join("block"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|block| {
            let md = block.path().join("md");
            let degraded = number(&md.join("degraded"))?;
            let level = fs::read_to_string(md.join("level")).unwrap_or_default();
            Some(Array {
                name: printable(&block.file_name().to_string_lossy(), LONGEST),
                level: printable(level.trim(), LONGEST),
                degraded,
            })
        })
        .collect();
    arrays.sort_by(|a, b| a.name.cmp(&b.name));
    arrays
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn sys(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn ext4s_errors_are_found_by_device_number() {
        let sys = sys(&[
            ("fs/ext4/sda1/errors_count", "3\n"),
            ("fs/ext4/sda1/last_error_time", "1700000000\n"),
            ("fs/ext4/sdb1/errors_count", "0\n"),
        ]);
        fs::create_dir_all(sys.path().join("dev/block")).unwrap();
        symlink("../../devices/x/sda/sda1", sys.path().join("dev/block/8:1")).unwrap();
        symlink("../../devices/x/sdb/sdb1", sys.path().join("dev/block/8:17")).unwrap();
        let found = errors(sys.path(), "ext4", "8:1", "/dev/root");
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].count, found[0].last),
            (3, Timestamp::from_second(1_700_000_000).ok())
        );
        assert_eq!(errors(sys.path(), "ext4", "8:17", "/dev/sdb1"), []);
        assert_eq!(errors(sys.path(), "ext4", "9:9", "/dev/x"), []);
    }

    #[test]
    fn btrfs_counters_and_a_degraded_array_are_found() {
        let sys = sys(&[
            ("fs/btrfs/uuid/devices/nosuchdisk", ""),
            ("fs/btrfs/uuid/devinfo/1/error_stats", "write_errs 0\ncorruption_errs 7\njunk\n"),
            ("block/md0/md/degraded", "1\n"),
            ("block/md0/md/level", "raid1\n"),
            ("block/sda/size", "1\n"),
        ]);
        let found = errors(sys.path(), "btrfs", "0:40", "/dev/nosuchdisk");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].counter.as_str(), found[0].count), ("corruption_errs of device 1", 7));
        assert_eq!(
            arrays(sys.path()),
            [Array { name: "md0".into(), level: "raid1".into(), degraded: 1 }]
        );
    }
}
