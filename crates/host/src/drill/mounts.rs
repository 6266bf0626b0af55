//! Which file systems make up this host's own tree, besides its root.
//!
//! Leaves out those of the kernel, those of other machines, and those that hold data alone.

use std::fs;
use std::path::PathBuf;

use model::mount::parse;

use crate::error::Error;

/// File systems on disks of this host.
const LOCAL: [&str; 11] = [
    "btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "overlay", "squashfs", "xfs", "zfs",
    "bcachefs",
];
/// Where programs and their state may lie on a file system of their own.
const ABOVE: [&str; 4] = ["/usr", "/var", "/opt", "/etc"];

/// The mount points whose file systems a copy of this host needs, outermost first.
pub(crate) fn of_this_host(gone: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let path = PathBuf::from("/proc/self/mountinfo");
    let table = fs::read(&path).map_err(|source| Error::File { what: "read", path, source })?;
    Ok(needed(&table, gone).into_iter().filter(|point| point.is_dir()).collect())
}

fn needed(table: &[u8], gone: &[PathBuf]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for mount in parse(table) {
        let local = LOCAL.contains(&mount.kind.as_str());
        let ours = ABOVE.iter().any(|above| mount.point.starts_with(above));
        let hidden = gone.iter().any(|gone| mount.point.starts_with(gone))
            || mount.point.starts_with("/var/lib/stead");
        if local && ours && !hidden && !found.contains(&mount.point) {
            found.push(mount.point);
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_separate_var_is_needed_and_a_mounted_share_is_not() {
        let table = b"1 0 8:1 / / rw - ext4 /dev/a rw\n\
            2 1 8:2 / /var rw shared:2 - xfs /dev/b rw\n\
            3 1 0:9 / /usr rw - nfs4 server:/x rw\n\
            4 2 8:3 / /var/lib rw - btrfs /dev/c rw\n\
            5 1 8:4 / /home rw - ext4 /dev/d rw\n";
        let all = needed(table, &[]);
        assert_eq!(all, [PathBuf::from("/var"), PathBuf::from("/var/lib")]);
        assert_eq!(needed(table, &["/var/lib".into()]), [PathBuf::from("/var")]);
    }
}
