//! A machine of this host's own packages that has no network at all: booted, entered, ended.
//!
//! Its root is an overlay over the host's, with what lies in memory above it; large data is bound
//! into it from the drill's folder. Leaves out what is done inside.

use std::fs::{self, File};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use model::text::printable;
use rustix::process::{Pid, Signal, kill_process};

use crate::drill::command::{self, Left};
use crate::drill::hide;
use crate::drill::layers::{Layers, below, make};
use crate::drill::mounts;
use crate::drill::scratch::{Scratch, children};
use crate::error::Error;

/// A boot takes a second; this is for a host loaded with other work.
const BOOT: Duration = Duration::from_secs(90);
const LIMIT: Duration = Duration::from_secs(30);
/// Shown with its folders and without its files: a service writes there and makes no folder.
const LOGS: &str = "/var/log";
/// What the machine boots into: systemd's own early units and the bus, and nothing else.
const TARGET: &str = "stead-drill.target";
const TARGET_TEXT: &str = "[Unit]\nDescription=A sealed copy of a service\n\
                           Requires=sysinit.target\nWants=dbus.socket\nAfter=sysinit.target\n";

/// What a machine shall be.
pub(crate) struct Plan<'a> {
    pub service: &'a str,
    /// Started inside later, so not masked.
    pub units: &'a [String],
    /// Paths that are not there inside.
    pub gone: &'a [PathBuf],
    /// Folders that are there and empty, besides those of [`hide`].
    pub emptied: &'a [PathBuf],
    /// Files of this host that are copied to a place inside.
    pub copies: &'a [(PathBuf, PathBuf)],
    /// What of this host's file system is at which place inside.
    pub binds: &'a [(PathBuf, PathBuf)],
    /// Whether it may outlive this process, for a look inside.
    pub keep: bool,
}

/// A machine that runs.
pub(crate) struct Sealed {
    nspawn: Child,
    leader: Pid,
}

impl Sealed {
    /// Boots it.
    ///
    /// # Errors
    /// If this host cannot; nothing of the backup is to blame.
    pub(crate) fn boot(scratch: &Scratch, plan: &Plan<'_>) -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NotRoot { what: "run a sealed machine" });
        }
        if !Path::new("/usr/bin/systemd-nspawn").exists() {
            return Err(Error::NoNspawn);
        }
        let root = lay(scratch, plan)?;
        let console = scratch.path("console");
        let mut nspawn = start(&root, &console, plan)?;
        let deadline = Instant::now() + BOOT;
        let booted = leader(&mut nspawn, deadline).and_then(|leader| {
            ready(leader, deadline)?;
            Ok(leader)
        });
        match booted {
            Ok(leader) => Ok(Self { nspawn, leader }),
            Err(error) => {
                end(&mut nspawn);
                let said = fs::read(&console).unwrap_or_default();
                let tail =
                    String::from_utf8_lossy(&said[said.len().saturating_sub(600)..]).into_owned();
                let told = format!(
                    "{}; it said: {}",
                    model::text::with_causes(&error),
                    printable(&tail, 600)
                );
                Err(Error::NotBooted { told })
            }
        }
    }

    /// A program inside, with a clean environment.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        inside(self.leader, words)
    }

    /// Runs a program inside.
    pub(crate) fn run(&self, words: &[&str], limit: Duration) -> Result<Left, Error> {
        command::run(&mut self.command(words), limit)
    }

    /// Runs a program inside that has to exit with 0.
    pub(crate) fn must(&self, words: &[&str], limit: Duration) -> Result<String, Error> {
        command::must(&mut self.command(words), limit)
    }

    /// The number of its process 1, as this host counts.
    pub(crate) fn leader(&self) -> i32 {
        self.leader.as_raw_pid()
    }

    /// Looks at the interfaces that the machine has: `lo` alone lets no packet out.
    ///
    /// Reads `/proc/PID/net/dev`, proc(5). Gives how many packets `lo` has carried.
    pub(crate) fn sealed(&self) -> Result<u64, Error> {
        let path = PathBuf::from(format!("/proc/{}/net/dev", self.leader.as_raw_pid()));
        let table = fs::read_to_string(&path).map_err(|source| Error::File {
            what: "read",
            path,
            source,
        })?;
        match carried(&table) {
            Ok(packets) => Ok(packets),
            Err(others) => Err(Error::NotSealed { interfaces: printable(&others, 200) }),
        }
    }

    /// Ends every process of it at once.
    pub(crate) fn end(mut self) {
        if matches!(self.nspawn.try_wait(), Ok(None)) {
            let _gone = kill_process(self.leader, Signal::KILL);
        }
        end(&mut self.nspawn);
    }
}

/// The packets that `lo` has sent, or the names of all interfaces if there are others.
fn carried(table: &str) -> Result<u64, String> {
    let rows: Vec<(&str, &str)> =
        table.lines().skip(2).filter_map(|line| line.split_once(':')).collect();
    match rows.as_slice() {
        [(name, counters)] if name.trim() == "lo" => {
            let sent = counters.split_whitespace().nth(9).and_then(|field| field.parse().ok());
            Ok(sent.unwrap_or(0))
        }
        _ => Err(rows.iter().map(|(name, _)| name.trim()).collect::<Vec<_>>().join(", ")),
    }
}

/// Lays out the machine's root and gives where it is.
fn lay(scratch: &Scratch, plan: &Plan<'_>) -> Result<PathBuf, Error> {
    let memory = scratch.path("memory");
    let root = scratch.path("root");
    for folder in [&memory, &root] {
        make(folder, 0o755)?;
    }
    // Neither an overlay nor the file system of a lower layer can be an upper one.
    command::must(
        Command::new("mount")
            .args(["-t", "tmpfs", "-o", "mode=0700,size=25%", "stead-drill"])
            .arg(&memory),
        LIMIT,
    )?;
    let layers = Layers::new(&memory, mounts::of_this_host(plan.gone)?)?;
    for path in plan.gone {
        layers.hide(path)?;
    }
    for path in hide::wants(Path::new("/")) {
        layers.hide(&path)?;
    }
    for path in hide::emptied(plan.emptied) {
        if !plan.gone.iter().any(|gone| path.starts_with(gone)) {
            layers.empty(&path)?;
        }
    }
    layers.skeleton(Path::new(LOGS))?;
    layers.mount(&root)?;
    for (here, place) in plan.copies {
        let place = below(&root, place);
        if let Some(above) = place.parent() {
            make(above, 0o755)?;
        }
        command::must(Command::new("cp").args(["--archive", "--"]).arg(here).arg(place), LIMIT)?;
    }
    furnish(&root, plan)?;
    Ok(root)
}

/// What of the machine's own files differs from the host's.
fn furnish(root: &Path, plan: &Plan<'_>) -> Result<(), Error> {
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        // Never through a link of the host's.
        let _absent = fs::remove_file(&path);
        fs::write(&path, text).map_err(|source| Error::File { what: "write", path, source })
    };
    write(&format!("etc/systemd/system/{TARGET}"), TARGET_TEXT)?;
    write("etc/resolv.conf", "# A sealed machine has no name server.\n")?;
    write("etc/fstab", "# A sealed machine mounts nothing.\n")?;
    for unit in hide::masked(Path::new("/"), plan.units) {
        let path = root.join("etc/systemd/system").join(unit);
        if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            continue;
        }
        let _absent = fs::remove_file(&path);
        symlink("/dev/null", &path).map_err(|source| Error::File { what: "mask", path, source })?;
    }
    Ok(())
}

fn start(root: &Path, console: &Path, plan: &Plan<'_>) -> Result<Child, Error> {
    let opened = File::options().create(true).append(true).mode(0o600).open(console);
    let failed = |source| Error::File { what: "open", path: console.to_owned(), source };
    let console = opened.map_err(failed)?;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut command = Command::new("setpriv");
    if !plan.keep {
        // It ends with the thread that started it, however that ends.
        command.args(["--pdeathsig", "KILL"]);
    }
    command
        .args(["--", "systemd-nspawn", "--quiet", "--register=no", "--private-network"])
        .args(["--settings=no", "--resolv-conf=off", "--timezone=off", "--link-journal=no"])
        .arg("--kill-signal=SIGRTMIN+3")
        .arg(format!("--machine=stead-drill-{}", plan.service))
        .arg(format!("--hostname={host}"))
        .arg(format!("--directory={}", root.display()));
    // systemd gives the machine a scope of its own; where there is none, it stays in ours.
    if !Path::new("/run/systemd/system").is_dir() {
        command.arg("--keep-unit");
    }
    for (here, place) in plan.binds {
        let escaped =
            |path: &Path| path.to_string_lossy().replace('\\', "\\\\").replace(':', "\\:");
        command.arg(format!("--bind={}:{}", escaped(here), escaped(place)));
    }
    command
        .arg("--boot")
        .arg(format!("systemd.unit={TARGET}"))
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .stdout(console.try_clone().map_err(failed)?)
        .stderr(console)
        .process_group(0)
        .spawn()
        .map_err(|source| Error::Run { program: "systemd-nspawn".to_owned(), source })
}

/// Waits for nspawn's child that is process 1 of a new process namespace and runs systemd.
fn leader(nspawn: &mut Child, deadline: Instant) -> Result<Pid, Error> {
    let failed = |source| Error::Run { program: "systemd-nspawn".to_owned(), source };
    let parent = i32::try_from(nspawn.id()).ok().and_then(Pid::from_raw);
    loop {
        for child in parent.map(children).unwrap_or_default() {
            let folder = PathBuf::from(format!("/proc/{}", child.as_raw_pid()));
            let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
            let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            let first = numbers.unwrap_or_default().split_whitespace().skip(1).last() == Some("1");
            // Before that, it may not have left the host's root folder.
            if first && fs::read(folder.join("comm")).unwrap_or_default() == b"systemd\n" {
                return Ok(child);
            }
        }
        if let Some(status) = nspawn.try_wait().map_err(failed)? {
            return Err(Error::NotBooted { told: format!("systemd-nspawn ended, {status}") });
        }
        if Instant::now() > deadline {
            let told = format!("no process 1 after {} s", BOOT.as_secs());
            return Err(Error::NotBooted { told });
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until systemd says `running` or `degraded`.
fn ready(leader: Pid, deadline: Instant) -> Result<(), Error> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut ask = inside(leader, &["systemctl", "is-system-running", "--wait"]);
        // Until systemd is up it answers `offline` or not at all.
        let said = match command::run(&mut ask, left.min(LIMIT)) {
            Ok(answer) => answer.stdout,
            Err(error) => error.to_string(),
        };
        match said.trim() {
            "running" | "degraded" => return Ok(()),
            state if left.is_zero() => {
                let told =
                    format!("systemd says `{}` after {} s", printable(state, 100), BOOT.as_secs());
                return Err(Error::NotBooted { told });
            }
            _ => thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn inside(leader: Pid, words: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command
        // There is but one real-time clock, that of this host.
        .args(["--bounding-set=-sys_time", "nsenter"])
        .arg(format!("--target={}", leader.as_raw_pid()))
        .args(["--all", "--"])
        .args(words)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/root")
        .env("USER", "root")
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "dumb");
    command
}

fn end(nspawn: &mut Child) {
    let parent = i32::try_from(nspawn.id()).ok().and_then(Pid::from_raw);
    let deadline = Instant::now() + LIMIT;
    while matches!(nspawn.try_wait(), Ok(None)) {
        for child in parent.map(children).unwrap_or_default() {
            let _gone = kill_process(child, Signal::KILL);
        }
        if Instant::now() > deadline {
            let _gone = nspawn.kill();
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Inter-|   Receive\n face |bytes    packets errs\n";

    #[test]
    fn only_lo_is_sealed() {
        let lo = "    lo:     120       2    0    0    0     0          0         0      120       7    0    0    0     0       0          0\n";
        assert_eq!(carried(&format!("{HEAD}{lo}")), Ok(7));
        let other =
            "  eth0:     120       2    0    0    0     0          0         0      120       2\n";
        assert_eq!(carried(&format!("{HEAD}{lo}{other}")), Err("lo, eth0".to_owned()));
        assert_eq!(carried(HEAD), Err(String::new()));
    }
}
