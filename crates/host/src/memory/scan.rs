//! Walks the slices of the control groups and reads each unit's memory.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use model::facts::memory::kills::Kills;
use model::facts::memory::unit::{Source, UnitMemory};
use model::seen::Seen;
use model::text::printable;

use crate::memory::cgroups::Hierarchies;
use crate::memory::files::{keyed, number, text};

/// The most units that are read, and the deepest nesting that is followed.
const MOST: usize = 4_000;
const DEEPEST: usize = 12;
/// The longest name that is kept: systemd's own limit.
const LONGEST: usize = 255;

/// How much is read of each unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Only what is a reading.
    Readings,
    /// Limits and kills as well.
    All,
}

pub(crate) fn units(hierarchies: &Hierarchies, detail: Detail) -> Seen<Vec<UnitMemory>> {
    let Some(list) = &hierarchies.processes else {
        return Seen::unseen("no control groups are mounted");
    };
    let mut found = Vec::new();
    walk(list, Path::new(""), 0, &mut found);
    if found.is_empty() {
        return Seen::unseen("no unit has a control group: systemd is not running here");
    }
    let mut units: Vec<UnitMemory> =
        found.iter().filter_map(|path| unit(hierarchies, list, path, detail)).collect();
    units.sort_by(|a, b| a.name.cmp(&b.name));
    Seen::Seen(units)
}

/// Collects the paths of services and of scopes that are not sessions, relative to the root.
fn walk(root: &Path, below: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(root.join(below)) else { return };
    for entry in entries.flatten() {
        if found.len() >= MOST {
            return;
        }
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.ends_with(".slice") && depth < DEEPEST {
            walk(root, &below.join(name), depth + 1, found);
        } else if name.ends_with(".service") || container(name) {
            found.push(below.join(name));
        }
    }
}

/// Scopes of containers; a session or `init.scope` is none of a service.
fn container(name: &str) -> bool {
    name.ends_with(".scope") && !name.starts_with("session-") && name != "init.scope"
}

fn unit(hierarchies: &Hierarchies, list: &Path, path: &Path, detail: Detail) -> Option<UnitMemory> {
    let directory = list.join(path);
    let name = unescape(path.file_name()?.to_str()?);
    let unified = hierarchies.unified.as_ref().map(|root| root.join(path));
    let legacy = hierarchies.legacy.as_ref().map(|root| root.join(path));
    let from_unified =
        unified.as_ref().and_then(|path| Some((unified_bytes(path)?, Source::Unified)));
    let (bytes, source) = from_unified
        .or_else(|| legacy.as_ref().and_then(|path| Some((legacy_bytes(path)?, Source::Legacy))))
        .or_else(|| Some((process_bytes(&directory, 0)?, Source::Processes)))?;
    let mut memory = UnitMemory {
        name: printable(name, LONGEST),
        bytes,
        limit_bytes: None,
        kills: None,
        source,
        epoch: epoch(name, &directory),
    };
    if detail == Detail::All {
        let (root, files, events): (_, &[&str], _) = match source {
            Source::Unified => {
                (hierarchies.unified.as_ref()?, &["memory.max", "memory.high"], "memory.events")
            }
            Source::Legacy => {
                (hierarchies.legacy.as_ref()?, &["memory.limit_in_bytes"], "memory.oom_control")
            }
            Source::Processes => return Some(memory),
        };
        memory.limit_bytes = limit(root, path, files);
        memory.kills = keyed(&text(&root.join(path).join(events)), "oom_kill")
            .map(|count| Kills { count, ..Kills::default() });
    }
    Some(memory)
}

/// systemd puts `_` before names that could be taken for files of the kernel.
fn unescape(name: &str) -> &str {
    name.strip_prefix('_').unwrap_or(name)
}

/// `memory.current` without the page cache and the slabs that can be had back. Files in memory
/// (tmpfs, shared memory) are in `file` and in `shmem`, and stay.
fn unified_bytes(directory: &Path) -> Option<u64> {
    let current = number(&directory.join("memory.current"))?;
    let stat = text(&directory.join("memory.stat"));
    let value = |key| keyed(&stat, key).unwrap_or(0);
    let cache = value("file").saturating_sub(value("shmem")) + value("slab_reclaimable");
    Some(current.saturating_sub(cache))
}

/// `memory.usage_in_bytes` without the page cache, the groups below included.
fn legacy_bytes(directory: &Path) -> Option<u64> {
    let usage = number(&directory.join("memory.usage_in_bytes"))?;
    let stat = text(&directory.join("memory.stat"));
    let value = |key| keyed(&stat, key).unwrap_or(0);
    Some(usage.saturating_sub(value("total_cache").saturating_sub(value("total_shmem"))))
}

/// The private resident pages of the processes in a group and the groups below.
fn process_bytes(directory: &Path, depth: usize) -> Option<u64> {
    let processes = fs::read_to_string(directory.join("cgroup.procs")).ok()?;
    let page = procfs::page_size();
    let private = |id: &str| private_pages(&text(Path::new(&format!("/proc/{id}/statm"))));
    let mut bytes: u64 = processes
        .lines()
        .filter_map(|id| id.parse::<u32>().ok())
        .filter_map(|id| private(&id.to_string()))
        .sum();
    bytes = bytes.saturating_mul(page);
    if depth < DEEPEST {
        for entry in fs::read_dir(directory).ok()?.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                bytes += process_bytes(&entry.path(), depth + 1).unwrap_or(0);
            }
        }
    }
    Some(bytes)
}

/// Resident less shared pages of proc_pid_statm(5).
fn private_pages(statm: &str) -> Option<u64> {
    let mut fields = statm.split_ascii_whitespace().skip(1);
    let (resident, shared): (u64, u64) =
        (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(resident.saturating_sub(shared))
}

/// The lowest limit on the way from a unit up to the root.
fn limit(root: &Path, path: &Path, files: &[&str]) -> Option<u64> {
    path.ancestors()
        .filter(|ancestor| !ancestor.as_os_str().is_empty())
        .flat_map(|ancestor| files.iter().map(move |file| root.join(ancestor).join(file)))
        .filter_map(|file| number(&file))
        // The old hierarchy writes "none" as the largest number of whole pages.
        .filter(|limit| *limit < 1 << 60)
        .min()
}

/// A number below 2^52, so that any format keeps it, which changes with each start: of systemd's
/// invocation, which it shows as a link; or else the group's inode, which is a new one each time.
fn epoch(name: &str, directory: &Path) -> u64 {
    let link = fs::read_link(format!("/run/systemd/units/invocation:{name}"));
    let invocation = link.ok().and_then(|id| u64::from_str_radix(id.to_str()?.get(..13)?, 16).ok());
    invocation.unwrap_or_else(|| fs::metadata(directory).map_or(0, |data| data.ino() % (1 << 52)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &Path, name: &str, text: &str) {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join(name), text).unwrap();
    }

    #[test]
    fn the_unified_hierarchy_is_read() {
        let root = tempfile::tempdir().unwrap();
        let unit = root.path().join("system.slice/system-x.slice/x@1.service");
        write(&unit, "memory.current", "1000\n");
        write(&unit, "memory.stat", "anon 500\nfile 300\nshmem 100\nslab_reclaimable 50\n");
        write(&unit, "memory.max", "max\n");
        write(&unit, "memory.high", "5000\n");
        write(&unit, "memory.events", "low 0\noom 3\noom_kill 2\n");
        write(&root.path().join("system.slice"), "memory.max", "4000\n");
        write(&root.path().join("user.slice/session-1.scope"), "memory.current", "1\n");
        write(&root.path().join("system.slice/docker-ab.scope"), "memory.current", "9\n");
        let hierarchies = Hierarchies {
            unified: Some(root.path().to_owned()),
            processes: Some(root.path().to_owned()),
            ..Hierarchies::default()
        };
        let Seen::Seen(units) = super::units(&hierarchies, Detail::All) else { panic!() };
        let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
        assert_eq!(names, ["docker-ab.scope", "x@1.service"]);
        assert_eq!(units[1].bytes, 750);
        assert_eq!(units[1].limit_bytes, Some(4_000));
        assert_eq!(units[1].kills.unwrap().count, 2);
        assert_eq!(units[1].source, Source::Unified);
    }

    #[test]
    fn the_old_hierarchy_is_read() {
        let root = tempfile::tempdir().unwrap();
        let unit = root.path().join("memory/system.slice/a.service");
        write(&unit, "memory.usage_in_bytes", "1000\n");
        write(&unit, "memory.stat", "cache 1\ntotal_cache 400\ntotal_shmem 100\n");
        write(&unit, "memory.limit_in_bytes", "9223372036854771712\n");
        write(&unit, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
        write(&root.path().join("systemd/system.slice/a.service"), "cgroup.procs", "");
        let hierarchies = Hierarchies {
            legacy: Some(root.path().join("memory")),
            processes: Some(root.path().join("systemd")),
            ..Hierarchies::default()
        };
        let Seen::Seen(units) = super::units(&hierarchies, Detail::All) else { panic!() };
        assert_eq!(units[0].bytes, 700);
        assert_eq!(units[0].limit_bytes, None);
        assert_eq!(units[0].kills.unwrap().count, 1);
    }

    #[test]
    fn without_a_controller_processes_are_summed() {
        let root = tempfile::tempdir().unwrap();
        let unit = root.path().join("system.slice/a.service");
        write(&unit, "cgroup.procs", &format!("{}\n999999999\nx\n", std::process::id()));
        let hierarchies =
            Hierarchies { processes: Some(root.path().to_owned()), ..Hierarchies::default() };
        let Seen::Seen(units) = super::units(&hierarchies, Detail::All) else { panic!() };
        assert_eq!(units[0].source, Source::Processes);
        assert!(units[0].bytes > 0);
        assert_eq!(units[0].kills, None);
    }

    #[test]
    fn nonsense_is_nothing() {
        assert_eq!(private_pages("10 7 3 1 0 1 0"), Some(4));
        assert_eq!(private_pages("10 x"), None);
        assert_eq!(private_pages(""), None);
        assert_eq!(unescape("_cpu.service"), "cpu.service");
    }
}
