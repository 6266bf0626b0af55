//! What a fleet's machines hold in common: a folder, a wire, and each other's names.
//! Nothing here starts or ends a machine.

use std::fs::{self, File};
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use crate::network::{self, Switch};
use crate::place::Run;

/// The common half of a fleet; it goes when the last of its machines is gone.
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
    pub(crate) fn new(run: Run, switch: Switch) -> Self {
        Self { run, switch, members: Mutex::new(Vec::new()) }
    }

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
