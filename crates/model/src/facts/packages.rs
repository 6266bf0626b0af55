//! Debian packages: their state, their files, and what waits for a restart.
//!
//! Leaves out changing anything.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::seen::Seen;

/// What dpkg and apt have done here, and what it led to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Packages {
    /// Unseen where there is no dpkg.
    pub dpkg: Seen<Dpkg>,
    pub verified: Seen<Verified>,
    pub collisions: Seen<Vec<Collision>>,
    pub reboot: Reboot,
    pub stale: Seen<Stale>,
    pub security: Seen<Security>,
}

/// dpkg's own record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dpkg {
    /// Versions of the packages whose files are here, by name; foreign architectures as
    /// `libc6:i386`.
    pub installed: BTreeMap<String, String>,
    /// Packages in a state in which no package should stay.
    pub broken: Vec<Broken>,
    pub held: Vec<String>,
    /// Packages that apt's preferences bind to a version, with the preference.
    pub pinned: BTreeMap<String, String>,
    /// Whether dpkg was stopped before it had written its record (files in
    /// `/var/lib/dpkg/updates`).
    pub interrupted: bool,
    /// The process that holds dpkg's lock: what it works on is in no final state.
    pub at_work: Option<u32>,
}

/// A package in a state in which no package should stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    pub package: String,
    pub version: String,
    /// As dpkg writes it, `half-configured`; or what is missing.
    pub state: String,
    /// Whether only reinstalling helps.
    pub reinstall: bool,
}

/// The files of all packages compared to what was shipped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub packages: usize,
    pub files: u64,
    /// Files that are absent because of a `path-exclude` rule of dpkg.
    pub excluded: u64,
    /// Documentation, manuals and translations that are absent without such a rule.
    pub absent_documents: u64,
    /// Files that may not be read by the observer.
    pub unreadable: u64,
    /// Packages that shipped no checksums.
    pub without_sums: Vec<String>,
    /// Packages that were not compared yet for lack of time.
    pub waiting: usize,
    /// Packages that differ.
    pub altered: Vec<Altered>,
}

/// A package whose files are not as shipped. Lists are cut; the numbers are not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Altered {
    pub package: String,
    pub changed: u64,
    pub missing: u64,
    /// A few of them.
    pub paths: Vec<String>,
}

/// A path that several packages claim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Collision {
    pub path: String,
    pub packages: Vec<String>,
}

/// Whether a restart of the machine is due.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reboot {
    /// `/run/reboot-required`, if it is there.
    pub flag: Option<Flag>,
    /// The kind of container this is; its kernel is not its own.
    pub container: Option<String>,
    /// As `uname -r`.
    pub running_kernel: String,
    /// The running kernel's package version, if it says so itself.
    pub running_build: Option<String>,
    /// The version of that kernel's package as installed now.
    pub installed_build: Option<String>,
    /// A newer kernel of the same flavour in /boot.
    pub newer_kernel: Option<String>,
    /// Kernels in /boot.
    pub kernels: usize,
}

/// The file by which packages ask for a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    pub since: Option<Timestamp>,
    pub packages: Vec<String>,
}

/// Processes that still run what was replaced on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// Processes that were looked at.
    pub processes: usize,
    /// Processes that the observer may not look into.
    pub unreadable: usize,
    pub groups: Vec<StaleGroup>,
}

/// The stale processes of one unit, or of one program outside of any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleGroup {
    /// The unit, or the program's name.
    pub name: String,
    /// Whether it is a unit.
    pub unit: bool,
    pub processes: usize,
    /// A few, as `sshd 812`.
    pub examples: Vec<String>,
    /// A few of the deleted files.
    pub files: Vec<String>,
}

/// Security updates that apt knows of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Security {
    /// Package lists of any origin.
    pub lists: usize,
    /// Security origins among them, as `Debian-Security bookworm-security`.
    pub origins: Vec<String>,
    /// Security lists that could not be read, with the reason.
    pub unread: Vec<String>,
    /// When apt last fetched its lists, as far as files tell.
    pub refreshed: Option<Timestamp>,
    pub pending: Vec<Pending>,
}

/// A security update that is not installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub package: String,
    pub installed: String,
    pub available: String,
    /// When this observer first saw it waiting.
    pub since: Timestamp,
}

impl Packages {
    /// What changes seldom, as lines `key = value`.
    pub(crate) fn lines(&self, lines: &mut BTreeMap<String, String>) {
        let Seen::Seen(dpkg) = &self.dpkg else { return };
        for (package, version) in &dpkg.installed {
            lines.insert(format!("packages.{package}"), version.clone());
        }
    }
}
