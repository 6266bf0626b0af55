//! Walks `/proc` for namespaces, their sockets and who holds them.
//!
//! Each process is visited twice, and its open files are only counted against the sockets that
//! matter, so that hundreds of processes cost milliseconds. Leaves out what the formats mean.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use model::facts::network::{Namespace, Network, Process, Published, Socket};
use model::plan::host::Protocol;
use model::seen::Seen;
use model::text::{counted_as, printable, printable_bytes};
use rustix::fs::{Dir, Mode, OFlags, openat, readlinkat};

use crate::network::table::{self, Row};
use crate::network::{address, control_group, forward};

/// How many open files of one process are looked at; servers open their listeners first.
const OPEN_FILES: usize = 4096;

/// How many processes of a namespace are remembered, in case the first ends meanwhile.
const SPARE: usize = 8;

/// The most of a routing trie that is read, in bytes.
const TRIE: u64 = 4 * 1024 * 1024;

/// What a namespace's tables are called, and which sockets of them count.
const TABLES: [(&str, Protocol, u8); 4] = [
    ("tcp", Protocol::Tcp, table::TCP_LISTEN),
    ("tcp6", Protocol::Tcp, table::TCP_LISTEN),
    ("udp", Protocol::Udp, table::UDP_BOUND),
    ("udp6", Protocol::Udp, table::UDP_BOUND),
];

/// A socket whose holders are still unknown.
struct Found {
    protocol: Protocol,
    row: Row,
    namespace: Option<String>,
}

/// Looks at everything that this user may see.
pub(super) fn walk() -> Network {
    let mut network = Network { ephemeral: ephemeral(), ..Network::default() };
    let (spaces, pids, hidden) = match spaces() {
        Ok(found) => found,
        Err(error) => {
            network.sockets = Seen::unseen(format!("cannot read /proc: {error}"));
            return network;
        }
    };
    let mut found = Vec::new();
    match own() {
        Ok(rows) => found.extend(rows),
        Err(error) => {
            network.sockets = Seen::unseen(format!("cannot read /proc/self/net: {error}"));
            return network;
        }
    }
    network.namespaces.push(Namespace {
        name: None,
        pid: std::process::id(),
        addresses: addresses("self"),
    });
    others(&spaces, &mut network, &mut found);
    let root = rustix::process::geteuid().is_root();
    if hidden > 0 || !root {
        let why = if root {
            "may not be looked into even by this container's root"
        } else {
            "belong to others and can only be looked into by root"
        };
        network.hidden.push(format!(
            "{hidden} of {} {why}: sockets in network namespaces of their own stay unseen",
            counted_as(pids.len(), "process", "processes")
        ));
    }
    let (sockets, published) = hold(found, &pids);
    network.sockets = Seen::Seen(sockets);
    network.published = Seen::Seen(published);
    network
}

/// The processes of each namespace by its inode, all processes, and how many of them are hidden.
type Spaces = (BTreeMap<u64, Vec<u32>>, Vec<u32>, usize);

fn spaces() -> io::Result<Spaces> {
    let mut spaces: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    let mut pids = Vec::new();
    let mut hidden = 0;
    for entry in fs::read_dir("/proc")? {
        let Some(pid): Option<u32> = entry.ok().and_then(|e| e.file_name().to_str()?.parse().ok())
        else {
            continue;
        };
        match space(pid) {
            Ok(inode) => {
                let members = spaces.entry(inode).or_default();
                if members.len() < SPARE {
                    members.push(pid);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => hidden += 1,
            Err(_) => continue,
        }
        pids.push(pid);
    }
    pids.sort_unstable();
    Ok((spaces, pids, hidden))
}

/// The inode of a process's network namespace: the link reads `net:[4026531840]`.
fn space(pid: impl fmt::Display) -> io::Result<u64> {
    let link = fs::read_link(format!("/proc/{pid}/ns/net"))?;
    link.to_str()
        .and_then(|text| text.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok())
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// The sockets of our own namespace; IPv6 may be switched off.
fn own() -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for (name, protocol, state) in TABLES {
        match rows("self", name, state) {
            Ok(rows) => {
                found.extend(rows.into_iter().map(|row| Found { protocol, row, namespace: None }));
            }
            Err(error) if name.ends_with('6') && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn rows(pid: &str, name: &str, state: u8) -> io::Result<Vec<Row>> {
    table::rows(BufReader::new(File::open(format!("/proc/{pid}/net/{name}"))?), state)
}

/// The sockets of all other namespaces.
fn others(spaces: &BTreeMap<u64, Vec<u32>>, network: &mut Network, found: &mut Vec<Found>) {
    let own = space("self").ok();
    let names = named();
    for (inode, pids) in spaces.iter().filter(|(inode, _)| Some(**inode) != own) {
        // A process may end while we look: then the next one of that namespace serves.
        let Some((pid, tables)) = pids.iter().find_map(|pid| {
            let tables = TABLES.map(|(name, protocol, state)| {
                rows(&pid.to_string(), name, state).map(|rows| (protocol, rows))
            });
            tables.iter().any(Result::is_ok).then_some((*pid, tables))
        }) else {
            if pids.iter().any(|pid| space(pid).is_ok()) {
                network.hidden.push(format!("cannot read the sockets of namespace {inode}"));
            }
            continue;
        };
        let mut name = names.get(inode).cloned().unwrap_or_else(|| label(pid));
        let taken = |name: &str, network: &Network| network.namespace(Some(name)).is_some();
        if taken(&name, network) {
            let more = (2..).map(|count| format!("{name} ({count})"));
            name = more.into_iter().find(|name| !taken(name, network)).unwrap_or(name);
        }
        for (protocol, rows) in tables.into_iter().flatten() {
            found.extend(rows.into_iter().map(|row| Found {
                protocol,
                row,
                namespace: Some(name.clone()),
            }));
        }
        let addresses = addresses(&pid.to_string());
        network.namespaces.push(Namespace { name: Some(name), pid, addresses });
    }
}

/// The namespaces to which ip-netns(8) gave a name, by inode.
fn named() -> BTreeMap<u64, String> {
    let Ok(folder) = fs::read_dir("/run/netns") else { return BTreeMap::new() };
    folder
        .flatten()
        .filter_map(|entry| {
            let inode = fs::metadata(entry.path()).ok()?.ino();
            Some((inode, printable(&format!("netns {}", entry.file_name().display()), 80)))
        })
        .collect()
}

/// What to call a namespace by one of its processes.
fn label(pid: u32) -> String {
    fs::read(format!("/proc/{pid}/cgroup"))
        .ok()
        .and_then(|text| control_group::container(&String::from_utf8_lossy(&text)))
        .unwrap_or_else(|| format!("namespace of {}", command(pid).unwrap_or_default()))
}

/// proc_pid_comm(5).
fn command(pid: u32) -> Option<String> {
    let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(printable_bytes(name.trim_ascii_end(), 64))
}

fn addresses(pid: &str) -> Vec<IpAddr> {
    let read = |name: &str| {
        let mut text = Vec::new();
        if let Ok(file) = File::open(format!("/proc/{pid}/net/{name}")) {
            // A trie that breaks off still names addresses.
            let _ = file.take(TRIE).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    };
    address::addresses(&read("fib_trie"), &read("if_inet6"))
}

/// `net.ipv4.ip_local_port_range`; the kernel's default where it cannot be read.
fn ephemeral() -> (u16, u16) {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(last))) => (first, last),
        _ => (32_768, 60_999),
    }
}

/// Finds the processes that hold the sockets, and what proxies among them pass on.
fn hold(found: Vec<Found>, pids: &[u32]) -> (Vec<Socket>, Vec<Published>) {
    let mut holders: HashMap<u64, Vec<u32>> =
        found.iter().map(|found| (found.row.inode, Vec::new())).collect();
    for pid in pids {
        // Without permission there is nothing to find, and that was noted already.
        let _ = open_sockets(*pid, &mut holders);
    }
    let mut known: HashMap<u32, Option<Process>> = HashMap::new();
    let mut published = Vec::new();
    let mut sockets: Vec<Socket> = Vec::new();
    for found in found {
        let mut processes: Vec<Process> = Vec::new();
        for pid in holders.get(&found.row.inode).map_or(&[][..], Vec::as_slice) {
            let process = known.entry(*pid).or_insert_with(|| process(*pid, &mut published));
            let Some(process) = process else { continue };
            if processes.iter().all(|other| other.name != process.name) {
                processes.push(process.clone());
            }
        }
        // systemd holds the sockets of socket units beside the service that they start.
        processes.sort_by_key(|process| (process.pid == 1, process.pid));
        let Row { address, port, .. } = found.row;
        let Found { protocol, namespace, .. } = found;
        let socket = Socket { protocol, address, port, namespace, processes };
        // Workers that share a port (SO_REUSEPORT) hold a socket each.
        let same = |other: &&mut Socket| {
            other.protocol == protocol
                && other.address == address
                && other.port == port
                && other.namespace == socket.namespace
        };
        match sockets.iter_mut().rev().find(same) {
            Some(other) => {
                for process in socket.processes {
                    if other.processes.iter().all(|held| held.name != process.name) {
                        other.processes.push(process);
                    }
                }
            }
            None => sockets.push(socket),
        }
    }
    sockets.sort_by(|a, b| {
        let key = |s: &Socket| (s.namespace.clone(), s.protocol, s.port, s.address);
        key(a).cmp(&key(b))
    });
    published.sort();
    published.dedup();
    (sockets, published)
}

fn process(pid: u32, published: &mut Vec<Published>) -> Option<Process> {
    let name = command(pid)?;
    if name == "docker-proxy" {
        let mut line = Vec::new();
        if let Ok(file) = File::open(format!("/proc/{pid}/cmdline")) {
            let _ = file.take(4096).read_to_end(&mut line);
        }
        published.extend(forward::docker_proxy(&line));
    }
    let unit = fs::read(format!("/proc/{pid}/cgroup"))
        .ok()
        .and_then(|text| control_group::unit(&String::from_utf8_lossy(&text)));
    Some(Process { name, pid, unit })
}

/// Notes the process as a holder of each wanted socket among its open files.
fn open_sockets(pid: u32, holders: &mut HashMap<u64, Vec<u32>>) -> io::Result<()> {
    let folder = openat(
        rustix::fs::CWD,
        format!("/proc/{pid}/fd"),
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let mut buffer = Vec::with_capacity(64);
    for entry in Dir::read_from(&folder)?.take(OPEN_FILES) {
        let entry = entry?;
        if entry.file_name().to_bytes().starts_with(b".") {
            continue;
        }
        let Ok(link) = readlinkat(folder.as_fd(), entry.file_name(), std::mem::take(&mut buffer))
        else {
            continue;
        };
        let inode = link
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
        if let Some(pids) = inode.and_then(|inode: u64| holders.get_mut(&inode))
            && pids.last() != Some(&pid)
        {
            pids.push(pid);
        }
        buffer = link.into_bytes();
        buffer.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn our_own_listener_is_found_with_its_process() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let network = walk();
        let sockets = network.sockets.seen().expect("own sockets are always seen");
        let port = listener.local_addr().unwrap().port();
        let found = sockets
            .iter()
            .find(|s| s.port == port && s.protocol == Protocol::Tcp && s.namespace.is_none())
            .expect("the listener is there");
        assert!(found.loopback());
        assert!(found.processes.iter().any(|p| p.pid == std::process::id()));
        let udp = client.local_addr().unwrap().port();
        assert!(sockets.iter().any(|s| s.port == udp && s.protocol == Protocol::Udp));
    }
}
