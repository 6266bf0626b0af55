//! The life of a package made from a recipe, on a booted Debian: installed, edited by hand,
//! upgraded, downgraded, removed, installed again, purged, each step's facts asserted.
//!
//! Leaves out what is special to a service: the tests that use this say it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lab::Machine;
use model::verdict::Verdict;
use serde::Deserialize;

/// How long a service may take until it answers.
const SOON: Duration = Duration::from_secs(180);
/// How long apt may take: a package of thousands of files, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(600);
/// apt, as nobody sits before it: an edited conffile stays, and nothing is asked.
pub const APT: &str = "DEBIAN_FRONTEND=noninteractive apt-get -qq --yes --no-install-recommends \
    --allow-downgrades -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    -o APT::Sandbox::User=root </dev/null";

/// What becomes of the service when the package is upgraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgraded {
    /// It runs as a new process.
    Restarted,
    /// The same process goes on with the new configuration.
    Reloaded,
}

/// What becomes of the service when the package is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    Stopped,
    /// It is another package's, and goes on without this one's configuration.
    GoesOn,
}

/// A package in two releases, and what to expect of it.
pub struct Life<'a> {
    pub package: &'a str,
    /// .deb files on this machine.
    pub older: &'a Path,
    pub newer: &'a Path,
    /// A file that people edit.
    pub conffile: &'a str,
    /// What the hand adds to it, a line that changes nothing.
    pub edit: &'a str,
    /// The service in question.
    pub unit: &'a str,
    pub upgraded: Upgraded,
    pub removed: Removed,
    /// Starts of paths that may stay after purge, or differ, besides those of dpkg and apt.
    pub stays: &'a [&'a str],
}

/// Makes a copy of a built-in recipe in `into`, to be changed by a test.
pub fn copy_of(recipe: &str, into: &Path) -> Result<PathBuf> {
    let to = into.join(recipe);
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/cookbook").join(recipe);
    copy(&from, &to).with_context(|| format!("cannot copy the recipe `{recipe}`"))?;
    Ok(to)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Puts another text in a file of a recipe, and fails where there is nothing to replace.
pub fn change(recipe: &Path, file: &str, from: &str, to: &str) -> Result<()> {
    let path = recipe.join(file);
    let text = fs::read_to_string(&path)?;
    ensure!(text.contains(from), "`{}` has no `{from}`", path.display());
    fs::write(&path, text.replacen(from, to, 1))?;
    Ok(())
}

/// Counts the recipe's revision up, for a release that differs in nothing else yet.
pub fn next_revision(recipe: &Path) -> Result<()> {
    let path = recipe.join("recipe.toml");
    let text = fs::read_to_string(&path)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = lines.iter().position(|line| line.starts_with("revision = "));
    if let Some(at) = at {
        let number: u32 = lines[at].trim_start_matches("revision = ").trim().parse()?;
        lines[at] = format!("revision = {}", number + 1);
    } else {
        let version = lines.iter().position(|line| line.starts_with("version = "));
        lines.insert(version.context("no version")? + 1, "revision = 2".to_owned());
    }
    fs::write(&path, lines.join("\n") + "\n")?;
    Ok(())
}

/// Builds the package of a recipe's folder on this machine; gives the .deb.
pub fn build(recipe: &Path, settings: &[&str], into: &Path) -> Result<PathBuf> {
    fs::create_dir_all(into)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_stead"));
    command.arg("build").arg(recipe).arg("--out").arg(into);
    for setting in settings {
        command.arg("--set").arg(setting);
    }
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "stead build {}: {said}", recipe.display());
    let debs: Vec<PathBuf> = fs::read_dir(into)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .collect();
    match <[PathBuf; 1]>::try_from(debs) {
        Ok([deb]) => Ok(deb),
        Err(debs) => bail!("stead build made {} packages in {}", debs.len(), into.display()),
    }
}

/// Installs .deb files of this machine in one run of apt.
pub fn install(machine: &Machine, debs: &[&Path]) -> Result<()> {
    let mut words = String::new();
    for deb in debs {
        let name = deb.file_name().and_then(|name| name.to_str()).context("a .deb has a name")?;
        let inside = format!("/srv/lifecycle/{name}");
        machine.push(deb, &inside)?;
        words += &format!(" {inside}");
    }
    let output = machine.sh_within(&format!("{APT} install{words} 2>&1"), PATIENCE)?;
    ensure!(output.success(), "apt-get install{words}: {}", output.stdout);
    Ok(())
}

/// Runs `apt-get VERB PACKAGE…` on the machine.
pub fn apt(machine: &Machine, words: &str) -> Result<()> {
    let output = machine.sh_within(&format!("{APT} {words} 2>&1"), PATIENCE)?;
    ensure!(output.success(), "apt-get {words}: {}", output.stdout);
    Ok(())
}

/// An answer of `stead recipe check --json`.
#[derive(Debug, Deserialize)]
struct Answers {
    findings: Vec<model::verdict::Finding>,
}

/// Waits until all checks of the installed package pass; a recipe without checks does not.
pub fn answers(machine: &Machine, package: &str) -> Result<()> {
    let line = format!("cd /root && stead recipe check {package} --json");
    let waited = machine.until(&format!("{line} >/srv/checks 2>/srv/checks.err"), SOON);
    let mut said = machine.must("cat /srv/checks /srv/checks.err")?;
    if waited.is_err() {
        said += &machine.must("journalctl --no-pager -o cat -p warning -n 40")?;
    }
    waited.with_context(|| said.clone())?;
    let text = machine.must("cat /srv/checks")?;
    let answers: Answers = serde_json::from_str(&text).with_context(|| said.clone())?;
    let passes = answers.findings.iter().all(|one| one.verdict == Verdict::Pass);
    ensure!(passes && !answers.findings.is_empty(), "{package} does not answer all: {said}");
    Ok(())
}

/// What dpkg says of a package: `install ok installed 1.0-1`.
pub fn state(machine: &Machine, package: &str) -> Result<String> {
    let said = machine.sh(&format!("dpkg-query -W -f '${{Status}} ${{Version}}' {package}"))?;
    Ok(if said.success() { said.stdout } else { "unknown".to_owned() })
}

/// The version in a .deb's control file.
pub fn version(deb: &Path) -> Result<String> {
    let output = Command::new("dpkg-deb").arg("--field").arg(deb).arg("Version").output()?;
    ensure!(output.status.success(), "dpkg-deb --field {}", deb.display());
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The number of a service's main process; 0 if it does not run.
pub fn main_pid(machine: &Machine, unit: &str) -> Result<u32> {
    Ok(machine.must(&format!("systemctl show -P MainPID {unit}"))?.trim().parse()?)
}

/// Fails if a process runs a program that was deleted or replaced.
pub fn nothing_deleted_runs(machine: &Machine) -> Result<()> {
    let said = machine.must(
        "for exe in /proc/[0-9]*/exe; do readlink $exe; done 2>/dev/null | grep ' (deleted)' || :",
    )?;
    ensure!(said.is_empty(), "deleted programs still run: {said}");
    Ok(())
}

/// Paths with kind, mode, owner, group and, below /etc, a sum; unit files with their state.
pub type Listing = BTreeMap<String, String>;

/// Everything that a package could leave behind.
pub fn listing(machine: &Machine) -> Result<Listing> {
    let script = "find / -xdev \\( -path /tmp -o -path /srv -o -path /root -o -path /run \\) \
         -prune -o -printf '%p\\t%y %m %U:%G %l\\n'; \
         find /etc -xdev -type f -exec md5sum {} + | sed 's/^\\([^ ]*\\)  \\(.*\\)$/sum of \\2\\t\\1/'; \
         systemctl list-unit-files --no-legend --no-pager | \
         awk '{ print \"unit \" $1 \"\\t\" $2 }'";
    let mut listing = Listing::new();
    for line in machine.must(script)?.lines() {
        let (name, fact) = line.split_once('\t').with_context(|| format!("a line `{line}`"))?;
        listing.insert(name.to_owned(), fact.to_owned());
    }
    ensure!(listing.len() > 1000, "the listing has {} lines", listing.len());
    Ok(listing)
}

/// What dpkg, apt and the machine itself write whenever any package comes and goes.
const DPKGS: [&str; 20] = [
    "/var/lib/dpkg/status",
    "/var/lib/dpkg/available",
    "/var/lib/dpkg/diversions",
    "/var/lib/dpkg/statoverride",
    "/var/lib/dpkg/lock",
    "/var/lib/dpkg/triggers/",
    "/var/lib/apt/",
    "/var/cache/apt/",
    "/var/cache/ldconfig/",
    "/var/cache/debconf/",
    "/var/log/",
    // Copies that shadow's tools keep of the files before the last change, and their lock.
    "/etc/passwd-",
    "/etc/group-",
    "/etc/shadow-",
    "/etc/gshadow-",
    "/etc/.pwd.lock",
    "/etc/ld.so.cache",
    // What systemd itself writes as it goes along.
    "/var/lib/systemd/random-seed",
    "/var/lib/systemd/timesync/",
    // The image's database goes on writing. Whose package has data there says so elsewhere.
    "/var/lib/postgresql/",
];

/// The differences between two listings, besides what dpkg and the machine itself write.
pub fn differences(before: &Listing, after: &Listing, stays: &[&str]) -> Vec<String> {
    let name = |key: &str| key.strip_prefix("sum of ").unwrap_or(key).to_owned();
    let excepted = |key: &str| {
        let path = name(key);
        DPKGS.iter().chain(stays).any(|start| path.starts_with(start))
    };
    let mut all = Vec::new();
    for key in before.keys().chain(after.keys().filter(|key| !before.contains_key(*key))) {
        let (was, is) = (before.get(key), after.get(key));
        if was != is && !excepted(key) {
            let shown = |fact: Option<&String>| fact.map_or("absent", |fact| fact).to_owned();
            all.push(format!("{key}: {} → {}", shown(was), shown(is)));
        }
    }
    all
}

impl Life<'_> {
    /// Lives it through; what the package depends on must be installed before.
    ///
    /// `special` is asked whenever the package is installed and has answered its checks, with a
    /// word for the moment.
    pub fn live(
        &self,
        machine: &Machine,
        special: impl Fn(&Machine, &str) -> Result<()>,
    ) -> Result<()> {
        let (older, newer) = (version(self.older)?, version(self.newer)?);
        ensure!(older != newer, "both releases have the version {older}");
        let before = listing(machine)?;

        let run = |moment: &str, deb: &Path, version: &str| -> Result<u32> {
            install(machine, &[deb]).context(moment.to_owned())?;
            let state = state(machine, self.package)?;
            ensure!(state == format!("install ok installed {version}"), "{moment}: {state}");
            answers(machine, self.package).context(moment.to_owned())?;
            nothing_deleted_runs(machine).context(moment.to_owned())?;
            special(machine, moment).context(moment.to_owned())?;
            let pid = main_pid(machine, self.unit)?;
            ensure!(pid != 0, "{moment}: {} does not run", self.unit);
            Ok(pid)
        };
        let first = run("installed", self.older, &older)?;

        machine.must(&format!("printf '%s\\n' '{}' >>{}", self.edit, self.conffile))?;
        let edited = machine.must(&format!("md5sum <{}", self.conffile))?;
        let kept = |moment: &str| -> Result<()> {
            let now = machine.must(&format!("md5sum <{}", self.conffile))?;
            ensure!(now == edited, "{moment}: the edit of {} is gone", self.conffile);
            Ok(())
        };
        let follows = |moment: &str, was: u32, is: u32| -> Result<()> {
            let same = was == is;
            let wanted = self.upgraded == Upgraded::Reloaded;
            ensure!(same == wanted, "{moment}: {:?}, process {was} → {is}", self.upgraded);
            Ok(())
        };

        let second = run("upgraded", self.newer, &newer)?;
        kept("upgraded")?;
        follows("upgraded", first, second)?;
        let third = run("downgraded", self.older, &older)?;
        kept("downgraded")?;
        follows("downgraded", second, third)?;

        self.remove(machine, &older)?;
        kept("removed")?;
        let fourth = run("installed again", self.newer, &newer)?;
        kept("installed again")?;
        if self.removed == Removed::Stopped {
            ensure!(fourth != third, "installed again: {} was not stopped", self.unit);
        }

        apt(machine, &format!("purge {}", self.package))?;
        let state = state(machine, self.package)?;
        ensure!(state == "unknown" || state.starts_with("unknown ok not-inst"), "purged: {state}");
        nothing_deleted_runs(machine).context("purged")?;
        let left = differences(&before, &listing(machine)?, self.stays);
        ensure!(left.is_empty(), "left after purge:\n{}", left.join("\n"));
        Ok(())
    }

    fn remove(&self, machine: &Machine, version: &str) -> Result<()> {
        apt(machine, &format!("remove {}", self.package))?;
        let state = state(machine, self.package)?;
        ensure!(state == format!("deinstall ok config-files {version}"), "removed: {state}");
        let active = machine.sh(&format!("systemctl is-active {}", self.unit))?.stdout;
        let wanted = match self.removed {
            Removed::Stopped => "inactive",
            Removed::GoesOn => "active",
        };
        ensure!(active.trim() == wanted, "removed: {} is {active}", self.unit);
        nothing_deleted_runs(machine).context("removed")
    }
}
