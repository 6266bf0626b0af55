//! A machine while it runs: the nspawn process, its process 1, and the way inside.
//! Its disk and its place on the network outlive it and are not known here.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::cgroup::{self, Groups};
use crate::command::{self, Input};
use crate::place;
use crate::spec::Bind;

/// A boot takes a second or two; this is for a machine loaded with other work.
const BOOT: Duration = Duration::from_secs(120);
const LIMIT: Duration = Duration::from_secs(20);

/// Makes the controllers of cgroup v1 writable, as on a real machine, before systemd looks.
///
/// systemd-nspawn mounts them read-only, and units then have no memory accounting.
/// Each machine has groups of its own, so it can reach nobody else's.
const INIT: &str = "for folder in /sys/fs/cgroup/*/; do \
                    [ -e \"$folder\"cgroup.procs ] && mount -o remount,bind,rw \"$folder\"; \
                    done 2>/dev/null; exec /sbin/init";

/// Joins control groups and then becomes another program: a count, that many groups, the program.
///
/// A guest's systemd removes what is empty in a hierarchy of v1 whenever no unit needs it any more,
/// as after the scope of a login or of a container.
const JOIN: &str = "n=$1; shift; while [ \"$n\" -gt 0 ]; do mkdir -p \"$1\"; \
                    echo 0 >\"$1/cgroup.procs\" || exit; shift; n=$((n-1)); done; exec \"$@\"";

/// What one boot needs to know.
pub(crate) struct Boot<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub root: &'a Path,
    pub console: &'a Path,
    pub groups: &'a Path,
    pub namespace: &'a Path,
    pub unified: bool,
    pub memory: Option<u64>,
    pub binds: &'a [Bind],
}

/// A booted machine.
pub(crate) struct Guest {
    nspawn: Child,
    leader: Pid,
    groups: Option<Groups>,
    scope: Vec<PathBuf>,
}

impl Guest {
    /// Starts a machine and waits until its systemd has finished booting.
    pub(crate) fn boot(boot: &Boot) -> Result<Self> {
        let groups = Groups::new(boot.id, boot.name, boot.groups)?;
        if let Some((bytes, groups)) = boot.memory.zip(groups.as_ref()) {
            groups.limit_memory(bytes)?;
        }
        let mut nspawn = start(boot, groups.as_ref())?;
        let deadline = Instant::now() + BOOT;
        let booted = leader(&mut nspawn, deadline).and_then(|leader| {
            ready(leader, deadline)?;
            Ok((leader, cgroup::scope(leader)?))
        });
        match booted {
            Ok((leader, scope)) => Ok(Self { nspawn, leader, groups, scope }),
            Err(error) => {
                end(&mut nspawn, None);
                if let Some(groups) = &groups {
                    groups.remove();
                }
                let console = fs::read(boot.console).unwrap_or_default();
                let tail = &console[console.len().saturating_sub(4000)..];
                let tail = String::from_utf8_lossy(tail);
                Err(error.context(format!("`{}` did not boot; it said:\n{tail}", boot.name)))
            }
        }
    }

    /// A command inside, with a clean environment; `words` must not be empty.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        inside(self.leader, &self.scope, words)
    }

    /// Ends every process of the machine at once, by SIGKILL to its process 1.
    pub(crate) fn kill(mut self) {
        end(&mut self.nspawn, Some(self.leader));
        if let Some(groups) = &self.groups {
            groups.remove();
        }
    }

    /// Asks the machine to power off and waits for it.
    pub(crate) fn power_off(mut self, limit: Duration) -> Result<()> {
        let asked =
            command::run(&mut self.command(&["systemctl", "poweroff"]), Input::Nothing, LIMIT);
        let left = asked.and_then(|_| command::wait(&mut self.nspawn, limit));
        self.kill();
        match left? {
            Some(_) => Ok(()),
            None => bail!("the machine did not power off within {limit:?}, and was killed"),
        }
    }
}

fn start(boot: &Boot, groups: Option<&Groups>) -> Result<Child> {
    let mut command = join(groups.map(Groups::folders).unwrap_or_default());
    command.arg("nsenter").arg(format!("--net={}", boot.namespace.display()));
    command
        .args(["systemd-nspawn", "--register=no", "--settings=no", "--capability=CAP_NET_ADMIN"])
        .args(["--resolv-conf=off", "--timezone=off", "--link-journal=no"])
        .arg("--kill-signal=SIGRTMIN+3")
        .arg(format!("--hostname={}", boot.name))
        .arg(format!("--machine=lab-{}-{}", boot.id, boot.name))
        .arg(format!("--directory={}", boot.root.display()));
    if groups.is_some() {
        command.arg("--keep-unit");
    }
    if let (Some(bytes), None) = (boot.memory, groups) {
        command.arg(format!("--property=MemoryMax={bytes}"));
    }
    for Bind { here, inside, writable } in boot.binds {
        let how = if *writable { "bind" } else { "bind-ro" };
        command.arg(format!("--{how}={}:{}", here.display(), inside.display()));
    }
    if boot.unified {
        command.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
    }
    let console = File::options().create(true).append(true).open(boot.console);
    let console = console.with_context(|| format!("cannot open `{}`", boot.console.display()))?;
    command
        .args(["/bin/sh", "-c", INIT])
        .stdin(Stdio::null())
        .stdout(console.try_clone()?)
        .stderr(console)
        .process_group(0)
        .spawn()
        .context("cannot start systemd-nspawn")
}

/// Waits for nspawn's child that is process 1 of a new process namespace and runs systemd.
fn leader(nspawn: &mut Child, deadline: Instant) -> Result<Pid> {
    let parent = i32::try_from(nspawn.id()).ok().and_then(Pid::from_raw);
    let parent = parent.context("systemd-nspawn has no process number")?;
    loop {
        for child in place::children(parent)? {
            let folder = PathBuf::from(format!("/proc/{}", child.as_raw_pid()));
            let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
            let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            let first = numbers.unwrap_or_default().split_whitespace().skip(1).last() == Some("1");
            // Before that, it may not have left the root folder of the machine below.
            let comm = fs::read(folder.join("comm")).unwrap_or_default();
            if first && comm == b"systemd\n" {
                return Ok(child);
            }
        }
        if let Some(status) = nspawn.try_wait()? {
            bail!("systemd-nspawn ended, {status}");
        }
        if Instant::now() > deadline {
            bail!("it has no process 1 after {BOOT:?}");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until systemd says `running` or `degraded`.
fn ready(leader: Pid, deadline: Instant) -> Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut ask = inside(leader, &[], &["systemctl", "is-system-running", "--wait"]);
        // Until systemd and the bus are up it answers `offline` or not at all.
        let said = command::run(&mut ask, Input::Nothing, left.min(LIMIT))
            .map(|answer| answer.text().stdout)
            .unwrap_or_else(|error| error.to_string());
        match said.trim() {
            "running" | "degraded" => return Ok(()),
            state if left.is_zero() => bail!("its systemd is not ready after {BOOT:?}: {state}"),
            _ => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// A shell that joins control groups and becomes the program that the caller adds.
fn join(folders: &[PathBuf]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", JOIN, "sh"]).arg(folders.len().to_string()).args(folders);
    command
}

fn inside(leader: Pid, scope: &[PathBuf], words: &[&str]) -> Command {
    let mut command = join(scope);
    command
        // nspawn's own processes have no right to set the clock; what is entered from outside would
        // have it, and there is but one clock, that of the machine below.
        .args(["setpriv", "--bounding-set=-sys_time"])
        .arg("nsenter")
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

fn end(nspawn: &mut Child, leader: Option<Pid>) {
    let parent = i32::try_from(nspawn.id()).ok().and_then(Pid::from_raw);
    // Once nspawn was waited for, its numbers may be somebody else's.
    if matches!(nspawn.try_wait(), Ok(None)) {
        let found = parent.and_then(|parent| place::children(parent).ok()).unwrap_or_default();
        for process in found.into_iter().filter(|found| leader.is_none_or(|l| l == *found)) {
            let _ = kill_process(process, Signal::KILL);
        }
    }
    // With process 1 gone, nspawn ends by itself; `wait` kills it if it does not.
    let _ = command::wait(nspawn, Duration::from_secs(10));
}
