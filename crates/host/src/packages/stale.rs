//! Processes that still run programs and libraries that were replaced on disk.
//!
//! Leaves out mappings without leave to execute, and files that are made to be deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use model::facts::packages::{Stale, StaleGroup};
use model::seen::Seen;
use model::text::{printable, printable_bytes};

/// How many processes and files of a group are told.
const TOLD: usize = 5;

/// The longest name that is told, in characters.
const LONGEST: usize = 200;

/// The longest line of a map that is read; longer ones are cut and match nothing.
const LINE: u64 = 8 * 1024;

#[derive(Default)]
struct Group {
    unit: bool,
    processes: usize,
    examples: Vec<String>,
    files: BTreeSet<String>,
}

/// Looks at every process below `proc`.
pub(crate) fn observe(proc: &Path) -> Seen<Stale> {
    let entries = match fs::read_dir(proc) {
        Ok(entries) => entries,
        Err(error) => return Seen::unseen(format!("cannot list {}: {error}", proc.display())),
    };
    let mut stale = Stale::default();
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut pids: Vec<u32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    let mut line = Vec::new();
    for pid in pids {
        let folder = proc.join(pid.to_string());
        let deleted = match maps(&folder.join("maps"), &mut line) {
            Ok(deleted) => deleted,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                stale.unreadable += 1;
                continue;
            }
            // It has ended meanwhile.
            Err(_) => continue,
        };
        stale.processes += 1;
        if deleted.is_empty() {
            continue;
        }
        let name = fs::read(folder.join("comm")).unwrap_or_default();
        let name = printable_bytes(name.trim_ascii_end(), LONGEST);
        let unit = unit(&fs::read_to_string(folder.join("cgroup")).unwrap_or_default());
        let is_unit = unit.is_some();
        let group = groups.entry(unit.unwrap_or_else(|| name.clone())).or_default();
        group.unit = is_unit;
        group.processes += 1;
        if group.examples.len() < TOLD {
            group.examples.push(format!("{name} {pid}"));
        }
        group.files.extend(deleted);
    }
    stale.groups = groups
        .into_iter()
        .map(|(name, group)| StaleGroup {
            name,
            unit: group.unit,
            processes: group.processes,
            examples: group.examples,
            files: group.files.into_iter().take(TOLD).collect(),
        })
        .collect();
    Seen::Seen(stale)
}

/// The deleted files that a process may execute from.
fn maps(path: &Path, line: &mut Vec<u8>) -> io::Result<BTreeSet<String>> {
    let mut reader = BufReader::with_capacity(16 * 1024, File::open(path)?);
    let mut found = BTreeSet::new();
    loop {
        line.clear();
        if io::Read::take(&mut reader, LINE).read_until(b'\n', line)? == 0 {
            return Ok(found);
        }
        if let Some(path) = deleted(line) {
            found.insert(printable_bytes(path, LONGEST));
        }
    }
}

/// The path on a line of proc_pid_maps(5), if it is executable and its file was replaced.
fn deleted(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii_end().strip_suffix(b" (deleted)")?;
    let mut fields = line.split(|byte| *byte == b' ');
    let _addresses = fields.next()?;
    if fields.next()?.get(2) != Some(&b'x') {
        return None;
    }
    let start = line.iter().position(|byte| *byte == b'/')?;
    let path = &line[start..];
    let made_to_be_deleted =
        [&b"/memfd:"[..], b"/dev/", b"/SYSV", b"/tmp/", b"/var/tmp/", b"/run/", b"/[", b"/anon_"];
    (!made_to_be_deleted.iter().any(|prefix| path.starts_with(prefix))).then_some(path)
}

/// The unit that a process belongs to, by proc_pid_cgroup(5): the last part of the path with a
/// unit's ending, in systemd's own hierarchy or the unified one.
fn unit(cgroup: &str) -> Option<String> {
    let path = cgroup.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let controllers = fields.next()?;
        let path = fields.next()?;
        (controllers == "name=systemd" || (controllers.is_empty() && path != "/")).then_some(path)
    })?;
    path.split('/')
        .rfind(|part| part.ends_with(".service") || part.ends_with(".scope"))
        .map(|part| printable(part, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_replaced_programs_and_libraries_count() {
        let line =
            |text: &str| deleted(text.as_bytes()).map(|p| String::from_utf8_lossy(p).into_owned());
        assert_eq!(
            line("7f00-7f01 r-xp 00000000 fe:00 12 /usr/lib/x/libssl.so.3 (deleted)\n").as_deref(),
            Some("/usr/lib/x/libssl.so.3")
        );
        for fine in [
            "7f00-7f01 r--p 00000000 fe:00 12 /usr/lib/x/libssl.so.3 (deleted)",
            "7f00-7f01 r-xp 00000000 fe:00 12 /usr/lib/x/libssl.so.3",
            "7f00-7f01 rwxs 00000000 00:01 12 /memfd:jit (deleted)",
            "7f00-7f01 rwxs 00000000 00:01 12 /dev/zero (deleted)",
            "7f00-7f01 rwxs 00000000 00:01 12 /SYSV00000000 (deleted)",
            "7f00-7f01 rwxs 00000000 00:01 12 /[aio] (deleted)",
            "7f00-7f01 r-xp 00000000 00:01 12 /tmp/ffi1 (deleted)",
            " (deleted)",
            "",
        ] {
            assert_eq!(line(fine), None, "{fine}");
        }
    }

    #[test]
    fn the_unit_is_found_in_both_kinds_of_hierarchy() {
        assert_eq!(unit("0::/system.slice/ssh.service\n").as_deref(), Some("ssh.service"));
        assert_eq!(
            unit("12:pids:/x\n1:name=systemd:/system.slice/a.service/sub\n0::/\n").as_deref(),
            Some("a.service")
        );
        assert_eq!(unit("0::/init.scope\n").as_deref(), Some("init.scope"));
        assert_eq!(unit("0::/\n"), None);
        assert_eq!(unit("nonsense"), None);
    }

    #[test]
    fn this_machines_processes_are_looked_at() {
        let stale = observe(Path::new("/proc"));
        assert!(stale.seen().is_some_and(|stale| stale.processes > 0));
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_read_without_harm(bytes: Vec<u8>, text: String) {
            deleted(&bytes);
            unit(&text);
        }
    }
}
