//! What a machine shall be, said before it boots.
//! Booting it, and all that can be done with it afterwards, is the machine's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::shared::Shared;

/// A machine to be; every setting has a default, and [`Spec::boot`] makes it real.
#[must_use = "nothing boots before `boot`"]
pub struct Spec {
    pub(crate) fleet: Arc<Shared>,
    pub(crate) name: String,
    pub(crate) packages: Vec<String>,
    pub(crate) wired: bool,
    pub(crate) unified: bool,
    pub(crate) memory: Option<u64>,
    pub(crate) clock: Option<i64>,
    pub(crate) binds: Vec<Bind>,
}

/// Something of this machine that is shown inside.
pub(crate) struct Bind {
    pub here: PathBuf,
    pub inside: PathBuf,
    pub writable: bool,
}

impl Spec {
    pub(crate) fn new(fleet: Arc<Shared>, name: &str) -> Self {
        Self {
            fleet,
            name: name.to_owned(),
            packages: Vec::new(),
            wired: true,
            unified: false,
            memory: None,
            clock: None,
            binds: Vec::new(),
        }
    }

    /// Adds Debian packages to the image; their services start with the machine.
    pub fn packages(mut self, packages: &[&str]) -> Self {
        self.packages.extend(packages.iter().map(|&package| package.to_owned()));
        self
    }

    /// Leaves the machine off the fleet's network: it has `lo` and nothing else.
    pub fn no_network(mut self) -> Self {
        self.wired = false;
        self
    }

    /// Shows a file or folder of this machine inside, read-only.
    pub fn bind_ro(self, here: impl AsRef<Path>, inside: impl AsRef<Path>) -> Self {
        self.bound(here.as_ref(), inside.as_ref(), false)
    }

    /// Shows a folder of this machine inside, as a disk that several machines may be given in turn.
    pub fn bind(self, here: impl AsRef<Path>, inside: impl AsRef<Path>) -> Self {
        self.bound(here.as_ref(), inside.as_ref(), true)
    }

    fn bound(mut self, here: &Path, inside: &Path, writable: bool) -> Self {
        self.binds.push(Bind { here: here.to_owned(), inside: inside.to_owned(), writable });
        self
    }

    /// Caps the memory of the whole machine, in bytes; beyond it the kernel kills processes.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Gives the machine cgroup v2 alone, as an installed Debian has it.
    ///
    /// Without this it has what the kernel below offers.
    /// Where that is v1 or hybrid, its v2 side has no memory controller: `MemoryCurrent` is then
    /// unknown inside, while the default has it, through v1.
    pub fn unified(mut self) -> Self {
        self.unified = true;
        self
    }

    /// Shifts the wall clock that the machine's programs see, in seconds.
    ///
    /// The kernel has one real-time clock for all, so this is libfaketime preloaded into every
    /// service and every command run from here.
    /// Process 1 and its timers, systemd's own services (so the journal's stamps too) and
    /// statically linked programs keep the true time.
    /// Run systemd's tools that wait as `env -u LD_PRELOAD …`: their event loop fails otherwise.
    pub fn clock(mut self, seconds: i64) -> Self {
        self.clock = Some(seconds);
        self
    }
}
