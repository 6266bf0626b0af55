//! The service's own packages, for a drill on a host that does not have them: fetched from that
//! host's sources into a folder apart, installed inside the sealed machine alone.
//!
//! Leaves out the machine. Nothing of the host's own packages, lists and caches is written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use backup::snapshot::Strangers;
use backup::whole;
use model::backup::scope::Scope;
use model::text::{bytes, counted, printable};

use crate::drill::command::{self, Left};
use crate::drill::course::Trouble;
use crate::drill::layers::make;
use crate::drill::within;
use crate::error::Error;

/// What was fetched, one folder for each service; may be deleted at any time.
const FOLDER: &str = "/var/cache/stead/drill";
/// Installs what was fetched, in namespaces of its own.
const SCRIPT: &str = concat!(include_str!("apart.sh"), include_str!("packages.sh"));
/// Takes away what this host's apt does besides: its stamps would say that this host's own lists
/// are fresh, and its hooks look after this host.
const HOOKS: &str = "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n\
    #clear APT::Update::Post-Invoke-Success;\n#clear APT::Install::Pre-Invoke;\n\
    #clear APT::Install::Post-Invoke-Success;\n#clear DPkg::Pre-Invoke;\n\
    #clear DPkg::Post-Invoke;\n#clear DPkg::Pre-Install-Pkgs;\n#clear AptCli::Hooks;\n";
const CONFIG: &str = "apt.conf";
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

/// With what a drill runs the service.
#[derive(Debug)]
pub(crate) struct Ready {
    /// If this host does not have it.
    pub brought: Option<Brought>,
    /// How its version differs from the one that the backup was made with.
    differs: Option<String>,
}

impl Ready {
    fn new(brought: Option<Brought>, package: &str, version: &str, was: Option<&str>) -> Self {
        let was = was.filter(|was| *was != version);
        let differs = was.map(|was| {
            let was = printable(was, 100);
            format!("{package} is {version} here and was {was} when it was saved")
        });
        Self { brought, differs }
    }

    /// What the service shows, in this version; if it is another one than was saved, a failure
    /// proves nothing against the backup.
    pub(crate) fn judged<T>(&self, shown: Result<T, Trouble>) -> Result<T, Trouble> {
        match (shown, &self.differs) {
            (Err(Trouble::Bad(told)), Some(differs)) => {
                Err(Trouble::Barred(format!("{differs}, which may be why: {told}")))
            }
            (shown, _) => shown,
        }
    }
}

/// Looks whether this host can run the service, and fetches its packages if it cannot; `was` is
/// the version that the backup was made with. Says which version the drill runs with.
pub(crate) fn bring(scope: &Scope, was: Option<&str>) -> Result<(Ready, String), Trouble> {
    let package = &scope.recipe;
    if let Some(version) = installed(package)? {
        let against = against(&version, was);
        let ready = Ready::new(None, package, &version, was);
        return Ok((ready, format!("{package} {version} is installed here{against}")));
    }
    let Some(unit) = scope.units.iter().find(|unit| !has_unit(unit)) else {
        let told = format!("no package {package} is installed here; its units are");
        return Ok((Ready { brought: None, differs: None }, told));
    };
    let folder = Path::new(FOLDER).join(&scope.service);
    let fresh = folder.join("lists");
    make(&fresh.join("partial"), 0o755)?;
    let config = folder.join(CONFIG);
    let written = whole::replace(&config, HOOKS.as_bytes(), 0o644);
    written.map_err(|source| Error::File { what: "write", path: config.clone(), source })?;
    discard(&folder)?;
    let mut told = String::new();
    let mut updated = false;
    for (version, is_fresh) in tries(was) {
        if is_fresh && !updated {
            // One source that is away does not take the others away.
            let _updated = command::run(apt(&folder, Some(&fresh)).arg("update"), LONG)?;
            updated = true;
        }
        let lists = is_fresh.then_some(fresh.as_path());
        match fetched(&folder, lists, package, version)? {
            Ok(closure) => return told_of(folder, package, &closure, was),
            Err(reason) => told = reason,
        }
    }
    Err(Trouble::Barred(format!(
        "{unit} is not on this host, and no source of its apt gives the package {package}: {told}; \
         add the repository that has it to /etc/apt/sources.list.d, or install {package} here"
    )))
}

/// Which version is asked for, and of which lists: this host's own first, and where they are old
/// or do not name it, fresh ones of our own. Another version comes after both.
fn tries(was: Option<&str>) -> impl Iterator<Item = (Option<&str>, bool)> {
    let versions = was.map(Some).into_iter().chain([None]);
    versions.flat_map(|version| [(version, false), (version, true)])
}

fn told_of(
    folder: PathBuf,
    package: &str,
    closure: &[(String, String)],
    was: Option<&str>,
) -> Result<(Ready, String), Trouble> {
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
    let brought = Some(Brought { folder, bytes: needed });
    Ok((Ready::new(brought, package, version, was), told))
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
fn apt(folder: &Path, lists: Option<&Path>) -> Command {
    let mut command = Command::new("apt-get");
    command
        .arg("-c")
        .arg(folder.join(CONFIG))
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
    let plan = command::run(apt(folder, lists).args(["-s", "install", "--", &wanted]), QUICK)?;
    if !plan.well() {
        return Ok(Err(errors(&plan)));
    }
    let closure = closure(&plan.stdout);
    let mut download = apt(folder, lists);
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

/// Removes what no program can read, as a power cut leaves it: it would be neither used nor fetched
/// again.
fn discard(folder: &Path) -> Result<(), Error> {
    for path in fetched_before(folder)? {
        if shown(&path)?.is_none() {
            within::remove(&path)?;
        }
    }
    Ok(())
}

fn fetched_before(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::File { what: "read", path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|end| end == "deb") {
            found.push(path);
        }
    }
    Ok(found)
}

/// What a package says of itself: its name, its version and its size unpacked, in KiB.
fn shown(path: &Path) -> Result<Option<String>, Error> {
    let mut ask = Command::new("dpkg-deb");
    ask.args(["--show", "--showformat", "${Package} ${Version} ${Installed-Size}", "--"]);
    let left = command::run(ask.arg(path), QUICK)?;
    Ok(left.well().then_some(left.stdout))
}

/// Removes what was fetched for another version; gives the size of the rest, packed and unpacked.
fn sweep(folder: &Path, closure: &[(String, String)]) -> Result<(u64, u64), Error> {
    let failed = |source| Error::File { what: "read", path: folder.to_owned(), source };
    let (mut size, mut unpacked) = (0, 0);
    for path in fetched_before(folder)? {
        let shown = shown(&path)?.unwrap_or_default();
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
    prepend(root, Path::new("/etc/group"), &lines(&strangers.groups, group))?;
    prepend(root, Path::new("/etc/passwd"), &lines(&strangers.users, user))
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
fn prepend(root: &Path, path: &Path, lines: &str) -> Result<(), Error> {
    if lines.is_empty() {
        return Ok(());
    }
    let text = within::read(root, path)?;
    within::write(root, path, &format!("{lines}{text}"), 0o644).map(|_| ())
}

/// Installs packages below a root that is not booted, without a network and without starting
/// anything.
pub(crate) fn install(root: &Path, brought: &Brought) -> Result<(), Error> {
    let policy = Path::new("/usr/sbin/policy-rc.d");
    let policy = within::write(root, policy, "#!/bin/sh\nexit 101\n", 0o755)?;
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
    within::remove(&policy)?;
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
    fn the_saved_version_is_asked_of_fresh_lists_before_another_is_taken() {
        let all: Vec<_> = tries(Some("1.0")).collect();
        let was = Some("1.0");
        assert_eq!(all, [(was, false), (was, true), (None, false), (None, true)]);
        assert_eq!(tries(None).collect::<Vec<_>>(), [(None, false), (None, true)]);
    }

    #[test]
    fn what_another_version_does_is_no_fault_of_the_backup() {
        let bad = || Err::<(), _>(Trouble::Bad("it does not start".to_owned()));
        let same = Ready::new(None, "chat", "1.0", Some("1.0"));
        assert!(matches!(same.judged(bad()), Err(Trouble::Bad(_))));
        let unknown = Ready::new(None, "chat", "1.0", None);
        assert!(matches!(unknown.judged(bad()), Err(Trouble::Bad(_))));
        let other = Ready::new(None, "chat", "1.1", Some("1.0"));
        let Err(Trouble::Barred(told)) = other.judged(bad()) else { panic!("barred") };
        assert_eq!(
            told,
            "chat is 1.1 here and was 1.0 when it was saved, which may be why: it does not start"
        );
        assert!(other.judged(Ok(())).is_ok());
    }

    #[test]
    fn a_package_that_was_cut_short_is_fetched_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let cut = folder.path().join("chat_1.0_all.deb");
        fs::write(&cut, "!<arch>\ndebian-bin").expect("written");
        fs::write(folder.path().join(CONFIG), HOOKS).expect("written");
        discard(folder.path()).expect("read");
        assert!(!cut.exists() && folder.path().join(CONFIG).exists());
        fs::write(&cut, "").expect("written");
        assert_eq!(sweep(folder.path(), &[("chat".into(), "1.0".into())]).expect("read"), (0, 0));
        assert!(!cut.exists());
    }

    #[test]
    fn the_versions_are_held_against_each_other() {
        assert_eq!(against("1.0", Some("1.0")), ", as when it was saved");
        assert_eq!(against("1.1", Some("1.0")), "; it was saved with 1.0");
        assert_eq!(against("1.1", None), "");
    }
}
