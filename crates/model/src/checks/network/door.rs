//! A door: one port of one namespace, with all the sockets and forwardings that open it.
//!
//! Leaves out whether it may be open. One fault is one finding: `0.0.0.0` and `[::]` are one door.

use std::collections::BTreeMap;

use crate::facts::network::{Network, Published, Socket};
use crate::plan::host::Protocol;
use crate::seen::Seen;
use crate::verdict::Finding;

/// What tells doors apart, stable from run to run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) namespace: Option<String>,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
}

impl Key {
    pub(super) fn subject(&self) -> String {
        let place = match &self.namespace {
            None => String::new(),
            Some(name) => format!(" in {name}"),
        };
        format!("{} {}{place}", self.protocol, self.port)
    }
}

#[derive(Default)]
pub(super) struct Door<'a> {
    pub(super) sockets: Vec<&'a Socket>,
    pub(super) published: Vec<&'a Published>,
}

/// Where doors may be that nobody could look for.
pub(super) fn unseen(network: &Network) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !network.hidden.is_empty() {
        findings.push(
            Finding::unknown("hidden sockets", network.hidden.join("; "))
                .fix("run `stead check` as root, outside of any container"),
        );
    }
    if let Seen::Unseen(reason) = &network.published {
        findings.push(Finding::unknown("forwarded ports", reason));
    }
    findings
}

/// Every door that other machines may reach.
pub(super) fn open(network: &Network) -> BTreeMap<Key, Door<'_>> {
    let mut doors: BTreeMap<Key, Door<'_>> = BTreeMap::new();
    for socket in network.exposed() {
        let key = Key {
            namespace: socket.namespace.clone(),
            protocol: socket.protocol,
            port: socket.port,
        };
        doors.entry(key).or_default().sockets.push(socket);
    }
    for published in network.published.seen().into_iter().flatten() {
        if published.address.is_some_and(|address| address.is_loopback()) {
            continue;
        }
        let key = Key { namespace: None, protocol: published.protocol, port: published.port };
        doors.entry(key).or_default().published.push(published);
    }
    doors
}

impl Door<'_> {
    /// Who opens it and where, as evidence.
    pub(super) fn evidence(&self, network: &Network) -> String {
        let mut parts = Vec::new();
        for socket in &self.sockets {
            let mut part = format!("{} listens on {}", socket.holders(), place(socket));
            if socket.namespace.is_some() && socket.wildcard() {
                let reached: Vec<String> =
                    network.reached(socket).iter().map(ToString::to_string).collect();
                part = format!("{part}, reached as {}", reached.join(", "));
            }
            parts.push(part);
        }
        for published in &self.published {
            let from = published
                .address
                .map_or_else(|| "every address".to_owned(), |address| address.to_string());
            parts.push(format!(
                "{} passes {} {} of {from} on to {}:{}",
                published.by, published.protocol, published.port, published.to, published.to_port
            ));
        }
        parts.dedup();
        parts.join("; ")
    }

    /// The systemd unit behind it, if one is known.
    pub(super) fn unit(&self) -> Option<&str> {
        self.sockets
            .iter()
            .flat_map(|socket| &socket.processes)
            .find_map(|process| process.unit.as_deref())
    }
}

/// `0.0.0.0:80`, `[::]:80`.
pub(super) fn place(socket: &Socket) -> String {
    std::net::SocketAddr::new(socket.address, socket.port).to_string()
}
