//! Checks on storage: space, inodes, the journal's size and errors.

mod errors;
mod inodes;
mod journal;
mod projection;
mod space;

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "disk-space",
        title: "every local filesystem has space left",
        asks: "How full is each local filesystem, and when will it be full at the pace of the last \
            days? A full disk stops databases, mail and logins at once. Percentages are of what an \
            ordinary user may write, as df prints them: blocks reserved for root do not count. \
            Network filesystems are not looked at.\n\
            fail: 95 % or more is used and less than 100 GiB are left, or the trend fills it \
            within 2 days.\n\
            warn: 85 % or more (95 % where 100 GiB or more are left), or full within 7 days; on a \
            filesystem for kernels (/boot), one more kernel would not fit; on the EFI partition, \
            less than 2 MiB are left.\n\
            unknown: the filesystem did not answer.",
        commands: &["df -h --local", "du -xh --max-depth=2 / | sort -h | tail -20"],
        mend: "Find what grew with the second command. Often: `journalctl --vacuum-size=500M`, \
               `apt-get clean`, `apt-get autoremove --purge`, old database dumps, container \
               images. Otherwise enlarge the disk.",
        judge: space::judge,
    },
    Check {
        name: "disk-inodes",
        title: "every local filesystem has inodes left",
        asks: "A filesystem that has run out of inodes cannot create a file, although space is \
            left: millions of small files (mail, sessions, caches) do that.\n\
            fail: 95 % or more of the inodes are used, or the trend uses them up within 2 days.\n\
            warn: 85 %, or within 7 days.\n\
            pass: all others, and filesystems that make inodes as needed (btrfs, xfs mostly, \
            vfat).\n\
            unknown: the filesystem did not answer.",
        commands: &["df -i --local", "du -x --inodes --max-depth=3 / | sort -n | tail -20"],
        mend: "Remove the small files that the second command finds, and what makes them.",
        judge: inodes::judge,
    },
    Check {
        name: "journal-size",
        title: "the journal keeps within its limit and reaches back far enough",
        asks: "How much disk does systemd's journal take, what may it grow to, and how far back \
            does it reach?\n\
            warn: it is a quarter above its limit (journald then does not tidy it up: often files \
            of another machine id); or its limit is more than the disk has left; or it is at its \
            limit and reaches back less than 2 days, so that last night's fault is already gone.\n\
            unknown: its folder may not be read.",
        commands: &[
            "journalctl --disk-usage",
            "journalctl --list-boots | head -3",
            "systemd-analyze cat-config systemd/journald.conf",
        ],
        mend: "Set SystemMaxUse= and MaxRetentionSec= in \
               /etc/systemd/journald.conf.d/size.conf, then \
               `systemctl restart systemd-journald`; quiet what writes most \
               (`stead logs digest`); `journalctl --vacuum-size=1G` at once.",
        judge: journal::judge,
    },
    Check {
        name: "filesystem-errors",
        title: "no filesystem has errors or has gone read-only",
        asks: "Has the kernel counted errors on a filesystem, switched one to read-only that fstab \
            wants writable, or does a RAID array lack a member? Each is a dying disk until shown \
            otherwise.\n\
            fail: any of these.\n\
            pass: none of them; a filesystem that nobody asked to be writable may be read-only.\n\
            unknown: the mounts cannot be read.",
        commands: &[
            "findmnt --real -o TARGET,SOURCE,FSTYPE,FS-OPTIONS",
            "grep . /sys/fs/ext4/*/errors_count",
            "grep . /sys/fs/btrfs/*/devinfo/*/error_stats",
            "cat /proc/mdstat",
        ],
        mend: "Make sure of a backup first. Look at `dmesg` and `smartctl -a DEVICE`; then \
               `e2fsck -f` on the unmounted ext4 filesystem (it also clears the count), \
               `btrfs scrub start MOUNT` and `btrfs device stats -z MOUNT`, or \
               `mdadm --manage ARRAY --add DEVICE` with a new disk.",
        judge: errors::judge,
    },
];
