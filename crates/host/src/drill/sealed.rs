//! A machine of this host's own packages that has no network at all: booted, entered, ended.
//!
//! Its root is an overlay over the host's, with what lies in memory above it; large data is bound
//! into it from the drill's folder. Leaves out what is done inside.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use model::text::{printable, with_causes};
use rustix::process::{Pid, Signal, kill_process};

use crate::drill::command::{self, Left};
use crate::drill::hide;
use crate::drill::layers::{Layers, make};
use crate::drill::machine::{Choice, Facts, Plan, Root, chosen};
use crate::drill::scratch::{Scratch, children};
use crate::drill::{mounts, nspawn, packages, private, within};
use crate::error::Error;

/// A boot takes a second; this is for a host loaded with other work.
const BOOT: Duration = Duration::from_secs(90);
const LIMIT: Duration = Duration::from_secs(30);
/// There is but one real-time clock, that of this host; and its disks are none of the copy's.
const WITHOUT: &str = "--bounding-set=-sys_time,-mknod,-sys_rawio,-sys_module";
/// Shown with its folders and without its files: a service writes there and makes no folder.
const LOGS: &str = "/var/log";
/// What the machine boots into: systemd's own early units and the bus, and nothing else.
const TARGET: &str = "stead-drill.target";
const TARGET_TEXT: &str = "[Unit]\nDescription=A sealed copy of a service\n\
                           Requires=sysinit.target\nWants=dbus.socket\nAfter=sysinit.target\n";

/// A machine that runs.
pub(crate) struct Sealed {
    choice: Choice,
    /// The program that made it, and ends with it.
    maker: Child,
    leader: Pid,
}

impl Sealed {
    /// Boots it, in the best kind of root that works here.
    ///
    /// # Errors
    /// If this host cannot; nothing of the backup is to blame.
    pub(crate) fn boot(scratch: &Scratch, plan: &Plan<'_>) -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NotRoot { what: "run a sealed machine" });
        }
        let mut facts = Facts { nspawn: nspawn::barred(), private: private::barred() };
        let none = |told| Error::NoMachine { told };
        let mut choice = chosen(plan.root, &facts).map_err(none)?;
        let root = lay(scratch, plan)?;
        loop {
            match booted(&root, &scratch.path("console"), &choice, plan) {
                Ok((maker, leader)) => return Ok(Self { choice, maker, leader }),
                Err(error) => facts.failed(choice.root, why(error)),
            }
            choice = chosen(plan.root, &facts).map_err(none)?;
        }
    }

    /// What kind it is, and why, for people.
    pub(crate) fn kind(&self) -> String {
        self.choice.told()
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

    /// Looks at the interfaces that the machine has: `lo` alone lets no packet out. It shares no
    /// namespace and no `/run` with this host, so no socket of this host's is within its reach.
    ///
    /// Reads `/proc/PID/net/dev`, proc(5). Gives how many packets `lo` has carried.
    pub(crate) fn sealed(&self) -> Result<u64, Error> {
        let folder = PathBuf::from(format!("/proc/{}", self.leader.as_raw_pid()));
        let failed = |path: &Path, source| Error::File { what: "read", path: path.into(), source };
        for name in ["ns/net", "ns/mnt", "ns/pid", "ns/ipc", "ns/uts"] {
            let (its, ours) = (folder.join(name), Path::new("/proc/self").join(name));
            let its = fs::read_link(&its).map_err(|source| failed(&its, source))?;
            if its == fs::read_link(&ours).map_err(|source| failed(&ours, source))? {
                return Err(Error::NotSealed { way: format!("this host's {}", its.display()) });
            }
        }
        let (its, ours) = (folder.join("root/run"), Path::new("/run"));
        let device = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino()));
        let ours = device(ours).map_err(|source| failed(ours, source))?;
        if device(&its).map_err(|source| failed(&its, source))? == ours {
            return Err(Error::NotSealed { way: "this host's /run".to_owned() });
        }
        let path = folder.join("net/dev");
        let table = fs::read_to_string(&path).map_err(|source| failed(&path, source))?;
        match carried(&table) {
            Ok(packets) => Ok(packets),
            Err(others) => Err(Error::NotSealed { way: printable(&others, 200) }),
        }
    }

    /// Ends every process of it at once.
    pub(crate) fn end(mut self) {
        if matches!(self.maker.try_wait(), Ok(None)) {
            let _gone = kill_process(self.leader, Signal::KILL);
        }
        end(&mut self.maker);
    }
}

/// Boots a root that is laid out.
fn booted(
    root: &Path,
    console: &Path,
    choice: &Choice,
    plan: &Plan<'_>,
) -> Result<(Child, Pid), Error> {
    let command = match choice.root {
        Root::Nspawn => nspawn::command(root, TARGET, plan),
        Root::Private => private::command(root, TARGET, plan),
    };
    // A second kind says only its own.
    let _absent = fs::remove_file(console);
    let mut maker = start(command, console)?;
    let deadline = Instant::now() + BOOT;
    let booted = leader(&mut maker, deadline).and_then(|leader| {
        ready(leader, deadline)?;
        Ok(leader)
    });
    match booted {
        Ok(leader) => Ok((maker, leader)),
        Err(error) => {
            end(&mut maker);
            let said = fs::read(console).unwrap_or_default();
            let said = String::from_utf8_lossy(&said[said.len().saturating_sub(600)..]);
            let said = printable(said.trim(), 600);
            Err(Error::NotBooted { told: format!("{}; it said: {said}", why(error)) })
        }
    }
}

/// Why it did not boot, without saying again that it did not.
fn why(error: Error) -> String {
    match error {
        Error::NotBooted { told } => told,
        other => with_causes(&other),
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
    let more = plan.packages.map_or(0, |packages| packages.bytes);
    let quarter = rustix::system::sysinfo();
    let quarter = quarter.totalram.saturating_mul(u64::from(quarter.mem_unit)) / 4;
    let options = format!("mode=0700,size={}", quarter.saturating_add(more));
    command::must(
        Command::new("mount").args(["-t", "tmpfs", "-o", &options, "stead-drill"]).arg(&memory),
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
    packages::introduce(&root, plan.strangers)?;
    if let Some(brought) = plan.packages {
        packages::install(&root, brought)?;
    }
    for (here, place) in plan.copies {
        let place = within::place(&root, place)?;
        let mut copy = Command::new("cp");
        // Never through a link: it would lead to this host's own file.
        copy.args(["--archive", "--remove-destination", "--no-target-directory", "--"]);
        command::must(copy.arg(here).arg(place), LIMIT)?;
    }
    furnish(&root, plan)?;
    Ok(root)
}

/// What of the machine's own files differs from the host's.
fn furnish(root: &Path, plan: &Plan<'_>) -> Result<(), Error> {
    let write = |path: &str, text: &str| within::write(root, Path::new(path), text, 0o644);
    write(&format!("/etc/systemd/system/{TARGET}"), TARGET_TEXT)?;
    write("/etc/resolv.conf", "# A sealed machine has no name server.\n")?;
    write("/etc/fstab", "# A sealed machine mounts nothing.\n")?;
    for unit in hide::masked(Path::new("/"), root, plan.units) {
        let path = within::place(root, &Path::new("/etc/systemd/system").join(unit))?;
        if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            continue;
        }
        let _absent = fs::remove_file(&path);
        symlink("/dev/null", &path).map_err(|source| Error::File { what: "mask", path, source })?;
    }
    Ok(())
}

fn start(mut command: Command, console: &Path) -> Result<Child, Error> {
    let opened = File::options().create(true).append(true).mode(0o600).open(console);
    let failed = |source| Error::File { what: "open", path: console.to_owned(), source };
    let console = opened.map_err(failed)?;
    command
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .stdout(console.try_clone().map_err(failed)?)
        .stderr(console)
        .process_group(0)
        .spawn()
        .map_err(|source| Error::Run { program: "setpriv".to_owned(), source })
}

/// Waits for the maker's child that is process 1 of a new process namespace and runs systemd.
fn leader(maker: &mut Child, deadline: Instant) -> Result<Pid, Error> {
    let failed = |source| Error::Run { program: "setpriv".to_owned(), source };
    let parent = i32::try_from(maker.id()).ok().and_then(Pid::from_raw);
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
        if let Some(status) = maker.try_wait().map_err(failed)? {
            return Err(Error::NotBooted { told: format!("it ended, {status}") });
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
        .args([WITHOUT, "nsenter"])
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

fn end(maker: &mut Child) {
    let parent = i32::try_from(maker.id()).ok().and_then(Pid::from_raw);
    let deadline = Instant::now() + LIMIT;
    while matches!(maker.try_wait(), Ok(None)) {
        for child in parent.map(children).unwrap_or_default() {
            let _gone = kill_process(child, Signal::KILL);
        }
        if Instant::now() > deadline {
            let _gone = maker.kill();
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
