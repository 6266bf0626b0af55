//! Which mounts are storage: each filesystem chosen once.
//!
//! Leaves out how full they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::mount::Mount;

/// What is to be looked at, and what only named.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) local: Vec<Mount>,
    pub(crate) remote: Vec<Mount>,
}

/// How a type of filesystem is treated.
enum Class {
    Local,
    Remote,
    Memory,
    Layered,
    Ignored,
}

fn class(mount: &Mount) -> Class {
    match mount.kind.as_str() {
        "tmpfs" => Class::Memory,
        "overlay" | "aufs" | "fuse.fuse-overlayfs" => Class::Layered,
        // Images are full by nature.
        "squashfs" | "iso9660" | "erofs" | "cramfs" | "romfs" | "udf" => Class::Ignored,
        "nfs" | "nfs4" | "cifs" | "smb3" | "smbfs" | "ceph" | "afs" | "lustre" | "glusterfs"
        | "9p" | "davfs" | "ocfs2" | "gfs2" => Class::Remote,
        "fuse.lxcfs" | "fuse.portal" | "fuse.gvfsd-fuse" | "fusectl" => Class::Ignored,
        "fuseblk" | "zfs" | "virtiofs" | "ubifs" => Class::Local,
        kind if kind == "fuse" || kind.starts_with("fuse.") => Class::Remote,
        _ if mount.source.starts_with("/dev/") && mount.kind != "devtmpfs" => Class::Local,
        _ => Class::Ignored,
    }
}

/// Chooses each local filesystem once: bind mounts and subvolumes share their device, and the
/// mount that hides another on the same point wins.
pub(crate) fn choose(mounts: Vec<Mount>) -> Chosen {
    let mut points: BTreeMap<PathBuf, Mount> = BTreeMap::new();
    for mount in mounts {
        points.insert(mount.point.clone(), mount);
    }
    let mut chosen = Chosen::default();
    let mut devices: BTreeMap<String, Mount> = BTreeMap::new();
    for (point, mount) in points {
        let at_root = point == Path::new("/");
        match class(&mount) {
            // Whatever the root lies on is this machine's disk.
            Class::Ignored if !at_root => {}
            // What a container's manager binds in from outside is not this machine's.
            Class::Local if is_working(&point) => {}
            Class::Remote if !at_root => chosen.remote.push(mount),
            Class::Memory if !at_root && !kept_in_memory(&point) => {}
            // A container's root: its upper layer lies on a filesystem that is counted itself.
            Class::Layered if !at_root => {}
            _ => match devices.get_mut(&mount.device) {
                Some(held) if preference(&mount) < preference(held) => *held = mount,
                Some(_) => {}
                None => {
                    devices.insert(mount.device.clone(), mount);
                }
            },
        }
    }
    chosen.local = devices.into_values().collect();
    chosen.local.sort_by(|a, b| a.point.cmp(&b.point));
    chosen
}

/// Filesystems in RAM that programs write to; not those of the system's own workings, of which
/// systemd makes one for each user and credential, and a container's manager one for each
/// container.
fn kept_in_memory(point: &Path) -> bool {
    const WORKINGS: [&str; 9] = [
        "/dev",
        "/run",
        "/proc",
        "/sys",
        "/var/lib/docker",
        "/var/lib/containers",
        "/var/lib/kubelet",
        "/var/lib/lxc",
        "/var/lib/lxd",
    ];
    point == Path::new("/run")
        || point == Path::new("/dev/shm")
        || !WORKINGS.iter().any(|folder| point.starts_with(folder))
}

/// Whether a mount point belongs to the system's own workings.
fn is_working(point: &Path) -> bool {
    ["/dev", "/run/host", "/proc", "/sys"].iter().any(|folder| point.starts_with(folder))
}

/// The lower, the better a mount stands for its filesystem.
fn preference(mount: &Mount) -> (bool, bool, usize) {
    (mount.point != Path::new("/"), mount.root != Path::new("/"), mount.point.as_os_str().len())
}

#[cfg(test)]
mod tests {
    use model::mount::parse;

    use super::*;

    const MACHINE: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
24 27 0:6 / /dev rw,relatime - devtmpfs devtmpfs rw,size=12334492k
25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw,size=24684092k
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
28 27 0:30 / /run rw,nosuid - tmpfs tmpfs rw
29 28 0:31 / /run/user/1000 rw,nosuid - tmpfs tmpfs rw
30 27 254:0 /srv/a /mnt/bind rw - ext4 /dev/vda rw,discard
31 27 0:54 / /tmp/lab/root rw - overlay overlay rw,lowerdir=/tmp/rt1
32 27 254:1 / /mnt/two\\040words ro - xfs /dev/vdb rw
33 27 0:60 / /snap/core ro - squashfs /dev/loop0 ro
36 27 0:63 / /var/lib/docker/containers/1/mounts/shm rw - tmpfs shm rw,size=65536k
34 27 0:61 / /mnt/far rw - nfs4 far:/x rw
35 27 0:62 / /mnt/gone rw - fuse.sshfs far:/y rw
";

    #[test]
    fn what_a_containers_manager_binds_in_is_left_out() {
        let info = b"1 0 254:1 / / rw - ext4 /dev/vdb rw\n\
                     2 1 254:0 /x /run/host/incoming rw - ext4 /dev/vda rw\n";
        assert_eq!(points(&choose(parse(info)).local), ["/"]);
    }

    fn points(mounts: &[Mount]) -> Vec<&str> {
        mounts.iter().map(|mount| mount.point.to_str().unwrap()).collect()
    }

    #[test]
    fn each_disk_counts_once_and_images_and_layers_not_at_all() {
        let chosen = choose(parse(MACHINE.as_bytes()));
        assert_eq!(points(&chosen.local), ["/", "/dev/shm", "/mnt/two words", "/run"]);
        assert_eq!(points(&chosen.remote), ["/mnt/far", "/mnt/gone"]);
        let second = &chosen.local[2];
        assert_eq!((second.kind.as_str(), second.source.as_str()), ("xfs", "/dev/vdb"));
        assert_eq!(second.options, ["ro"]);
        assert_eq!(second.super_options, ["rw"]);
    }

    #[test]
    fn a_containers_overlay_root_is_its_disk() {
        let info = b"1 0 0:54 / / rw - overlay overlay rw,upperdir=up\n\
                     2 1 254:0 /x/hosts /etc/hosts rw - ext4 /dev/vda rw\n";
        assert_eq!(points(&choose(parse(info)).local), ["/", "/etc/hosts"]);
    }

    #[test]
    fn the_mount_on_top_hides_the_one_below() {
        let info =
            b"1 0 8:1 / /srv rw - ext4 /dev/sda1 rw\n2 1 8:2 / /srv rw - ext4 /dev/sda2 rw\n";
        assert_eq!(choose(parse(info)).local[0].source, "/dev/sda2");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            choose(parse(&bytes));
        }
    }
}
