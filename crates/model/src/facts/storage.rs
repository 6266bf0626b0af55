//! Disks, inodes, the journal's size and filesystem errors.
//!
//! Leaves out network filesystems, which are only named: looking at one may hang.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::reading::{Meter, Reading};
use crate::seen::Seen;

/// What stores data here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Storage {
    /// Each local filesystem once, by mount point.
    pub filesystems: Seen<Vec<Filesystem>>,
    /// Mount points of network and user-space filesystems, which are not looked at.
    pub remote: Vec<String>,
    /// Software RAID arrays of the kernel (md).
    pub arrays: Vec<Array>,
    pub journal: Seen<Journal>,
}

/// One mounted filesystem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filesystem {
    /// The mount point.
    pub mount: String,
    /// The device, or what stands in its place in proc_pid_mountinfo(5).
    pub source: String,
    /// The type, as `ext4`.
    pub kind: String,
    pub purpose: Purpose,
    /// Whether nothing can be written through this mount now.
    pub read_only: bool,
    /// Whether fstab(5) wants it read-only; `None` if it is not listed there.
    pub wanted_read_only: Option<bool>,
    /// The mount option by which the kernel says that it gave the filesystem up.
    pub given_up: Option<String>,
    pub usage: Seen<Usage>,
    /// Error counters that are not zero.
    pub errors: Vec<Errors>,
}

/// What a filesystem is for, as far as it changes how full it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    Data,
    /// Kernels: written only when one is installed.
    Boot {
        /// What the largest installed kernel and its initial RAM disk take, in bytes.
        kernel_bytes: u64,
    },
    /// The EFI system partition: written only when the boot loader is.
    Loader,
    /// In RAM.
    Memory,
}

/// How full a filesystem is, as statvfs(3) tells an ordinary user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub size_bytes: u64,
    pub used_bytes: u64,
    /// Without the blocks that are reserved for root.
    pub available_bytes: u64,
    /// `None` where inodes are made as needed.
    pub inodes: Option<Inodes>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inodes {
    pub used: u64,
    pub available: u64,
}

/// Errors that a filesystem has counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// The counter, as `corruption_errs of device 1`.
    pub counter: String,
    pub count: u64,
    pub last: Option<Timestamp>,
}

/// A software RAID array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Array {
    pub name: String,
    /// As `raid1`.
    pub level: String,
    /// Members that are missing or failed.
    pub degraded: u64,
}

/// The journal of systemd-journald(8).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// Where journal files lie; empty if there are none.
    pub stores: Vec<Store>,
    /// `MaxRetentionSec=` in seconds; `None` if entries are kept until space runs short.
    pub retention_seconds: Option<u64>,
}

/// A folder of journal files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Store {
    pub path: String,
    pub files: u64,
    /// Blocks taken on disk, in bytes.
    pub bytes: u64,
    /// The first entry still kept, by this machine's own clock; `None` if no file could be read.
    pub oldest: Option<Timestamp>,
    /// What the journal may grow to, in bytes: `SystemMaxUse=`/`RuntimeMaxUse=` of
    /// journald.conf(5), or a tenth of the filesystem but at most 4 GiB.
    pub limit_bytes: Seen<u64>,
    /// What the journal leaves free, in bytes: `SystemKeepFree=`/`RuntimeKeepFree=`, or 15 % of
    /// the filesystem but at most 4 GiB.
    pub keep_free_bytes: Seen<u64>,
    /// Of the filesystem it lies on.
    pub available_bytes: Seen<u64>,
}

impl Filesystem {
    /// Tells one filesystem from another that takes its place, for the epochs of readings:
    /// FNV-1a (64 bit) of the source and the type.
    fn epoch(&self) -> u64 {
        self.source
            .bytes()
            .chain([0])
            .chain(self.kind.bytes())
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
    }
}

impl Usage {
    /// How full, in percent, as df(1) counts: of what an ordinary user may use.
    pub fn percent(&self) -> f64 {
        percent(self.used_bytes, self.available_bytes)
    }
}

impl Inodes {
    /// How many are used, in percent.
    pub fn percent(&self) -> f64 {
        percent(self.used, self.available)
    }
}

fn percent(used: u64, available: u64) -> f64 {
    match used.saturating_add(available) {
        0 => 0.0,
        all => used as f64 * 100.0 / all as f64,
    }
}

impl Storage {
    /// What changes seldom, as lines `key = value`.
    pub(crate) fn lines(&self, lines: &mut BTreeMap<String, String>) {
        for filesystem in self.filesystems.seen().into_iter().flatten() {
            let size = match &filesystem.usage {
                Seen::Seen(usage) => crate::text::bytes(usage.size_bytes),
                Seen::Unseen(_) => "size unknown".to_owned(),
            };
            let mode = if filesystem.read_only { ", read-only" } else { "" };
            lines.insert(
                format!("storage.{}", filesystem.mount),
                format!("{} on {}, {size}{mode}", filesystem.kind, filesystem.source),
            );
        }
        for mount in &self.remote {
            lines.insert(format!("storage.{mount}"), "remote, not looked at".to_owned());
        }
        for array in &self.arrays {
            let state = match array.degraded {
                0 => "complete".to_owned(),
                missing => format!("{missing} missing"),
            };
            lines.insert(
                format!("storage.array.{}", array.name),
                format!("{}, {state}", array.level),
            );
        }
    }

    /// The numbers that are worth a history.
    pub(crate) fn readings(&self, readings: &mut Vec<Reading>) {
        for filesystem in self.filesystems.seen().into_iter().flatten() {
            let Seen::Seen(usage) = &filesystem.usage else { continue };
            let epoch = filesystem.epoch();
            let mut put = |series: &str, value: u64| {
                let meter = Meter::new(series, &filesystem.mount);
                readings.push(Reading { meter, epoch, value: value as f64 });
            };
            put("filesystem_size_bytes", usage.size_bytes);
            put("filesystem_used_bytes", usage.used_bytes);
            put("filesystem_avail_bytes", usage.available_bytes);
            if let Some(inodes) = usage.inodes {
                put("filesystem_inodes_used", inodes.used);
                put("filesystem_inodes_avail", inodes.available);
            }
        }
        for store in self.journal.seen().into_iter().flat_map(|journal| &journal.stores) {
            let meter = Meter::new("journal_bytes", &store.path);
            readings.push(Reading { meter, epoch: 0, value: store.bytes as f64 });
        }
    }
}
