//! The machine itself: its system, its size, and how much of it the observer may see.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::seen::Seen;

/// The machine as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// What the kernel calls itself (`gethostname`).
    pub hostname: String,
    /// `PRETTY_NAME` of os-release(5).
    pub system: String,
    /// The kernel's release, as `uname -r`.
    pub kernel: String,
    /// The hardware's name, as `uname -m`.
    pub architecture: String,
    /// Processors that are online.
    pub processors: usize,
    /// In bytes.
    pub memory_bytes: u64,
    /// Changes with every boot.
    pub boot_id: String,
    pub uptime_seconds: u64,
    /// What the machine runs in, as systemd-detect-virt(1) names it: `none`, `kvm`, `systemd-nspawn`.
    pub virtualisation: Seen<String>,
    /// Whether the observer is root; if not, much cannot be seen.
    pub privileged: bool,
    /// Whether process 1 is systemd.
    pub systemd: bool,
}

impl Machine {
    /// What changes seldom, as lines `key = value`.
    pub(crate) fn lines(&self, lines: &mut BTreeMap<String, String>) {
        let mut put = |key: &str, value: String| lines.insert(format!("machine.{key}"), value);
        put("hostname", self.hostname.clone());
        put("system", self.system.clone());
        put("kernel", self.kernel.clone());
        put("architecture", self.architecture.clone());
        put("processors", self.processors.to_string());
        put("memory", crate::text::bytes(self.memory_bytes));
        put("boot", self.boot_id.clone());
    }
}
