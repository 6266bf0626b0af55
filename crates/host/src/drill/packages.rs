//! The service's own packages, for a drill on a host that does not have them: fetched from that
//! host's sources into a folder apart, installed inside the sealed machine alone.
//!
//! Leaves out the machine. Nothing of the host's own packages, lists and caches is written.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use backup::snapshot::Strangers;
use model::backup::scope::Scope;
use model::text::{bytes, counted, printable};

use crate::drill::command::{self, Left};
use crate::drill::course::Trouble;
use crate::drill::layers::below;
use crate::error::Error;

/// What was fetched, one folder for each service; may be deleted at any time.
const FOLDER: &str = "/var/cache/stead/drill";
/// Installs what lies in the folder `$2` below the root `$1`, in namespaces of its own: without a
/// network, and with file systems that go when it ends.
const SCRIPT: &str = "set -eu; cd \"$1\"; mount --make-rprivate /; mount -t proc proc proc; \
     mount -t tmpfs -o mode=755 stead-drill run; mount -t tmpfs -o mode=1777 stead-drill tmp; \
     mount -t tmpfs -o mode=755 stead-drill dev; mkdir run/stead-packages; \
     for name in null zero full random urandom; do : >dev/$name; \
     mount --bind /dev/$name dev/$name; done; ln -s /proc/self/fd dev/fd; \
     mount --bind \"$2\" run/stead-packages; exec chroot . sh -c 'exec apt-get -q -y \
     --no-install-recommends -o Dpkg::Options::=--force-confold -o APT::Sandbox::User=root \
     -o Dir::Cache::pkgcache= -o Dpkg::Use-Pty=0 install /run/stead-packages/*.deb'";
const UNITS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
const QUICK: Duration = Duration::from_secs(60);
/// For a slow line, and for a machine that is nice to others.
const LONG: Duration = Duration::from_secs(3600);
/// What the machine needs in memory besides its packages, in bytes.
const SPARE: u64 = 128 << 20;

/// Packages that lie in a folder, to be installed.
#[derive(Debug)]
pub(crate) struct Brought {
    folder: PathBuf,
    /// Unpacked.
    pub bytes: u64,
}

/// Looks whether this host can run the service, and fetches its packages if it cannot; `was` is
/// the version that the backup was made with. Says which version the drill runs with.
pub(crate) fn bring(
    scope: &Scope,
    was: Option<&str>,
) -> Result<(Option<Brought>, String), Trouble> {
    let package = &scope.recipe;
    if let Some(version) = installed(package)? {
        let against = against(&version, was);
        return Ok((None, format!("{package} {version} is installed here{against}")));
    }
    let Some(unit) = scope.units.iter().find(|unit| !has_unit(unit)) else {
        let told = format!("no package {package} is installed here; its units are");
        return Ok((None, told));
    };
    let folder = Path::new(FOLDER).join(&scope.service);
    let mut make = fs::DirBuilder::new();
    let made = make.recursive(true).mode(0o755).create(&folder);
    made.map_err(|source| Error::File { what: "make", path: folder.clone(), source })?;
    let mut told = String::new();
    // The host's own lists first; where they are old or do not name it, fresh ones of our own.
    for lists in [None, Some(folder.join("lists"))] {
        if let Some(lists) = &lists {
            let partial = lists.join("partial");
            let made = make.create(&partial);
            made.map_err(|source| Error::File { what: "make", path: partial, source })?;
            // One source that is away does not take the others away.
            let _updated = command::run(apt(Some(lists)).arg("update"), LONG)?;
        }
        for version in [was, None].into_iter().skip(usize::from(was.is_none())) {
            match fetched(&folder, lists.as_deref(), package, version)? {
                Ok(closure) => return told_of(folder, package, &closure, was),
                Err(reason) => told = reason,
            }
        }
    }
    Err(Trouble::Barred(format!(
        "{unit} is not on this host, and no source of its apt gives the package {package}: {told}; \
         add the repository that has it to /etc/apt/sources.list.d, or install {package} here"
    )))
}

fn told_of(
    folder: PathBuf,
    package: &str,
    closure: &[(String, String)],
    was: Option<&str>,
) -> Result<(Option<Brought>, String), Trouble> {
    let (size, unpacked) = sweep(&folder, closure)?;
    let version = closure.iter().find(|(name, _)| name == package);
    let version = version.map_or("?", |(_, version)| version.as_str());
    let needed = unpacked.saturating_add(unpacked / 4).saturating_add(SPARE);
    let free = available().unwrap_or(u64::MAX);
    if free < needed {
        return Err(Trouble::Barred(format!(
            "the machine needs {} of memory with the packages of {package}, and {} are free; \
             install {package} here, or drill on another host",
            bytes(needed),
            bytes(free)
        )));
    }
    let against = against(version, was);
    let told = format!(
        "{package} {version}{against}; {}, {}, from this host's sources into the machine alone",
        counted(closure.len() as u64, "package"),
        bytes(size)
    );
    Ok((Some(Brought { folder, bytes: needed }), told))
}

fn against(version: &str, was: Option<&str>) -> String {
    match was {
        Some(was) if was == version => ", as when it was saved".to_owned(),
        Some(was) => format!("; it was saved with {}", printable(was, 100)),
        None => String::new(),
    }
}

/// The version that dpkg has installed.
fn installed(package: &str) -> Result<Option<String>, Error> {
    let mut ask = Command::new("dpkg-query");
    ask.args(["-W", "-f", "${db:Status-Status} ${Version}", "--", package]);
    let left = command::run(&mut ask, QUICK)?;
    let found = left.stdout.trim().strip_prefix("installed ").map(str::to_owned);
    Ok(found.filter(|_| left.well()))
}

fn has_unit(unit: &str) -> bool {
    // `name@one.service` is an instance of `name@.service`.
    let template = unit.split_once('@').and_then(|(name, rest)| {
        let (_, kind) = rest.rsplit_once('.')?;
        Some(format!("{name}@.{kind}"))
    });
    let names = [Some(unit.to_owned()), template];
    names.iter().flatten().any(|name| UNITS.iter().any(|at| Path::new(at).join(name).exists()))
}

/// apt, for root, with nothing of its own written but below our folder.
fn apt(lists: Option<&Path>) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(["-q", "-y", "--no-install-recommends"])
        .args(["-o", "Debug::NoLocking=true", "-o", "APT::Sandbox::User=root"])
        .args(["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="])
        .env("LC_ALL", "C.UTF-8")
        .env("DEBIAN_FRONTEND", "noninteractive");
    if let Some(lists) = lists {
        command.arg("-o").arg(format!("Dir::State::lists={}/", lists.display()));
    }
    command
}

/// Fetches a package with all that it needs and this host lacks; why not, in apt's words.
fn fetched(
    folder: &Path,
    lists: Option<&Path>,
    package: &str,
    version: Option<&str>,
) -> Result<Result<Vec<(String, String)>, String>, Error> {
    let wanted = match version {
        Some(version) => format!("{package}={version}"),
        None => package.to_owned(),
    };
    let plan = command::run(apt(lists).args(["-s", "install", "--", &wanted]), QUICK)?;
    if !plan.well() {
        return Ok(Err(errors(&plan)));
    }
    let closure = closure(&plan.stdout);
    let mut download = apt(lists);
    download.arg("download").arg("--").current_dir(folder);
    download.args(closure.iter().map(|(name, version)| format!("{name}={version}")));
    let left = command::run(&mut download, LONG)?;
    Ok(if left.well() { Ok(closure) } else { Err(errors(&left)) })
}

/// What apt complains of.
fn errors(left: &Left) -> String {
    let all = left.stderr.lines().chain(left.stdout.lines());
    let errors: Vec<&str> = all.filter_map(|line| line.strip_prefix("E: ")).collect();
    if errors.is_empty() { left.told() } else { printable(&errors.join("; "), 400) }
}

/// The packages of a simulation: `Inst name [old] (new source [arch])`.
fn closure(simulation: &str) -> Vec<(String, String)> {
    let read = |line: &str| {
        let mut words = line.strip_prefix("Inst ")?.split(' ');
        let name = words.next()?.to_owned();
        let version = words.find_map(|word| word.strip_prefix('('))?;
        Some((name, version.trim_end_matches(')').to_owned()))
    };
    simulation.lines().filter_map(read).collect()
}

/// Removes what was fetched for another version; gives the size of the rest, packed and unpacked.
fn sweep(folder: &Path, closure: &[(String, String)]) -> Result<(u64, u64), Error> {
    let failed = |source| Error::File { what: "read", path: folder.to_owned(), source };
    let (mut size, mut unpacked) = (0, 0);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_none_or(|end| end != "deb") {
            continue;
        }
        let mut ask = Command::new("dpkg-deb");
        ask.args(["--show", "--showformat", "${Package} ${Version} ${Installed-Size}", "--"]);
        let shown = command::must(ask.arg(&path), QUICK)?;
        let mut words = shown.split_whitespace();
        let (name, version) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let kibibytes: u64 = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let wanted = closure
            .iter()
            .any(|(package, wanted)| package.split(':').next() == Some(name) && wanted == version);
        if !wanted {
            // What stays would be installed, too.
            fs::remove_file(&path).map_err(failed)?;
            continue;
        }
        size += path.metadata().map_err(failed)?.len();
        unpacked += kibibytes << 10;
    }
    Ok((size, unpacked))
}

/// Memory that may be taken, in bytes, proc_meminfo(5).
fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

/// Gives the machine the users that own what was restored and that this host does not have, with
/// the numbers that their files have.
pub(crate) fn introduce(root: &Path, strangers: &Strangers) -> Result<(), Error> {
    let group = |name: &str, number: u32| format!("{name}:x:{number}:\n");
    let user = |name: &str, number: u32| {
        let group = strangers.groups.get(name).copied().unwrap_or(65_534);
        format!("{name}:x:{number}:{group}:of another host:/nonexistent:/usr/sbin/nologin\n")
    };
    prepend(&below(root, Path::new("/etc/group")), &lines(&strangers.groups, group))?;
    prepend(&below(root, Path::new("/etc/passwd")), &lines(&strangers.users, user))
}

fn lines(
    all: &std::collections::BTreeMap<String, u32>,
    line: impl Fn(&str, u32) -> String,
) -> String {
    // A snapshot may hold anything: nobody becomes root by it.
    let good = |name: &str| {
        let first = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        let rest = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        first && name.len() <= 32 && name.chars().all(rest)
    };
    all.iter()
        .filter(|(name, number)| good(name) && **number > 0)
        .map(|(n, i)| line(n, *i))
        .collect()
}

/// In front, so that of two names for one number the service's is the one that is told.
fn prepend(path: &Path, lines: &str) -> Result<(), Error> {
    if lines.is_empty() {
        return Ok(());
    }
    let failed = |source| Error::File { what: "write", path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(failed)?;
    fs::write(path, format!("{lines}{text}")).map_err(failed)
}

/// Installs packages below a root that is not booted, without a network and without starting
/// anything.
pub(crate) fn install(root: &Path, brought: &Brought) -> Result<(), Error> {
    let policy = below(root, Path::new("/usr/sbin/policy-rc.d"));
    let failed = |source| Error::File { what: "write", path: policy.clone(), source };
    fs::write(&policy, "#!/bin/sh\nexit 101\n").map_err(failed)?;
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    let mut command = Command::new("setpriv");
    command
        // It ends with the thread that started it, however that ends.
        .args(["--pdeathsig", "KILL", "--", "unshare", "--fork", "--kill-child"])
        .args(["--net", "--mount", "--pid", "--ipc", "--uts", "--", "sh", "-c", SCRIPT, "sh"])
        .args([root, &brought.folder])
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/root")
        .env("LC_ALL", "C.UTF-8")
        .env("DEBIAN_FRONTEND", "noninteractive");
    let left = command::run(&mut command, LONG)?;
    fs::remove_file(&policy).map_err(failed)?;
    if left.well() { Ok(()) } else { Err(Error::Packages { told: errors(&left) }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_names_what_is_to_be_fetched() {
        let text = "NOTE: This is only a simulation!\nInst libc6 [2.36-9] (2.36-10 Debian:12/stable \
                    [amd64])\nInst notes (1:1.0 localhost [all])\nConf notes (1:1.0 localhost [all])\n";
        let expected = [("libc6", "2.36-10"), ("notes", "1:1.0")];
        assert_eq!(closure(text), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn a_snapshot_makes_nobody_root() {
        let users = [("notes", 998), ("toor", 0), ("a:x:0:0::/:/bin/sh\nb", 5)];
        let users = users.map(|(name, number)| (name.to_owned(), number)).into();
        let line = |name: &str, number: u32| format!("{name}:{number}\n");
        assert_eq!(lines(&users, line), "notes:998\n");
    }

    #[test]
    fn the_versions_are_held_against_each_other() {
        assert_eq!(against("1.0", Some("1.0")), ", as when it was saved");
        assert_eq!(against("1.1", Some("1.0")), "; it was saved with 1.0");
        assert_eq!(against("1.1", None), "");
    }
}
