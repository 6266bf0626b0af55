//! A fleet: machines on one sealed network, in one folder.
//! Booting and driving a machine is the machine's own affair.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};

use crate::network::{self, Switch};
use crate::place::Run;
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
        let members = Mutex::new(Vec::new());
        Ok(Some(Self { shared: Arc::new(Shared { run, switch, members }) }))
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

/// What a fleet's machines hold in common; it goes when the last of them is gone.
pub(crate) struct Shared {
    pub run: Run,
    pub switch: Switch,
    members: Mutex<Vec<Member>>,
}

struct Member {
    name: String,
    number: u8,
    wired: bool,
    root: PathBuf,
}

impl Shared {
    /// Gives a new machine its number, which makes its address.
    pub(crate) fn enter(&self, name: &str, wired: bool, root: PathBuf) -> Result<u8> {
        let of = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = (1..=40).contains(&name.len()) && name.chars().all(of);
        ensure!(fits && !name.starts_with('-'), "`{name}` is no host name");
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(!members.iter().any(|m| m.name == name), "the fleet already has a `{name}`");
        let free = (2..=254).find(|number| !members.iter().any(|m| m.number == *number));
        let number = free.context("a fleet has room for 253 machines")?;
        members.push(Member { name: name.to_owned(), number, wired, root });
        Ok(number)
    }

    pub(crate) fn leave(&self, number: u8) {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|member| member.number != number);
    }

    /// Adds to every machine's `/etc/hosts` the names that are missing there.
    pub(crate) fn introduce(&self) -> Result<()> {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<String> = members.iter().filter(|m| m.wired).map(Member::line).collect();
        for member in members.iter().filter(|member| member.wired) {
            let path = member.root.join("etc/hosts");
            // A machine that is still being made, or has removed the file, is left alone.
            let Ok(hosts) = fs::read_to_string(&path) else { continue };
            let known: Vec<&str> = hosts.lines().collect();
            let new: String =
                lines.iter().filter(|line| !known.contains(&line.trim_end())).cloned().collect();
            let file = File::options().append(true).open(&path);
            file.and_then(|mut file| file.write_all(new.as_bytes()))
                .with_context(|| format!("cannot add to `{}`", path.display()))?;
        }
        Ok(())
    }
}

impl Member {
    fn line(&self) -> String {
        let address: Ipv4Addr = network::address(self.number);
        format!("{address} {}\n", self.name)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Err(error) = self.run.clear() {
            eprintln!("lab: the fleet's folder is not all gone: {error:#}");
        }
    }
}

/// Says what this machine lacks to run a fleet.
fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("it needs root".to_owned());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = |program: &str| env::split_paths(&path).any(|folder| folder.join(program).exists());
    let needed = ["systemd-nspawn", "mmdebstrap", "ip", "nsenter", "mount", "umount"];
    let absent: Vec<&str> = needed.into_iter().filter(|program| !found(program)).collect();
    if absent.is_empty() {
        return None;
    }
    Some(format!("not installed: {} (Debian: systemd-container, mmdebstrap)", absent.join(", ")))
}
