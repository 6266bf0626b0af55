//! Networks for the rules' tests.

use jiff::Timestamp;

use crate::facts::Facts;
use crate::facts::network::{Namespace, Network, Process, Socket};
use crate::plan::host::{HostPlan, Protocol};
use crate::reading::History;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::verdict::{Finding, Verdict};

/// TCP listeners: address, port, process and namespace.
pub(super) fn network(sockets: &[(&str, u16, &str, Option<&str>)]) -> Network {
    let sockets = sockets
        .iter()
        .map(|(address, port, process, namespace)| Socket {
            protocol: Protocol::Tcp,
            address: address.parse().unwrap(),
            port: *port,
            namespace: namespace.map(str::to_owned),
            processes: vec![Process { name: (*process).to_owned(), pid: 7, unit: None }],
        })
        .collect();
    Network {
        sockets: Seen::Seen(sockets),
        namespaces: vec![Namespace { name: None, pid: 1, addresses: Vec::new() }],
        published: Seen::Seen(Vec::new()),
        hidden: Vec::new(),
        ephemeral: (32_768, 60_999),
    }
}

/// What a rule says of a network under a plan: subjects and verdicts.
pub(super) fn judged(
    judge: fn(&Scene<'_>) -> Vec<Finding>,
    network: Network,
    change: impl FnOnce(&mut HostPlan),
) -> Vec<(String, Verdict)> {
    let mut plan = HostPlan::new("a".to_owned().try_into().unwrap());
    change(&mut plan);
    let facts = Facts { network, ..Facts::default() };
    let history = History::default();
    let scene =
        Scene { facts: &facts, history: &history, plan: Some(&plan), now: Timestamp::UNIX_EPOCH };
    judge(&scene).into_iter().map(|f| (f.subject, f.verdict)).collect()
}
