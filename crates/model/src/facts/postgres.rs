//! PostgreSQL clusters that run here.
//!
//! Holds no row, no literal of a query and no option of an authentication rule: those may be
//! secrets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::reading::Reading;
use crate::seen::Seen;

/// All clusters of this machine, containers' too as far as they could be seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Postgres {
    /// Empty when none runs and none is set up to run.
    pub clusters: Seen<Vec<Cluster>>,
}

/// A cluster: one server process with its databases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// `15/main` as Debian calls it, else `port 5432`; with its container, if it is in one.
    pub name: String,
    /// The Unix socket it was asked through.
    pub socket: String,
    /// Whether it runs in a container, where loopback is the container's own.
    pub container: bool,
    pub server: Seen<Server>,
}

/// What a server said of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// `server_version`.
    pub version: String,
    /// `server_version_num`: 150018 is 15.18.
    pub version_number: u32,
    /// `listen_addresses`.
    pub listen_addresses: String,
    /// The rules of pg_hba.conf as it stands in the file, not as last loaded.
    pub rules: Seen<Vec<Rule>>,
    /// How many clients are connected.
    pub connections: Seen<u32>,
    /// The sessions that are not idle, clients' and others', the oldest transaction first.
    pub sessions: Seen<Vec<Session>>,
    pub databases: Seen<Vec<Database>>,
    /// Databases that were not looked into, and why; empty when all were.
    pub unread: Vec<String>,
}

/// A line of `pg_hba_file_rules`, without its options.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub line: u32,
    /// `local`, `host`, `hostssl`, `hostnossl`, `hostgssenc`, `hostnogssenc`; empty on an error.
    pub kind: String,
    pub databases: String,
    pub users: String,
    /// An address, a host name, `all`, `samehost` or `samenet`.
    pub address: Option<String>,
    pub netmask: Option<String>,
    pub method: String,
    /// Why the server cannot use the line.
    pub error: Option<String>,
}

/// A server process at work, from `pg_stat_activity`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub pid: i32,
    /// `client backend`, `autovacuum worker` and so on.
    pub kind: String,
    pub database: String,
    pub user: String,
    pub application: String,
    /// `active`, `idle in transaction` and so on.
    pub state: String,
    /// Since the transaction began, or the query, if there is none.
    pub age_seconds: u64,
    /// Since it came into its present state.
    pub state_seconds: u64,
    /// Since it began to wait for a lock, when it does. Before version 14 this is the age of its
    /// query: a longer time.
    pub waiting_seconds: Option<u64>,
    /// The query, shortened, with every literal masked.
    pub query: String,
    /// The processes it waits for; 0 is a prepared transaction.
    pub blocked_by: Vec<i32>,
}

/// A database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Database {
    pub name: String,
    pub bytes: Option<u64>,
    /// The version of its default collation when its indexes were built; none is recorded before
    /// version 15, and in template0.
    pub collation_recorded: Option<String>,
    /// The version that the system has now.
    pub collation_actual: Option<String>,
    /// Collations of columns and indexes whose version changed; unseen if it was not looked into.
    pub collations: Seen<Vec<Collation>>,
    /// Its largest tables with indexes and TOAST, the largest first.
    pub tables: Seen<Vec<Table>>,
}

/// A collation that some column uses and whose version changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collation {
    pub name: String,
    pub recorded: String,
    pub actual: String,
}

/// A table's size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub name: String,
    pub bytes: u64,
    /// Estimated from the last vacuum, since a lock stood in the way of measuring it.
    pub estimated: bool,
}

impl Session {
    /// Whether a client is behind it, rather than the server itself.
    pub fn client(&self) -> bool {
        self.kind == "client backend"
    }

    /// Whether it is at work; one that is idle is only here because others wait for it.
    pub fn busy(&self) -> bool {
        self.state != "idle" && !self.idle_in_transaction()
    }

    /// Whether it holds a transaction open and does nothing.
    pub fn idle_in_transaction(&self) -> bool {
        self.state.starts_with("idle in transaction")
    }
}

impl Server {
    /// The age of the oldest transaction of a client, in seconds.
    fn oldest_seconds(&self) -> Option<u64> {
        let sessions = self.sessions.seen()?;
        Some(
            sessions
                .iter()
                .filter(|s| s.client() && s.state != "idle")
                .map(|s| s.age_seconds)
                .max()
                .unwrap_or(0),
        )
    }
}

/// How many tables of a database have a history.
const TABLES: usize = 5;

impl Postgres {
    /// The servers that answered.
    fn servers(&self) -> impl Iterator<Item = (&Cluster, &Server)> {
        self.clusters
            .seen()
            .into_iter()
            .flatten()
            .filter_map(|cluster| Some((cluster, cluster.server.seen()?)))
    }

    /// What changes seldom, as lines `key = value`.
    pub(crate) fn lines(&self, lines: &mut BTreeMap<String, String>) {
        for (cluster, server) in self.servers() {
            let key = format!("postgres.{}", cluster.name);
            lines.insert(format!("{key}.version"), server.version.clone());
            lines.insert(format!("{key}.listen_addresses"), server.listen_addresses.clone());
            if let Seen::Seen(databases) = &server.databases {
                let mut names: Vec<&str> = databases.iter().map(|d| d.name.as_str()).collect();
                names.sort_unstable();
                lines.insert(format!("{key}.databases"), names.join(", "));
            }
        }
    }

    /// The numbers that are worth a history.
    pub(crate) fn readings(&self, readings: &mut Vec<Reading>) {
        let mut read = |series: &str, subject: String, value: u64| {
            let meter = crate::reading::Meter::new(series, subject);
            readings.push(Reading { meter, epoch: 0, value: value as f64 });
        };
        for (cluster, server) in self.servers() {
            if let Seen::Seen(connections) = server.connections {
                read("postgres_connections", cluster.name.clone(), u64::from(connections));
            }
            if let Some(seconds) = server.oldest_seconds() {
                read("postgres_oldest_transaction_seconds", cluster.name.clone(), seconds);
            }
            for database in server.databases.seen().into_iter().flatten() {
                let subject = format!("{} {}", cluster.name, database.name);
                if let Some(bytes) = database.bytes {
                    read("postgres_database_bytes", subject.clone(), bytes);
                }
                let tables = database.tables.seen().into_iter().flatten();
                for table in tables.filter(|table| !table.estimated).take(TABLES) {
                    let subject = format!("{subject} {}", table.name);
                    read("postgres_table_bytes", subject, table.bytes);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_connections_and_ages_have_a_history() {
        let table = |name: &str, estimated| Table { name: name.to_owned(), bytes: 7, estimated };
        let server = Server {
            connections: Seen::Seen(3),
            sessions: Seen::Seen(vec![
                Session { kind: "client backend".to_owned(), age_seconds: 9, ..Session::default() },
                Session { kind: "walsender".to_owned(), age_seconds: 900, ..Session::default() },
            ]),
            databases: Seen::Seen(vec![Database {
                name: "app".to_owned(),
                bytes: Some(4096),
                tables: Seen::Seen(vec![table("public.t", false), table("public.u", true)]),
                ..Database::default()
            }]),
            ..Server::default()
        };
        let cluster = Cluster {
            name: "15/main".to_owned(),
            socket: "/run/postgresql/.s.PGSQL.5432".to_owned(),
            container: false,
            server: Seen::Seen(server),
        };
        let mut readings = Vec::new();
        Postgres { clusters: Seen::Seen(vec![cluster]) }.readings(&mut readings);
        let read: Vec<(&str, &str, f64)> = readings
            .iter()
            .map(|r| (r.meter.series.as_str(), r.meter.subject.as_str(), r.value))
            .collect();
        assert_eq!(
            read,
            [
                ("postgres_connections", "15/main", 3.0),
                ("postgres_oldest_transaction_seconds", "15/main", 9.0),
                ("postgres_database_bytes", "15/main app", 4096.0),
                ("postgres_table_bytes", "15/main app public.t", 7.0),
            ]
        );
    }
}
