//! Listening sockets in every network namespace, and the ports that are passed on elsewhere.
//!
//! Leaves out established connections, and what may listen: that is the plan's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::plan::host::{Listen, Protocol};
use crate::seen::Seen;

/// What listens on this machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Listening TCP and bound, unconnected UDP sockets of every namespace that could be seen.
    pub sockets: Seen<Vec<Socket>>,
    /// The network namespaces that were looked into, our own first.
    pub namespaces: Vec<Namespace>,
    /// Ports that a packet filter or a proxy passes on to another address.
    pub published: Seen<Vec<Published>>,
    /// What stayed hidden, and why; empty when everything was seen.
    pub hidden: Vec<String>,
    /// The ports that the kernel hands to clients, first and last.
    pub ephemeral: (u16, u16),
}

/// A network namespace in which a process lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// `None` is our own; else its name under `/run/netns`, its container or its unit.
    pub name: Option<String>,
    /// A process that lives in it.
    pub pid: u32,
    /// The addresses of its interfaces, loopback left out.
    pub addresses: Vec<IpAddr>,
}

/// A socket that waits for others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Socket {
    pub protocol: Protocol,
    pub address: IpAddr,
    pub port: u16,
    /// As [`Namespace::name`]; `None` is our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Who holds it, one for each name; empty when the kernel itself does (WireGuard, NFS) or,
    /// without root, when it could not be seen.
    pub processes: Vec<Process>,
}

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// As `ss -p` names it: proc_pid_comm(5), at most 15 bytes.
    pub name: String,
    pub pid: u32,
    /// The systemd unit of its control group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// A port whose packets are passed on to another address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Published {
    pub protocol: Protocol,
    /// The address it is published on; `None` is every one.
    pub address: Option<IpAddr>,
    pub port: u16,
    /// Where to, as `172.17.0.2:5432`.
    pub to: IpAddr,
    pub to_port: u16,
    /// `docker-proxy`, `nft` or `iptables`.
    pub by: String,
}

impl Socket {
    /// Whether only this machine reaches it.
    pub fn loopback(&self) -> bool {
        self.address.to_canonical().is_loopback()
    }

    /// Whether it takes what comes to any address.
    pub fn wildcard(&self) -> bool {
        self.address.to_canonical().is_unspecified()
    }

    /// The database that listens here, as far as process and port tell.
    pub fn database(&self) -> Option<&'static str> {
        let by_name =
            self.processes.iter().find_map(|process| lookup(DATABASE_PROCESSES, &process.name));
        by_name.or_else(|| database_of_port(self.port))
    }

    /// The names of its processes, or what stands for them.
    pub fn holders(&self) -> String {
        if self.processes.is_empty() {
            return "no process that could be seen".to_owned();
        }
        let holders: Vec<String> = self.processes.iter().map(ToString::to_string).collect();
        holders.join(", ")
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {}", self.name, self.pid)?;
        if let Some(unit) = &self.unit {
            write!(f, ", {unit}")?;
        }
        f.write_str(")")
    }
}

/// Processes that are databases, by proc_pid_comm(5).
const DATABASE_PROCESSES: &[(&str, &str)] = &[
    ("postgres", "PostgreSQL"),
    ("postmaster", "PostgreSQL"),
    ("pgbouncer", "PgBouncer"),
    ("mysqld", "MySQL"),
    ("mariadbd", "MariaDB"),
    ("redis-server", "Redis"),
    ("valkey-server", "Valkey"),
    ("keydb-server", "KeyDB"),
    ("mongod", "MongoDB"),
    ("mongos", "MongoDB"),
    ("memcached", "memcached"),
    ("influxd", "InfluxDB"),
    ("clickhouse-serv", "ClickHouse"),
    ("cockroach", "CockroachDB"),
    ("etcd", "etcd"),
    ("arangod", "ArangoDB"),
    ("rethinkdb", "RethinkDB"),
];

/// The ports of databases, as IANA or their makers assign them.
const DATABASE_PORTS: &[(u16, &str)] = &[
    (1433, "Microsoft SQL Server"),
    (1521, "Oracle"),
    (2379, "etcd"),
    (3306, "MySQL"),
    (5432, "PostgreSQL"),
    (5433, "PostgreSQL"),
    (5984, "CouchDB"),
    (6379, "Redis"),
    (6432, "PgBouncer"),
    (8086, "InfluxDB"),
    (9042, "Cassandra"),
    (9200, "Elasticsearch"),
    (9300, "Elasticsearch"),
    (11211, "memcached"),
    (26379, "Redis Sentinel"),
    (27017, "MongoDB"),
    (27018, "MongoDB"),
    (27019, "MongoDB"),
    (28015, "RethinkDB"),
    (33060, "MySQL"),
];

fn lookup(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
}

/// The database that this port is assigned to.
pub fn database_of_port(port: u16) -> Option<&'static str> {
    DATABASE_PORTS.iter().find(|(key, _)| *key == port).map(|(_, name)| *name)
}

impl Network {
    /// The namespace of that name; `None` is our own.
    pub fn namespace(&self, name: Option<&str>) -> Option<&Namespace> {
        self.namespaces.iter().find(|namespace| namespace.name.as_deref() == name)
    }

    /// The addresses outside the machine's own loopback under which a socket is reached; empty if
    /// nobody else reaches it, as a wildcard in a namespace that has only loopback.
    pub fn reached(&self, socket: &Socket) -> Vec<IpAddr> {
        if socket.loopback() {
            return Vec::new();
        }
        if socket.wildcard() && socket.namespace.is_some() {
            let addresses = self
                .namespace(socket.namespace.as_deref())
                .map_or(&[][..], |namespace| &namespace.addresses);
            let six = socket.address.is_ipv6();
            return addresses.iter().copied().filter(|a| six || a.is_ipv4()).collect();
        }
        vec![socket.address]
    }

    /// Whether a UDP socket is a client's that waits for answers, and so listens to nobody.
    ///
    /// That is so for DHCP clients (68, 546) and for a process on a port that the kernel hands
    /// out. A socket there that no process holds is the kernel's own, such as WireGuard's: it
    /// listens.
    pub fn client(&self, socket: &Socket) -> bool {
        let (first, last) = self.ephemeral;
        socket.protocol == Protocol::Udp
            && (matches!(socket.port, 68 | 546)
                || ((first..=last).contains(&socket.port)
                    && (!socket.processes.is_empty() || !self.hidden.is_empty())))
    }

    /// The sockets that other machines may reach, databases among them.
    pub fn exposed(&self) -> impl Iterator<Item = &Socket> {
        self.sockets
            .seen()
            .into_iter()
            .flatten()
            .filter(|socket| !self.client(socket) && !self.reached(socket).is_empty())
    }

    /// What listens to others now, as the plan's first `listen`; databases are left out, since
    /// their own check decides on them.
    pub fn proposal(&self) -> Vec<Listen> {
        let why = "found listening when this file was made";
        let mut listeners: BTreeSet<Listen> = self
            .exposed()
            .filter(|socket| socket.database().is_none())
            .map(|socket| Listen {
                port: socket.port,
                protocol: socket.protocol,
                process: socket.processes.first().map(|process| process.name.clone()),
                why: Some(why.to_owned()),
            })
            .collect();
        for published in self.published.seen().into_iter().flatten() {
            let (port, protocol) = (published.port, published.protocol);
            let local = published.address.is_some_and(|address| address.is_loopback());
            let stands = listeners.iter().any(|l| l.port == port && l.protocol == protocol);
            if !local && !stands && database_of_port(published.to_port).is_none() {
                let why = Some(why.to_owned());
                listeners.insert(Listen { port, protocol, process: None, why });
            }
        }
        listeners.into_iter().collect()
    }

    /// What changes seldom, as lines `key = value`.
    pub(crate) fn lines(&self, lines: &mut BTreeMap<String, String>) {
        let mut listeners: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for socket in self.sockets.seen().into_iter().flatten() {
            // A port that the kernel chose is another one after each restart.
            let passing =
                socket.loopback() && (self.ephemeral.0..=self.ephemeral.1).contains(&socket.port);
            if passing || self.client(socket) {
                continue;
            }
            let mut key = format!("listen.{}.{}", socket.protocol, socket.port);
            if let Some(namespace) = &socket.namespace {
                key = format!("{key}.{namespace}");
            }
            let name = socket.processes.first().map_or("?", |process| &process.name);
            listeners.entry(key).or_default().insert(format!("{name} on {}", socket.address));
        }
        for (key, values) in listeners {
            let values: Vec<String> = values.into_iter().collect();
            lines.insert(key, values.join(", "));
        }
        for published in self.published.seen().into_iter().flatten() {
            lines.insert(
                format!("publish.{}.{}", published.protocol, published.port),
                format!("{}:{} by {}", published.to, published.to_port, published.by),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(protocol: Protocol, address: &str, port: u16, process: &str) -> Socket {
        let processes = if process.is_empty() {
            Vec::new()
        } else {
            vec![Process { name: process.to_owned(), pid: 7, unit: None }]
        };
        let address = address.parse().unwrap();
        Socket { protocol, address, port, namespace: None, processes }
    }

    fn network(sockets: Vec<Socket>) -> Network {
        Network { sockets: Seen::Seen(sockets), ephemeral: (32768, 60999), ..Network::default() }
    }

    #[test]
    fn the_proposal_is_what_others_reach_sorted_and_once() {
        use Protocol::{Tcp, Udp};
        let network = network(vec![
            socket(Tcp, "::", 443, "nginx"),
            socket(Tcp, "0.0.0.0", 443, "nginx"),
            socket(Tcp, "0.0.0.0", 22, "sshd"),
            socket(Tcp, "127.0.0.1", 25, "exim4"),
            socket(Tcp, "0.0.0.0", 5432, "postgres"),
            socket(Udp, "0.0.0.0", 68, "dhclient"),
            socket(Udp, "0.0.0.0", 40_000, "avahi-daemon"),
            socket(Udp, "0.0.0.0", 5353, "avahi-daemon"),
            socket(Udp, "0.0.0.0", 51_820, ""),
        ]);
        let proposal: Vec<(u16, Option<String>)> =
            network.proposal().into_iter().map(|l| (l.port, l.process)).collect();
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(
            proposal,
            vec![
                (22, named("sshd")),
                (443, named("nginx")),
                (5353, named("avahi-daemon")),
                (51_820, None),
            ]
        );
    }

    #[test]
    fn a_wildcard_in_a_namespace_with_only_loopback_reaches_nobody() {
        let mut inside = socket(Protocol::Tcp, "0.0.0.0", 5432, "postgres");
        inside.namespace = Some("a".to_owned());
        let mut network = network(vec![inside]);
        network.namespaces =
            vec![Namespace { name: Some("a".to_owned()), pid: 9, addresses: Vec::new() }];
        assert_eq!(network.exposed().count(), 0);
        network.namespaces[0].addresses = vec!["10.0.0.2".parse().unwrap()];
        assert_eq!(network.exposed().count(), 1);
    }

    #[test]
    fn a_process_tells_more_than_a_port() {
        assert_eq!(socket(Protocol::Tcp, "::", 7777, "mysqld").database(), Some("MySQL"));
        assert_eq!(socket(Protocol::Tcp, "::", 6379, "").database(), Some("Redis"));
        assert_eq!(socket(Protocol::Tcp, "::", 80, "nginx").database(), None);
    }

    #[test]
    fn lines_name_process_and_address() {
        let mut lines = BTreeMap::new();
        network(vec![
            socket(Protocol::Tcp, "::", 80, "nginx"),
            socket(Protocol::Tcp, "0.0.0.0", 80, "nginx"),
            socket(Protocol::Tcp, "127.0.0.1", 40_001, "python3"),
        ])
        .lines(&mut lines);
        assert_eq!(lines["listen.tcp.80"], "nginx on 0.0.0.0, nginx on ::");
        assert_eq!(lines.len(), 1);
    }
}
