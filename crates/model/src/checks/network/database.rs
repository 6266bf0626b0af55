//! `database-exposed`: no database is reached from other machines.

use crate::check::Check;
use crate::checks::network::door::{self, Door, Key};
use crate::cidr::Cidr;
use crate::facts::network::{Network, database_of_port};
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::counted;
use crate::verdict::Finding;

pub(super) const EXPOSED: Check = Check {
    name: "database-exposed",
    title: "no database can be reached from other machines",
    asks: "Whether a database listens on an address that is not loopback, in any network \
        namespace, or is published by docker-proxy or a packet filter. A database on a public \
        address is tried within minutes, and a packet filter in front of it is one flush away from \
        gone. A socket counts as a database's by its process (postgres, mysqld, redis-server, …) \
        or its port (5432, 3306, 6379, 27017, 9200, 11211, …).\n\
        fail: reached from an address outside `private_networks` of the host's plan; a wildcard \
        bind on the host itself always fails, for it takes in every address that comes later.\n\
        pass: loopback, Unix sockets and private networks only.\n\
        unknown: sockets of other users or namespaces cannot be seen, as without root.",
    commands: &[
        "ss -ltnup",
        "lsns -t net",
        "nsenter -t PID -n ss -ltnup",
        "nft list ruleset | grep dnat",
        "iptables-save -t nat | grep DNAT",
    ],
    mend: "Bind the database to loopback or a Unix socket (PostgreSQL: `listen_addresses = \
        'localhost'` and restart; MariaDB: `bind-address = 127.0.0.1`; Redis: `bind 127.0.0.1 \
        ::1`; Docker: `-p 127.0.0.1:5432:5432` or no `-p` at all). If a private network is meant, \
        bind to its address and name it in `private_networks` of hosts/NAME.toml.",
    judge,
};

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let network = &scene.facts.network;
    let sockets = match &network.sockets {
        Seen::Seen(sockets) => sockets,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let private = scene.plan.map_or(&[][..], |plan| &plan.private_networks);
    let mut findings: Vec<Finding> = door::open(network)
        .iter()
        .filter_map(|(key, door)| {
            let database = database(network, door)?;
            reached_from_outside(network, door, private)
                .then(|| exposed(network, key, door, database))
        })
        .collect();
    findings.extend(door::unseen(network));
    if findings.is_empty() {
        let inside: Vec<String> = sockets
            .iter()
            .filter_map(|socket| {
                socket.database().map(|name| format!("{name} on {}", door::place(socket)))
            })
            .collect();
        let figures = format!(
            "{} in {} looked at",
            counted(sockets.len(), "socket"),
            counted(network.namespaces.len().max(1), "network namespace")
        );
        findings.push(Finding::pass(
            "host",
            if inside.is_empty() {
                format!("{figures}: no database listens on the network")
            } else {
                format!("{figures}: {}, out of others' reach", inside.join(", "))
            },
        ));
    }
    findings
}

/// The database behind a door: of its sockets, or of where it is passed on to.
fn database(network: &Network, door: &Door<'_>) -> Option<&'static str> {
    let direct = door.sockets.iter().find_map(|socket| socket.database());
    let behind = || {
        door.published.iter().find_map(|published| {
            database_of_port(published.to_port).or_else(|| {
                let target = network.namespaces.iter().find(|namespace| {
                    namespace.name.is_some() && namespace.addresses.contains(&published.to)
                })?;
                network.sockets.seen()?.iter().find_map(|socket| {
                    (socket.namespace == target.name && socket.port == published.to_port)
                        .then(|| socket.database())
                        .flatten()
                })
            })
        })
    };
    direct.or_else(behind)
}

fn reached_from_outside(network: &Network, door: &Door<'_>, private: &[Cidr]) -> bool {
    let outside = |address| !private.iter().any(|net| net.contains(address));
    door.sockets.iter().any(|socket| {
        (socket.wildcard() && socket.namespace.is_none())
            || network.reached(socket).into_iter().any(outside)
    }) || door.published.iter().any(|published| published.address.is_none_or(outside))
}

fn exposed(network: &Network, key: &Key, door: &Door<'_>, database: &str) -> Finding {
    let evidence = format!("{database}: {}", door.evidence(network));
    let fix = if key.namespace.is_some() {
        "if only its own bridge reaches it, name that network in `private_networks` of this \
         host's file in the plan; else bind it to loopback inside its namespace"
            .to_owned()
    } else if !door.published.is_empty() {
        format!("publish it on loopback only (`-p 127.0.0.1:{}:…`), or not at all", key.port)
    } else {
        match database {
            "PostgreSQL" => "set `listen_addresses = 'localhost'` in postgresql.conf, then \
                `systemctl restart postgresql`"
                .to_owned(),
            "MySQL" | "MariaDB" => "set `bind-address = 127.0.0.1` under [mysqld], then \
                `systemctl restart mariadb`"
                .to_owned(),
            "Redis" | "Valkey" => {
                "set `bind 127.0.0.1 ::1` in its configuration, then restart it".to_owned()
            }
            _ => match door.unit() {
                Some(unit) => format!(
                    "bind it to 127.0.0.1 in its configuration, then `systemctl restart {unit}`"
                ),
                None => "bind it to 127.0.0.1 in its configuration, then restart it".to_owned(),
            },
        }
    };
    Finding::fail(key.subject(), evidence).fix(fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::network::sample;
    use crate::facts::network::{Namespace, Published};
    use crate::plan::host::Protocol;
    use crate::verdict::Verdict;

    fn verdicts(network: Network, private: &[&str]) -> Vec<(String, Verdict)> {
        sample::judged(EXPOSED.judge, network, |plan| {
            plan.private_networks = private.iter().map(|net| net.parse().unwrap()).collect();
        })
    }

    #[test]
    fn a_database_on_every_address_fails_once() {
        let network = sample::network(&[
            ("0.0.0.0", 5432, "postgres", None),
            ("::", 5432, "postgres", None),
            ("0.0.0.0", 443, "nginx", None),
        ]);
        let found = verdicts(network.clone(), &[]);
        assert_eq!(found, [("tcp 5432".to_owned(), Verdict::Fail)]);
        // A private network does not excuse a wildcard.
        assert_eq!(verdicts(network, &["0.0.0.0/0", "::/0"])[0].1, Verdict::Fail);
    }

    #[test]
    fn a_database_on_loopback_passes() {
        let network = sample::network(&[
            ("127.0.0.1", 5432, "postgres", None),
            ("::1", 5432, "postgres", None),
            ("::ffff:127.0.0.1", 9200, "java", None),
        ]);
        assert_eq!(verdicts(network, &[]), [("host".to_owned(), Verdict::Pass)]);
    }

    #[test]
    fn a_database_on_a_private_network_is_the_plans_business() {
        let network = sample::network(&[("10.1.0.5", 3306, "mariadbd", None)]);
        assert_eq!(verdicts(network.clone(), &[])[0].1, Verdict::Fail);
        assert_eq!(verdicts(network, &["10.1.0.0/16"])[0].1, Verdict::Pass);
    }

    #[test]
    fn a_database_in_another_namespace_is_judged_by_that_ones_addresses() {
        let mut network = sample::network(&[("0.0.0.0", 5432, "postgres", Some("docker abc"))]);
        assert_eq!(verdicts(network.clone(), &[])[0].1, Verdict::Pass, "it has only loopback");
        network.namespaces.push(Namespace {
            name: Some("docker abc".to_owned()),
            pid: 5,
            addresses: vec!["172.17.0.2".parse().unwrap()],
        });
        let found = verdicts(network.clone(), &[]);
        assert_eq!(found, [("tcp 5432 in docker abc".to_owned(), Verdict::Fail)]);
        assert_eq!(verdicts(network, &["172.16.0.0/12"])[0].1, Verdict::Pass);
    }

    #[test]
    fn a_published_database_fails_whatever_its_outer_port_is() {
        let mut network = sample::network(&[("0.0.0.0", 15_432, "docker-proxy", None)]);
        let mut published = Published {
            protocol: Protocol::Tcp,
            address: None,
            port: 15_432,
            to: "172.17.0.2".parse().unwrap(),
            to_port: 5432,
            by: "docker-proxy".to_owned(),
        };
        network.published = Seen::Seen(vec![published.clone()]);
        assert_eq!(verdicts(network.clone(), &[]), [("tcp 15432".to_owned(), Verdict::Fail)]);
        network.sockets = Seen::Seen(Vec::new());
        published.address = Some("127.0.0.1".parse().unwrap());
        network.published = Seen::Seen(vec![published]);
        assert_eq!(verdicts(network, &[])[0].1, Verdict::Pass);
    }

    #[test]
    fn what_is_hidden_is_never_a_pass() {
        let mut network = sample::network(&[]);
        network.hidden.push("12 processes belong to others".to_owned());
        assert_eq!(verdicts(network, &[])[0].1, Verdict::Unknown);
        assert_eq!(verdicts(Network::default(), &[])[0].1, Verdict::Unknown);
        let mut network = sample::network(&[]);
        network.published = Seen::unseen("nft failed");
        assert_eq!(verdicts(network, &[]), [("forwarded ports".to_owned(), Verdict::Unknown)]);
    }
}
