//! The control groups a machine lives in, so that two machines' units never meet.
//! On a host that runs systemd there are none of ours: nspawn asks it for a scope.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Pid;

/// One machine's groups, one in each hierarchy.
pub(crate) struct Groups {
    folders: Vec<PathBuf>,
}

impl Groups {
    /// Makes the groups of one machine; `None` where the host's systemd does it.
    ///
    /// `ledger` is where they are written down for [`remove`]: whoever sweeps a dead run may live
    /// in other groups than its maker did.
    pub(crate) fn new(id: &str, machine: &str, ledger: &Path) -> Result<Option<Self>> {
        if Path::new("/run/systemd/system").is_dir() {
            return Ok(None);
        }
        let tops: Vec<PathBuf> = own()?.into_iter().map(|own| own.join(name(id))).collect();
        let lines: String = tops.iter().map(|top| format!("{}\n", top.display())).collect();
        File::options()
            .create(true)
            .append(true)
            .open(ledger)
            .and_then(|mut file| file.write_all(lines.as_bytes()))
            .with_context(|| format!("cannot write to `{}`", ledger.display()))?;
        let folders: Vec<PathBuf> = tops.into_iter().map(|top| top.join(machine)).collect();
        for folder in &folders {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the control group `{}`", folder.display()))?;
        }
        Ok(Some(Self { folders }))
    }

    /// The groups a process joins by writing itself to their `cgroup.procs`.
    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Caps the memory of the whole machine, in bytes.
    pub(crate) fn limit_memory(&self, bytes: u64) -> Result<()> {
        for name in ["memory.limit_in_bytes", "memory.max"] {
            let file = self.folders.iter().map(|folder| folder.join(name)).find(|f| f.exists());
            if let Some(file) = file {
                return fs::write(&file, bytes.to_string())
                    .with_context(|| format!("cannot write `{}`", file.display()));
            }
        }
        anyhow::bail!("no memory controller: a machine's memory cannot be limited here")
    }

    /// Removes the groups of a machine whose processes are gone.
    pub(crate) fn remove(&self) {
        self.folders.iter().for_each(|folder| prune(folder));
    }
}

/// Makes a group inside a machine, beside its `init.scope`, for commands that come from outside.
///
/// They are then the machine's in every respect: its limits hold, and no path leads out of it.
pub(crate) fn scope(leader: Pid) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for (mount, path) in of(&leader.as_raw_pid().to_string())? {
        let top = if path.ends_with("init.scope") { path.parent() } else { Some(path.as_path()) };
        let folder = mount.join(top.unwrap_or(Path::new(""))).join("lab.scope");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the control group `{}`", folder.display()))?;
        folders.push(folder);
    }
    Ok(folders)
}

/// Removes what groups a run left, as its ledger names them.
pub(crate) fn remove(id: &str, ledger: &Path) {
    let lines = fs::read_to_string(ledger).unwrap_or_default();
    let folders: BTreeSet<&Path> = lines.lines().map(Path::new).collect();
    let ours = |folder: &&Path| folder.ends_with(name(id));
    folders.into_iter().filter(ours).for_each(prune);
}

fn name(id: &str) -> String {
    format!("stead-lab-{id}")
}

/// Removes a group and all below it; a process that is still dying makes that wait, for 2 s.
fn prune(folder: &Path) {
    for _ in 0..100 {
        prune_once(folder);
        if !folder.exists() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn prune_once(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            prune_once(&entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

/// This process's own group in each hierarchy.
fn own() -> Result<Vec<PathBuf>> {
    // In a cgroup namespace the path may lead above the mount; the mount's root is then ours.
    let folder = |(mount, path): (PathBuf, PathBuf)| {
        let own = mount.join(path);
        if own.is_dir() { own } else { mount }
    };
    Ok(of("self")?.into_iter().map(folder).collect())
}

fn of(process: &str) -> Result<Vec<(PathBuf, PathBuf)>> {
    let read =
        |path: &str| fs::read_to_string(path).with_context(|| format!("cannot read `{path}`"));
    Ok(hierarchies(&read(&format!("/proc/{process}/cgroup"))?, &read("/proc/self/mounts")?))
}

/// Pairs each hierarchy's mount point with the path of a process in it.
///
/// Reads `/proc/PID/cgroup` (cgroups(7)) and `/proc/self/mounts` (proc(5)).
/// `cpuset` is left out: a new group in it takes no process before it is given processors.
fn hierarchies(groups: &str, mounts: &str) -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        if controllers.split(',').any(|name| name == "cpuset") {
            continue;
        }
        let mount = mounts.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let [_, point, kind, options, ..] = fields[..] else { return None };
            let right = match kind {
                "cgroup2" => controllers.is_empty(),
                "cgroup" if !controllers.is_empty() => {
                    controllers.split(',').all(|name| options.split(',').any(|o| o == name))
                }
                _ => false,
            };
            right.then(|| PathBuf::from(point))
        });
        if let Some(mount) = mount {
            found.push((mount, PathBuf::from(path.trim_start_matches('/'))));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(mount: &str, path: &str) -> (PathBuf, PathBuf) {
        (mount.into(), path.into())
    }

    #[test]
    fn a_hybrid_host_gives_every_hierarchy_but_cpuset() {
        let groups = "9:name=systemd:/\n4:memory:/api/b\n3:cpuset:/\n1:cpu,cpuacct:/x\n0::/\n";
        let mounts = "cgroup /c/cpu cgroup rw,cpu,cpuacct 0 0\n\
                      cgroup /c/cpuset cgroup rw,cpuset 0 0\n\
                      cgroup /c/memory cgroup rw,relatime,memory 0 0\n\
                      cgroup /c/systemd cgroup rw,name=systemd 0 0\n\
                      cgroup2 /c/unified cgroup2 rw 0 0\n";
        let expected = vec![
            pair("/c/systemd", ""),
            pair("/c/memory", "api/b"),
            pair("/c/cpu", "x"),
            pair("/c/unified", ""),
        ];
        assert_eq!(hierarchies(groups, mounts), expected);
    }

    #[test]
    fn a_unified_host_gives_one() {
        let mounts = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n";
        let found = hierarchies("0::/user.slice/s.scope\n", mounts);
        assert_eq!(found, vec![pair("/sys/fs/cgroup", "user.slice/s.scope")]);
    }

    #[test]
    fn nonsense_gives_nothing() {
        assert!(hierarchies("::\n\n4:memory\nx", "a b\n\ncgroup2\n").is_empty());
    }
}
