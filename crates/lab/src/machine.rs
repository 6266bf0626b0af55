//! A machine: its disk, and everything a test does to it.
//! The fleet gives it its network; the guest is the running half.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command::{self, Input, Output};
use crate::guest::{Boot, Guest};
use crate::image::{self, Image};
use crate::network;
use crate::place;
use crate::shared::Shared;
use crate::spec::{Bind, Spec};

/// How long a command inside may take unless the caller says otherwise.
const LIMIT: Duration = Duration::from_secs(120);

/// The loader puts the architecture's folder in place of `$LIB`, ld.so(8).
const FAKETIME: &str = "/usr/$LIB/faketime/libfaketime.so.1";

/// A Debian machine; it is taken down when this value goes.
pub struct Machine {
    fleet: Arc<Shared>,
    name: String,
    number: u8,
    wired: bool,
    unified: bool,
    memory: Option<u64>,
    clock: Option<i64>,
    binds: Vec<Bind>,
    folder: PathBuf,
    root: PathBuf,
    namespace: PathBuf,
    guest: Mutex<Option<Guest>>,
}

impl Spec {
    /// Makes the image if there is none, gives the machine a disk of its own and boots it.
    pub fn boot(self) -> Result<Machine> {
        Machine::boot(self)
    }
}

impl Machine {
    fn boot(spec: Spec) -> Result<Self> {
        let mut packages: Vec<&str> = spec.packages.iter().map(String::as_str).collect();
        if spec.clock.is_some() {
            packages.push("libfaketime");
        }
        let image = Image::with(&packages)?;
        let folder = spec.fleet.run.folder.join("machines").join(&spec.name);
        let root = folder.join("root");
        let number = spec.fleet.enter(&spec.name, spec.wired, root.clone())?;
        let machine = Self {
            name: spec.name,
            number,
            wired: spec.wired,
            unified: spec.unified,
            memory: spec.memory,
            clock: spec.clock,
            binds: spec.binds,
            namespace: spec.fleet.switch.plug(number, spec.wired)?,
            folder,
            root,
            guest: Mutex::new(None),
            fleet: spec.fleet,
        };
        machine.make_disk(&image)?;
        machine.start()?;
        Ok(machine)
    }

    /// The machine's name, which is also its host name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address on the fleet's network; without a network nobody has it.
    pub fn address(&self) -> Ipv4Addr {
        network::address(self.number)
    }

    /// Runs a line of shell inside, as root, for at most two minutes.
    pub fn sh(&self, line: &str) -> Result<Output> {
        self.sh_within(line, LIMIT)
    }

    /// As [`Machine::sh`], with a limit of the caller's; beyond it the command is killed.
    pub fn sh_within(&self, line: &str, limit: Duration) -> Result<Output> {
        self.exec(&["sh", "-c", line], Input::Nothing, limit).map(command::Bytes::text)
    }

    /// As [`Machine::sh`], but an error unless the line exits with 0; gives its standard output.
    pub fn must(&self, line: &str) -> Result<String> {
        let stdout = self.must_exec(&["sh", "-c", line], Input::Nothing)?;
        Ok(String::from_utf8_lossy(&stdout).into_owned())
    }

    /// Runs a program inside with its arguments, without a shell.
    pub fn run(&self, words: &[&str]) -> Result<Output> {
        self.exec(words, Input::Nothing, LIMIT).map(command::Bytes::text)
    }

    /// Tries a line of shell until it exits with 0, and gives its standard output.
    pub fn until(&self, line: &str, limit: Duration) -> Result<String> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let output = self.sh_within(line, left.max(Duration::from_secs(1)))?;
            if output.success() {
                return Ok(output.stdout);
            }
            if left.is_zero() {
                bail!("`{line}` still fails after {limit:?}: {}{}", output.stdout, output.stderr);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// A command that will run inside, for a test that talks to it while it runs.
    pub fn command(&self, words: &[&str]) -> Result<Command> {
        let guest = self.guest();
        let guest = guest.as_ref().with_context(|| format!("`{}` is not running", self.name))?;
        let clock = self.clock.map(|seconds| [vec!["env".to_owned()], clock(seconds)].concat());
        let mut all: Vec<&str> = clock.iter().flatten().map(String::as_str).collect();
        all.extend(words);
        Ok(guest.command(&all))
    }

    /// Writes a file, and makes the folders above it.
    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        self.receive(path, Input::Bytes(contents.as_ref().to_vec()), None)
    }

    /// Copies a file of this machine into it, with its mode.
    pub fn push(&self, here: &Path, inside: &str) -> Result<()> {
        let failed = || format!("cannot open `{}`", here.display());
        let file = File::open(here).with_context(failed)?;
        let mode = file.metadata().with_context(failed)?.permissions().mode() & 0o7777;
        self.receive(inside, Input::File(file), Some(mode))
    }

    /// Reads a file of the machine, whole.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        self.must_exec(&["cat", "--", path], Input::Nothing)
    }

    /// Copies a file out of the machine.
    pub fn pull(&self, inside: &str, here: &Path) -> Result<()> {
        let bytes = self.read(inside)?;
        fs::write(here, bytes).with_context(|| format!("cannot write `{}`", here.display()))
    }

    /// Puts a program at `/usr/local/bin`, under its own name.
    pub fn install(&self, program: &Path) -> Result<()> {
        let name = program.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("`{}` names no program", program.display()))?;
        let inside = format!("/usr/local/bin/{name}");
        let failed = || format!("cannot open `{}`", program.display());
        self.receive(&inside, Input::File(File::open(program).with_context(failed)?), Some(0o755))
    }

    /// Says whether it has been started and neither killed nor stopped.
    pub fn is_running(&self) -> bool {
        self.guest().is_some()
    }

    /// Ends every process at once, as kill -9 would; the disk stays.
    pub fn kill(&self) -> Result<()> {
        let guest = self.guest().take();
        guest.with_context(|| format!("`{}` is not running", self.name))?.kill();
        Ok(())
    }

    /// Powers the machine off the orderly way.
    pub fn stop(&self) -> Result<()> {
        let guest = self.guest().take();
        guest.with_context(|| format!("`{}` is not running", self.name))?.power_off(LIMIT)
    }

    /// Boots a machine that was killed or stopped, from the same disk.
    pub fn start(&self) -> Result<()> {
        let mut guest = self.guest();
        if guest.is_some() {
            bail!("`{}` is running already", self.name);
        }
        let booted = Guest::boot(&Boot {
            id: &self.fleet.run.id,
            name: &self.name,
            root: &self.root,
            console: &self.folder.join("console"),
            groups: &self.fleet.run.groups(),
            namespace: &self.namespace,
            unified: self.unified,
            memory: self.memory,
            binds: &self.binds,
        })?;
        *guest = Some(booted);
        drop(guest);
        // udev lets every user open it; nspawn keeps the mode that it has on the host.
        self.must("if [ -e /dev/net/tun ]; then chmod 0666 /dev/net/tun; fi")?;
        self.fleet.introduce()
    }

    /// Presses the reset button: [`Machine::kill`], then [`Machine::start`].
    pub fn reset(&self) -> Result<()> {
        self.kill()?;
        self.start()
    }

    /// Cuts the machine off the fleet's network, or joins it again.
    pub fn set_connected(&self, connected: bool) -> Result<()> {
        if !self.wired {
            bail!("`{}` was made without a network", self.name);
        }
        self.fleet.switch.set_port(self.number, connected)
    }

    fn guest(&self) -> MutexGuard<'_, Option<Guest>> {
        self.guest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exec(&self, words: &[&str], input: Input, limit: Duration) -> Result<command::Bytes> {
        let ran = command::run(&mut self.command(words)?, input, limit);
        ran.with_context(|| format!("on `{}`", self.name))
    }

    fn must_exec(&self, words: &[&str], input: Input) -> Result<Vec<u8>> {
        let ran = command::must(&mut self.command(words)?, input, LIMIT);
        ran.with_context(|| format!("on `{}`", self.name))
    }

    fn receive(&self, path: &str, input: Input, mode: Option<u32>) -> Result<()> {
        let script = "mkdir -p -- \"$(dirname -- \"$1\")\" && \
                      cat >\"$1\" && { [ -z \"$2\" ] || chmod \"$2\" \"$1\"; }";
        let mode = mode.map(|mode| format!("{mode:o}")).unwrap_or_default();
        self.must_exec(&["sh", "-c", script, "sh", path, &mode], input)?;
        Ok(())
    }

    /// Lays an overlay over the image, or copies it, and gives the machine its identity.
    fn make_disk(&self, image: &Image) -> Result<()> {
        let [upper, work] = ["upper", "work"].map(|name| self.folder.join(name));
        for folder in [&self.root, &upper, &work] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make `{}`", folder.display()))?;
        }
        let mut mount = Command::new("mount");
        mount.args(["-t", "overlay", "stead-lab", "-o"]).arg(format!(
            "lowerdir={},upperdir={},workdir={}",
            image.root().display(),
            upper.display(),
            work.display()
        ));
        if !command::run(mount.arg(&self.root), Input::Nothing, LIMIT)?.status.success() {
            eprintln!("lab: no overlay here, so `{}` gets a whole copy of its image", self.name);
            fs::remove_dir(&self.root)?;
            image::copy(image.root(), &self.root)?;
        }
        let etc = self.root.join("etc");
        let name = &self.name;
        let hosts = format!(
            "127.0.0.1 localhost\n127.0.1.1 {name}\n\
             ::1 localhost ip6-localhost ip6-loopback\n"
        );
        let id = format!("{}\n", place::random()?);
        let mut files =
            vec![("hostname", format!("{name}\n")), ("hosts", hosts), ("machine-id", id)];
        if let Some(seconds) = self.clock {
            let line = format!("[Manager]\nDefaultEnvironment={}\n", clock(seconds).join(" "));
            files.push(("systemd/system.conf.d/lab-clock.conf", line));
            // systemd's own event loop refuses a shifted clock, and the journal would not start.
            let line = "[Service]\nUnsetEnvironment=LD_PRELOAD\n".to_owned();
            files.push(("systemd/system/systemd-.service.d/lab-clock.conf", line));
        }
        for (file, contents) in files {
            let path = etc.join(file);
            fs::create_dir_all(path.parent().unwrap_or(&etc))?;
            fs::write(&path, contents)
                .with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        Ok(())
    }

    fn take_down(&self) -> Result<()> {
        if let Some(guest) = self.guest().take() {
            guest.kill();
        }
        self.fleet.leave(self.number);
        self.fleet.switch.unplug(self.number)?;
        if self.root.exists() {
            let mut check = Command::new("mountpoint");
            check.arg("--quiet").arg(&self.root);
            if command::run(&mut check, Input::Nothing, LIMIT)?.status.success() {
                place::unmount(&self.root)?;
            }
        }
        place::remove(&self.folder)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Err(error) = self.take_down() {
            eprintln!("lab: `{}` is not all gone: {error:#}", self.name);
        }
    }
}

/// The environment in which libfaketime shifts the wall clock, and no other clock.
fn clock(seconds: i64) -> Vec<String> {
    vec![
        format!("LD_PRELOAD={FAKETIME}"),
        format!("FAKETIME={seconds:+}"),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
    ]
}
