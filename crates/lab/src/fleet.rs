//! A fleet: machines on one sealed network, in one folder.
//! Booting and driving a machine is the machine's own affair.

use std::env;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::network::Switch;
use crate::place::Run;
use crate::shared::Shared;
use crate::spec::Spec;

/// Machines that see each other and nobody else.
pub struct Fleet {
    shared: Arc<Shared>,
}

impl Fleet {
    /// Makes an empty fleet; `None` where this machine cannot run one.
    ///
    /// That is never silent: the reason goes to stderr and, as a line, to the file that
    /// `$STEAD_SKIPPED` names; with `STEAD_LAB_REQUIRED=1` it is an error.
    pub fn new(name: &str) -> Result<Option<Self>> {
        if let Some(reason) = missing() {
            if env::var_os("STEAD_LAB_REQUIRED").is_some_and(|value| value == "1") {
                bail!("the lab is required and cannot run: {reason}");
            }
            eprintln!("SKIPPED: the fleet `{name}` was not booted: {reason}");
            if let Some(path) = env::var_os("STEAD_SKIPPED") {
                let file = File::options().create(true).append(true).open(&path);
                file.and_then(|mut file| writeln!(file, "lab {name}: {reason}"))
                    .with_context(|| format!("cannot write to `{}`", Path::new(&path).display()))?;
            }
            return Ok(None);
        }
        let run = Run::new()?;
        let switch = match Switch::new(&run.id) {
            Ok(switch) => switch,
            Err(error) => {
                run.clear()?;
                return Err(error);
            }
        };
        Ok(Some(Self { shared: Arc::new(Shared::new(run, switch)) }))
    }

    /// Begins a machine of the fleet; its name is also its host name.
    pub fn machine(&self, name: &str) -> Spec {
        Spec::new(Arc::clone(&self.shared), name)
    }

    /// The network namespace of the bridge, as a path for `nsenter --net=…`.
    ///
    /// A program of this machine started in it is a neighbour of the fleet, at 10.83.0.1.
    pub fn namespace(&self) -> PathBuf {
        self.shared.switch.namespace()
    }
}

/// Says what this machine lacks to run a fleet.
fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("it needs root".to_owned());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = |program: &str| env::split_paths(&path).any(|folder| folder.join(program).exists());
    let needed = ["systemd-nspawn", "mmdebstrap", "ip", "nsenter", "setpriv", "mount", "umount"];
    let absent: Vec<&str> = needed.into_iter().filter(|program| !found(program)).collect();
    if absent.is_empty() {
        return None;
    }
    Some(format!("not installed: {} (Debian: systemd-container, mmdebstrap)", absent.join(", ")))
}
