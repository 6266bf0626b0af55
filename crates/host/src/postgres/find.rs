//! Finds PostgreSQL's sockets, in containers too, and clusters that should run and do not.
//!
//! Reads `/proc/PID/net/unix` (proc_pid_net(5)) and Debian's `/etc/postgresql` (pg_lsclusters(1)).
//! Leaves out asking them anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use model::facts::postgres::Cluster;
use model::seen::Seen;
use model::text::{printable, printable_bytes};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, StatxFlags, openat, openat2, statx,
};

use crate::network::control_group;

/// The longest path that is kept, in characters.
const LONGEST: usize = 160;

/// The most that is read of a file under `/proc` or `/etc`, in bytes.
const FILE: u64 = 8 * 1024 * 1024;

/// A server to ask.
pub(super) struct Target {
    /// As Debian names it, `15/main`.
    pub(super) name: Option<String>,
    pub(super) port: u16,
    /// The socket's path as its server sees it, printable.
    pub(super) socket: String,
    /// The container it runs in.
    pub(super) container: Option<String>,
    /// The socket itself, opened as a path only.
    pub(super) file: OwnedFd,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The socket's owner by name, which is the superuser's role as a rule.
    pub(super) owner: Option<String>,
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) targets: Vec<Target>,
    /// Clusters that should run or do run, and cannot be asked.
    pub(super) silent: Vec<Cluster>,
}

/// Looks for clusters, as far as this user may see.
pub(super) fn find() -> Found {
    let mut found = Found::default();
    let declared = declared(Path::new("/etc/postgresql"));
    let mut met = BTreeSet::new();
    let own = space("self");
    if let Ok(root) = root("/") {
        look(&mut found, &mut met, &root, &read("/proc/self/net/unix"), None);
    }
    for target in &mut found.targets {
        let by_port = |cluster: &&Declared| cluster.port == target.port;
        target.name = declared.iter().find(by_port).map(|cluster| cluster.name.clone());
    }
    let processes = processes();
    let mut spaces: BTreeMap<String, u32> = BTreeMap::new();
    for pid in &processes {
        if let Some(space) = space(&pid.to_string()).filter(|space| Some(space) != own.as_ref()) {
            spaces.entry(space).or_insert(*pid);
        }
    }
    for pid in spaces.values() {
        let Ok(root) = root(&format!("/proc/{pid}/root")) else { continue };
        let text = read(&format!("/proc/{pid}/cgroup"));
        let name =
            control_group::container(&text).unwrap_or_else(|| "another mount namespace".to_owned());
        let table = read(&format!("/proc/{pid}/net/unix"));
        if look(&mut found, &mut met, &root, &table, Some(&name)) == 0 {
            found.silent.push(silent(
                &format!("PostgreSQL in {name}"),
                "it runs without a Unix socket that could be found",
                true,
            ));
        }
    }
    for cluster in declared.iter().filter(|cluster| cluster.automatic) {
        let runs = |target: &Target| target.container.is_none() && target.port == cluster.port;
        if !found.targets.iter().any(runs) {
            let reason = format!(
                "it is set up to start by itself and no server listens on a socket for port {}; \
                 see `pg_lsclusters`",
                cluster.port
            );
            found.silent.push(silent(&cluster.name, &reason, false));
        }
    }
    if let Some(pid) =
        processes.first().filter(|_| found.targets.is_empty() && found.silent.is_empty())
    {
        let reason = format!("it runs (pid {pid}) without a Unix socket that could be found");
        found.silent.push(silent("PostgreSQL", &reason, false));
    }
    found
}

fn silent(name: &str, reason: &str, container: bool) -> Cluster {
    let server = Seen::unseen(reason);
    Cluster { name: name.to_owned(), socket: String::new(), container, server }
}

/// Adds the servers whose sockets are under that root; how many there are, known ones too.
fn look(
    found: &mut Found,
    met: &mut BTreeSet<(u32, u32, u64)>,
    root: &OwnedFd,
    table: &str,
    container: Option<&str>,
) -> usize {
    let mut count = 0;
    for (path, port) in listening(table) {
        let Ok(file) = below(root, path) else { continue };
        let Ok(status) = statx(&file, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS) else {
            continue;
        };
        if FileType::from_raw_mode(status.stx_mode.into()) != FileType::Socket {
            continue;
        }
        count += 1;
        if !met.insert((status.stx_dev_major, status.stx_dev_minor, status.stx_ino)) {
            continue;
        }
        found.targets.push(Target {
            name: None,
            port,
            socket: printable(path, LONGEST),
            container: container.map(str::to_owned),
            owner: owner(root, status.stx_uid),
            file,
            uid: status.stx_uid,
            gid: status.stx_gid,
        });
    }
    count
}

fn root(path: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(rustix::fs::CWD, path, flags, Mode::empty())?)
}

/// Opens what the path means to a process with that root, as a path only.
///
/// A container's links are the container's: they must not lead into our own root.
fn below(root: &OwnedFd, path: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    Ok(openat2(root.as_fd(), path, flags, Mode::empty(), ResolveFlags::IN_ROOT)?)
}

/// The user's name by the passwd(5) under that root.
fn owner(root: &OwnedFd, uid: u32) -> Option<String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file =
        openat2(root.as_fd(), "/etc/passwd", flags, Mode::empty(), ResolveFlags::IN_ROOT).ok()?;
    user(&limited(file.into()), uid)
}

fn user(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// The name of the user that runs this.
pub(super) fn myself() -> Option<String> {
    let uid = rustix::process::geteuid().as_raw();
    user(&read("/etc/passwd"), uid)
}

/// Paths and ports of the listening sockets that bear PostgreSQL's name.
fn listening(table: &str) -> Vec<(&str, u16)> {
    let mut all: Vec<(&str, u16)> = table.lines().filter_map(socket).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// `0000000000000000: 00000002 00000000 00010000 0001 01 1234 /run/postgresql/.s.PGSQL.5432`, where
/// the fourth column has `__SO_ACCEPTCON`.
fn socket(line: &str) -> Option<(&str, u16)> {
    let mut rest = line;
    let mut field = || {
        rest = rest.trim_start_matches(' ');
        let (field, after) = rest.split_once(' ')?;
        rest = after;
        Some(field)
    };
    let [_, _, _, flags, _, _, _] =
        [field()?, field()?, field()?, field()?, field()?, field()?, field()?];
    let path = rest.trim_start_matches(' ');
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let (folder, port) = path.rsplit_once("/.s.PGSQL.")?;
    (flags & 0x1_0000 != 0 && (folder.starts_with('/') || folder.is_empty()))
        .then(|| Some((path, port.parse().ok()?)))?
}

/// The processes that are called as PostgreSQL's server is.
fn processes() -> Vec<u32> {
    let Ok(folder) = fs::read_dir("/proc") else { return Vec::new() };
    let mut pids: Vec<u32> = folder
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| matches!(name.trim_ascii_end(), b"postgres" | b"postmaster"))
        })
        .collect();
    pids.sort_unstable();
    pids
}

/// The mount namespace of a process.
fn space(pid: &str) -> Option<String> {
    fs::read_link(format!("/proc/{pid}/ns/mnt")).ok()?.into_os_string().into_string().ok()
}

/// A cluster of `/etc/postgresql`.
struct Declared {
    name: String,
    port: u16,
    automatic: bool,
}

fn declared(folder: &Path) -> Vec<Declared> {
    let under = |folder: &Path| {
        let mut paths: Vec<_> =
            fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        paths.sort();
        paths
    };
    let name = |path: &Path| {
        path.file_name()
            .map(|name| printable_bytes(name.as_encoded_bytes(), LONGEST))
            .unwrap_or_default()
    };
    let mut clusters = Vec::new();
    for version in under(folder) {
        for cluster in under(&version) {
            let Ok(file) = fs::File::open(cluster.join("postgresql.conf")) else { continue };
            clusters.push(Declared {
                name: format!("{}/{}", name(&version), name(&cluster)),
                port: port(&limited(file)),
                automatic: automatic(
                    &fs::read_to_string(cluster.join("start.conf")).unwrap_or_default(),
                ),
            });
        }
    }
    clusters
}

/// `port = 5432` of postgresql.conf; the last one counts.
fn port(configuration: &str) -> u16 {
    configuration
        .lines()
        .filter_map(|line| {
            let rest = line.trim_start().strip_prefix("port")?.trim_start();
            let value = rest.strip_prefix('=').unwrap_or(rest);
            value.split('#').next()?.trim().trim_matches('\'').parse().ok()
        })
        .next_back()
        .unwrap_or(5432)
}

/// Debian's start.conf: `auto`, also when it says nothing.
fn automatic(start: &str) -> bool {
    let word = start.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    word.is_none_or(|word| word.starts_with("auto"))
}

fn read(path: &str) -> String {
    fs::File::open(path).map(limited).unwrap_or_default()
}

fn limited(file: fs::File) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is still true.
    let _ = io::Read::read_to_end(&mut io::Read::take(file, FILE), &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn listening_sockets_of_postgresql_are_found() {
        let table = "Num       RefCount Protocol Flags    Type St Inode Path
000000002366fd18: 00000003 00000000 00000000 0001 03 33455 /run/systemd/journal/stdout
0000000000000001: 00000002 00000000 00010000 0001 01 900 /var/run/postgresql/.s.PGSQL.5432
0000000000000001: 00000003 00000000 00000000 0001 03   901 /var/run/postgresql/.s.PGSQL.5432
0000000000000001: 00000002 00000000 00010000 0001 01   902 /srv/with space/.s.PGSQL.5433
0000000000000001: 00000002 00000000 00010000 0001 01   903 @/tmp/.s.PGSQL.5434
0000000000000001: 00000002 00000000 00010000 0001 01   904 /tmp/.s.PGSQL.99999
";
        assert_eq!(
            listening(table),
            [("/srv/with space/.s.PGSQL.5433", 5433), ("/var/run/postgresql/.s.PGSQL.5432", 5432)]
        );
    }

    #[test]
    fn debians_files_are_read() {
        assert_eq!(port("#port = 1\nport = 5433\t# (change requires restart)\n"), 5433);
        assert_eq!(port("port 5434"), 5434);
        assert_eq!(port("portx = 1\nport = '5435'"), 5435);
        assert_eq!(port(""), 5432);
        assert!(automatic("# comment\n\nauto\n"));
        assert!(automatic(""));
        assert!(!automatic("manual\n"));
        assert!(!automatic("disabled"));
        let passwd = "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104::/var:/bin/bash\n:::";
        assert_eq!(user(passwd, 101).as_deref(), Some("postgres"));
        assert_eq!(user(passwd, 7), None);
    }

    proptest! {
        #[test]
        fn no_text_does_harm(text in any::<String>()) {
            let _ = (listening(&text), port(&text), automatic(&text), user(&text, 1));
        }
    }
}
