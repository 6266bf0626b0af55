//! Where the control groups of systemd's units lie, in the unified and the old hierarchies.
//!
//! Formats: cgroups(7), proc_pid_mountinfo(5). A container may see its groups shifted: the path
//! of process 1 and the root of each mount say by how much.

use std::fs;
use std::path::{Path, PathBuf};

/// The directories that stand for `-.slice`, as far as they exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hierarchies {
    /// The unified hierarchy, where its memory controller is given to units.
    pub unified: Option<PathBuf>,
    /// The old hierarchy of the memory controller.
    pub legacy: Option<PathBuf>,
    /// The unified hierarchy, with or without controllers; it has pressure files.
    pub pressure: Option<PathBuf>,
    /// Any hierarchy in which systemd puts units, to list their processes.
    pub processes: Option<PathBuf>,
}

impl Hierarchies {
    pub(crate) fn find() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let mut found = Self::parse(&read("/proc/self/mountinfo"), &read("/proc/1/cgroup"));
        // A hybrid system has a unified hierarchy without controllers.
        if let Some(root) = &found.unified
            && !has_memory(root)
        {
            found.unified = None;
        }
        found
    }

    /// Reads the mounts, and in which groups process 1 is.
    fn parse(mountinfo: &str, init: &str) -> Self {
        let mut found = Self::default();
        let mut unified = None;
        let mut named = None;
        for line in mountinfo.lines() {
            let Some(mount) = Mount::parse(line) else { continue };
            let slot = match mount.kind {
                "cgroup2" => &mut unified,
                "cgroup" if mount.has("memory") => &mut found.legacy,
                "cgroup" if mount.has("name=systemd") => &mut named,
                _ => continue,
            };
            // Later mounts may hide earlier ones, or show a part only; the first is systemd's.
            if slot.is_none() {
                *slot = Some(mount.directory(init));
            }
        }
        found.processes = named.or_else(|| unified.clone());
        found.pressure = unified.clone();
        found.unified = unified;
        found
    }
}

fn has_memory(root: &Path) -> bool {
    fs::read_to_string(root.join("cgroup.controllers"))
        .is_ok_and(|names| names.split_ascii_whitespace().any(|name| name == "memory"))
}

/// One line of mountinfo.
struct Mount<'a> {
    root: &'a str,
    point: &'a str,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (root, point) = (left.next()?, left.next()?);
        let mut right = right.split(' ');
        let (kind, _source, options) = (right.next()?, right.next()?, right.next()?);
        Some(Self { root, point, kind, options })
    }

    fn has(&self, option: &str) -> bool {
        self.options.split(',').any(|each| each == option)
    }

    /// The directory of the group that process 1 takes for the root.
    fn directory(&self, init: &str) -> PathBuf {
        let own = init.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            let fits = match self.kind {
                "cgroup2" => controllers.is_empty(),
                _ => !controllers.is_empty() && controllers.split(',').all(|name| self.has(name)),
            };
            fits.then_some(path)
        });
        let own = own.unwrap_or("/");
        let slice = own.strip_suffix("/init.scope").unwrap_or(own);
        // `/..` is seen from outside the namespace in which systemd lives: it is that one's root.
        let slice = if slice.contains("..") { "" } else { slice };
        let below = slice.strip_prefix(self.root).unwrap_or(slice);
        Path::new(self.point).join(below.trim_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
47 98 0:46 / /sys/fs/cgroup ro,nosuid shared:12 - tmpfs tmpfs ro,size=4096k
49 47 0:32 / /sys/fs/cgroup/memory ro,nosuid shared:14 - cgroup cgroup rw,memory
54 47 0:29 / /sys/fs/cgroup/cpu,cpuacct ro shared:19 - cgroup cgroup rw,cpu,cpuacct
56 47 0:38 / /sys/fs/cgroup/unified rw shared:21 - cgroup2 cgroup rw
57 47 0:37 / /sys/fs/cgroup/systemd rw shared:22 - cgroup cgroup rw,xattr,name=systemd
";

    #[test]
    fn a_hybrid_system_has_three() {
        let found =
            Hierarchies::parse(HYBRID, "9:name=systemd:/init.scope\n4:memory:/\n0::/init.scope\n");
        assert_eq!(found.legacy, Some("/sys/fs/cgroup/memory/".into()));
        assert_eq!(found.processes, Some("/sys/fs/cgroup/systemd/".into()));
        assert_eq!(found.unified, Some("/sys/fs/cgroup/unified/".into()));
    }

    #[test]
    fn a_unified_system_has_one() {
        let mounts =
            "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        let found = Hierarchies::parse(mounts, "0::/init.scope\n");
        assert_eq!(found.unified, Some("/sys/fs/cgroup/".into()));
        assert_eq!(found.processes, found.unified);
        assert_eq!(found.legacy, None);
    }

    #[test]
    fn a_shifted_container_is_found() {
        let mounts = "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw";
        let found = Hierarchies::parse(mounts, "0::/machine.slice/a.scope/payload/init.scope\n");
        assert_eq!(found.unified, Some("/sys/fs/cgroup/machine.slice/a.scope/payload".into()));
        let mounts = "30 24 0:26 /docker/x /sys/fs/cgroup rw - cgroup2 cgroup rw";
        let found = Hierarchies::parse(mounts, "0::/docker/x/init.scope\n");
        assert_eq!(found.unified, Some("/sys/fs/cgroup/".into()));
        let found = Hierarchies::parse(mounts, "0::/../../init.scope\n");
        assert_eq!(found.unified, Some("/sys/fs/cgroup/".into()));
    }

    #[test]
    fn nonsense_has_none() {
        assert_eq!(Hierarchies::parse("", ""), Hierarchies::default());
        assert_eq!(Hierarchies::parse("a - b\n - cgroup2\n\u{fffd}", "::"), Hierarchies::default());
    }
}
