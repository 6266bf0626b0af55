//! Where images and running fleets lie on the disk, and how a dead test's leavings are found.
//! What is inside an image or a machine is not known here.

use std::env;
use std::fs::{self, File, TryLockError};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::cgroup;
use crate::command::{self, Input};
use crate::network;

const LIMIT: Duration = Duration::from_secs(30);
const GROUPS: &str = "groups";

/// Kills a run's machines once the process that wrote to it is gone, however it went.
///
/// A test that is killed drops nothing; its disks are swept later, but its machines would run on.
const WATCH: &str = "cat >/dev/null\n\
    for line in $(grep -lzs \"^--directory=$1/\" /proc/[0-9]*/cmdline); do\n\
    folder=${line%/cmdline}; kill -KILL $(cat $folder/task/*/children) ${folder#/proc/}\n\
    done";

/// The folder that outlives every run: `$STEAD_LAB_CACHE`, or `stead-lab` in the user's cache.
pub(crate) fn cache() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("STEAD_LAB_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("stead-lab")))
        .or_else(|| Some(set("HOME")?.join(".cache/stead-lab")))
        .unwrap_or_else(|| PathBuf::from("/root/.cache/stead-lab"));
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the lab's cache `{}`", folder.display()))?;
    folder.canonicalize().with_context(|| format!("cannot resolve `{}`", folder.display()))
}

/// Opens (or makes) a file to lock, and waits for the lock; dropping the file frees it.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let open = || File::options().create(true).append(true).open(path);
    let file = open().with_context(|| format!("cannot open `{}`", path.display()))?;
    file.lock().with_context(|| format!("cannot lock `{}`", path.display()))?;
    Ok(file)
}

/// One fleet's folder, `runs/<id>` in the cache, with a lock that dies with this process.
pub(crate) struct Run {
    pub id: String,
    pub folder: PathBuf,
    watch: Child,
    _alive: File,
}

impl Run {
    pub(crate) fn new() -> Result<Self> {
        let runs = cache()?.join("runs");
        fs::create_dir_all(&runs).with_context(|| format!("cannot make `{}`", runs.display()))?;
        let _all = lock(&runs.join("lock"))?;
        sweep_locked(&runs)?;
        let id = random()?[..8].to_owned();
        let folder = runs.join(&id);
        fs::create_dir(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        let alive = lock(&folder.join("alive"))?;
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "sh"]).arg(&folder).process_group(0);
        watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let watch = watch.spawn().context("cannot start the fleet's watch")?;
        Ok(Self { id, folder, watch, _alive: alive })
    }

    /// The file that keeps the control groups this fleet has made.
    pub(crate) fn groups(&self) -> PathBuf {
        self.folder.join(GROUPS)
    }

    /// Takes down whatever of the fleet is left; a second call finds nothing to do.
    pub(crate) fn clear(&self) -> Result<()> {
        clear(&self.folder, &self.id)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        let _ = command::wait(&mut self.watch, LIMIT);
    }
}

/// Gives 32 random lower-case hex digits: the form of a machine id.
pub(crate) fn random() -> Result<String> {
    let path = "/proc/sys/kernel/random/uuid";
    let uuid = fs::read_to_string(path).with_context(|| format!("cannot read `{path}`"))?;
    Ok(uuid.trim().replace('-', ""))
}

/// Takes down what killed runs left behind, and says how many they were.
///
/// A run is swept only when the process that made it is gone, which its lock shows.
pub fn sweep() -> Result<usize> {
    let runs = cache()?.join("runs");
    if !runs.is_dir() {
        return Ok(0);
    }
    let _all = lock(&runs.join("lock"))?;
    sweep_locked(&runs)
}

fn sweep_locked(runs: &Path) -> Result<usize> {
    let mut swept = 0;
    for entry in fs::read_dir(runs)? {
        let folder = entry?.path();
        let Some(id) = folder.file_name().and_then(|name| name.to_str()) else { continue };
        if !folder.is_dir() {
            continue;
        }
        // The file is missing only when its maker died between two system calls.
        if let Ok(alive) = File::open(folder.join("alive"))
            && matches!(alive.try_lock(), Err(TryLockError::WouldBlock))
        {
            continue;
        }
        clear(&folder, id)?;
        swept += 1;
    }
    Ok(swept)
}

fn clear(folder: &Path, id: &str) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for nspawn in nspawns(folder)? {
        for leader in children(nspawn)? {
            let _ = kill_process(leader, Signal::KILL);
        }
        let _ = kill_process(nspawn, Signal::KILL);
    }
    for _ in 0..500 {
        if nspawns(folder)?.is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    for mount in mounts(folder)? {
        unmount(&mount)?;
    }
    network::remove(id)?;
    cgroup::remove(id, &folder.join(GROUPS));
    remove(folder)
}

/// Removes a folder that holds no mount.
///
/// Refuses when another file system begins inside it, whose files would go as well.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    ensure!(mounts(folder)?.is_empty(), "`{}` still holds mounts: not removed", folder.display());
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove `{}`", folder.display()))
}

pub(crate) fn unmount(path: &Path) -> Result<()> {
    let mut command = Command::new("umount");
    command.arg(path);
    for _ in 0..100 {
        if command::run(&mut command, Input::Nothing, LIMIT)?.status.success() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    command::must(command.arg("--lazy"), Input::Nothing, LIMIT)?;
    Ok(())
}

/// The mount points at or below a folder, innermost first.
fn mounts(folder: &Path) -> Result<Vec<PathBuf>> {
    let table = fs::read("/proc/self/mountinfo").context("cannot read the mount table")?;
    let table = String::from_utf8_lossy(&table);
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    let mut found: Vec<PathBuf> =
        points.map(PathBuf::from).filter(|point| point.starts_with(folder)).collect();
    found.reverse();
    Ok(found)
}

/// The systemd-nspawn processes whose machine lies below a folder.
fn nspawns(folder: &Path) -> Result<Vec<Pid>> {
    let mut found = Vec::new();
    for (pid, folder_of) in processes()? {
        let Ok(line) = fs::read(folder_of.join("cmdline")) else { continue };
        let mut words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let program = words.next().unwrap_or_default().into_owned();
        let ours = words.any(|word| {
            word.strip_prefix("--directory=")
                .is_some_and(|directory| Path::new(directory).starts_with(folder))
        });
        if program.ends_with("systemd-nspawn") && ours {
            found.push(pid);
        }
    }
    Ok(found)
}

/// The processes whose parent is `parent`.
pub(crate) fn children(parent: Pid) -> Result<Vec<Pid>> {
    let parent = format!("PPid:\t{}", parent.as_raw_pid());
    let is_child = |folder: &Path| {
        fs::read_to_string(folder.join("status"))
            .is_ok_and(|status| status.lines().any(|line| line == parent))
    };
    let found = processes()?.into_iter().filter(|(_, folder)| is_child(folder));
    Ok(found.map(|(pid, _)| pid).collect())
}

fn processes() -> Result<Vec<(Pid, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot list processes")? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(pid) = number.and_then(Pid::from_raw) {
            found.push((pid, entry.path()));
        }
    }
    Ok(found)
}
