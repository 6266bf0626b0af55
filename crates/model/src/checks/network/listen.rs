//! `listen-unexpected`: nothing listens to others but what the plan names.

use crate::check::Check;
use crate::checks::network::door::{self, Door, Key};
use crate::facts::network::{Network, database_of_port};
use crate::plan::host::{HostPlan, Listen};
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::counted;
use crate::verdict::Finding;

pub(super) const UNEXPECTED: Check = Check {
    name: "listen-unexpected",
    title: "only what the plan names listens to other machines",
    asks: "Whether each TCP and UDP socket that other machines may reach stands under `listen` in \
        the host's file of the plan, in every network namespace. What nobody planned nobody \
        updates. UDP sockets of clients that wait for answers (DHCP, ports that the kernel hands \
        out) are left out, databases have a check of their own, and so have containers whose \
        addresses lie in `private_networks`.\n\
        fail: a port that is not named, or is held by another process than the plan says.\n\
        pass: every one is named.\n\
        unknown: the plan does not say, or the sockets cannot be seen.",
    commands: &["ss -ltnup", "cat hosts/NAME.toml", "lsns -t net", "nsenter -t PID -n ss -ltnup"],
    mend: "Stop what should not listen (`systemctl disable --now UNIT`), bind it to 127.0.0.1, or \
        name it in hosts/NAME.toml: `[[listen]]`, `port = 443`, `process = \"nginx\"`, `why = \
        \"…\"`.",
    judge,
};

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let network = &scene.facts.network;
    let sockets = match &network.sockets {
        Seen::Seen(sockets) => sockets,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let Some((plan, allowed)) =
        scene.plan.and_then(|plan| plan.listen.as_ref().map(|allowed| (plan, allowed)))
    else {
        return vec![
            Finding::unknown(
                "host",
                format!(
                    "the plan does not say what may listen; {} open to others now",
                    counted(door::open(network).len(), "port")
                ),
            )
            .fix("`stead up` writes a first list"),
        ];
    };
    let doors = door::open(network);
    let mut findings: Vec<Finding> = doors
        .iter()
        .filter(|(key, door)| {
            !is_database(door) && !excused(network, plan, key, door) && !named(allowed, key, door)
        })
        .map(|(key, door)| unexpected(network, plan, allowed, key, door))
        .collect();
    findings.extend(door::unseen(network));
    if findings.is_empty() {
        let clients = sockets.iter().filter(|socket| network.client(socket)).count();
        findings.push(Finding::pass(
            "host",
            format!(
                "{} open to others, all named in the plan; {} of clients left out",
                counted(doors.len(), "port"),
                counted(clients, "UDP socket")
            ),
        ));
    }
    findings
}

/// Databases are judged by `database-exposed`.
fn is_database(door: &Door<'_>) -> bool {
    door.sockets.iter().any(|socket| socket.database().is_some())
        || door.published.iter().any(|published| database_of_port(published.to_port).is_some())
}

/// Whether it is in another namespace and reached from private networks alone.
fn excused(network: &Network, plan: &HostPlan, key: &Key, door: &Door<'_>) -> bool {
    key.namespace.is_some()
        && door.sockets.iter().all(|socket| {
            network
                .reached(socket)
                .into_iter()
                .all(|address| plan.private_networks.iter().any(|net| net.contains(address)))
        })
}

fn named(allowed: &[Listen], key: &Key, door: &Door<'_>) -> bool {
    allowed.iter().filter(|listen| listen.port == key.port && listen.protocol == key.protocol).any(
        |listen| {
            door.sockets.iter().all(|socket| {
                let Some(expected) = &listen.process else { return true };
                socket.processes.is_empty()
                    || socket.processes.iter().any(|process| same_name(expected, &process.name))
            })
        },
    )
}

/// Whether the plan's process name is the kernel's, which keeps 15 bytes of it.
fn same_name(expected: &str, seen: &str) -> bool {
    expected == seen || (seen.len() >= 15 && expected.starts_with(seen))
}

fn unexpected(
    network: &Network,
    plan: &HostPlan,
    allowed: &[Listen],
    key: &Key,
    door: &Door<'_>,
) -> Finding {
    let expected: Vec<&str> = allowed
        .iter()
        .filter(|listen| listen.port == key.port && listen.protocol == key.protocol)
        .filter_map(|listen| listen.process.as_deref())
        .collect();
    let evidence = if expected.is_empty() {
        format!("{}; the plan does not name it", door.evidence(network))
    } else {
        format!("{}; the plan expects {} there", door.evidence(network), expected.join(" or "))
    };
    let file = format!("hosts/{}.toml", plan.name);
    let fix = match door.unit() {
        Some(unit) => format!(
            "`systemctl disable --now {unit}` if it should not run, or name port {} under \
             [[listen]] in {file}",
            key.port
        ),
        None => {
            format!(
                "stop it, bind it to 127.0.0.1, or name port {} under [[listen]] in {file}",
                key.port
            )
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

    fn listen(port: u16, process: Option<&str>) -> Listen {
        Listen { port, protocol: Protocol::Tcp, process: process.map(str::to_owned), why: None }
    }

    fn verdicts(network: Network, allowed: Option<Vec<Listen>>) -> Vec<(String, Verdict)> {
        sample::judged(UNEXPECTED.judge, network, |plan| plan.listen = allowed)
    }

    #[test]
    fn without_a_list_nothing_is_known() {
        let network = sample::network(&[("0.0.0.0", 22, "sshd", None)]);
        assert_eq!(verdicts(network, None)[0].1, Verdict::Unknown);
    }

    #[test]
    fn the_list_of_the_plan_decides() {
        let network = sample::network(&[
            ("0.0.0.0", 22, "sshd", None),
            ("::", 22, "sshd", None),
            ("0.0.0.0", 8080, "python3", None),
            ("127.0.0.1", 25, "exim4", None),
            ("0.0.0.0", 5432, "postgres", None),
        ]);
        let both = vec![listen(22, Some("sshd")), listen(8080, None)];
        assert_eq!(verdicts(network.clone(), Some(both)), [("host".to_owned(), Verdict::Pass)]);
        let wrong = vec![listen(22, Some("sshd")), listen(8080, Some("nginx"))];
        let expected = [("tcp 8080".to_owned(), Verdict::Fail)];
        assert_eq!(verdicts(network.clone(), Some(wrong)), expected);
        assert_eq!(verdicts(network, Some(vec![listen(22, None)])), expected);
    }

    #[test]
    fn an_empty_list_is_not_a_missing_one() {
        let network = sample::network(&[("0.0.0.0", 22, "sshd", None)]);
        assert_eq!(verdicts(network, Some(Vec::new()))[0].1, Verdict::Fail);
        assert_eq!(verdicts(sample::network(&[]), Some(Vec::new()))[0].1, Verdict::Pass);
    }

    #[test]
    fn the_proposal_is_accepted() {
        let mut network = sample::network(&[
            ("0.0.0.0", 22, "sshd", None),
            ("::", 80, "nginx", None),
            ("0.0.0.0", 8448, "a-very-long-nam", None),
            ("0.0.0.0", 80, "web", Some("docker abc")),
        ]);
        network.namespaces.push(Namespace {
            name: Some("docker abc".to_owned()),
            pid: 5,
            addresses: vec!["172.17.0.2".parse().unwrap()],
        });
        network.published = Seen::Seen(vec![Published {
            protocol: Protocol::Tcp,
            address: None,
            port: 8081,
            to: "172.17.0.2".parse().unwrap(),
            to_port: 80,
            by: "iptables".to_owned(),
        }]);
        let proposal = network.proposal();
        assert_eq!(verdicts(network, Some(proposal)), [("host".to_owned(), Verdict::Pass)]);
    }

    #[test]
    fn the_kernel_keeps_fifteen_bytes_of_a_name() {
        assert!(same_name("systemd-resolved", "systemd-resolve"));
        assert!(!same_name("nginx-other", "nginx"));
    }
}
