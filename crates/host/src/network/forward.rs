//! Forwarded ports, from a proxy's command line and from packet filters' rules.
//!
//! Reads `docker-proxy`'s arguments, `nft -j list ruleset` (libnftables-json(5)) and
//! `iptables-save`. Leaves out rules without a destination port, and sets and maps that are only
//! named.

use std::net::IpAddr;

use model::facts::network::Published;
use model::plan::host::Protocol;
use serde::Deserialize;
use serde_json::Value;

/// The most ports that one rule is unfolded into.
const MOST: usize = 256;

/// What a `docker-proxy` passes on, by its arguments, separated by NUL.
pub(super) fn docker_proxy(command_line: &[u8]) -> Option<Published> {
    let text = String::from_utf8_lossy(command_line);
    let words: Vec<&str> = text.split('\0').collect();
    let value = |flag: &str| {
        words
            .iter()
            .position(|word| word.trim_start_matches('-') == flag && word.starts_with('-'))
            .and_then(|at| words.get(at + 1))
            .copied()
    };
    Some(Published {
        protocol: protocol(value("proto")?)?,
        address: value("host-ip").and_then(specific),
        port: value("host-port")?.parse().ok()?,
        to: value("container-ip")?.parse().ok()?,
        to_port: value("container-port")?.parse().ok()?,
        by: "docker-proxy".to_owned(),
    })
}

fn protocol(text: &str) -> Option<Protocol> {
    match text {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        _ => None,
    }
}

/// An address that is not a wildcard.
fn specific(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().filter(|address| !address.is_unspecified())
}

/// What `iptables-save` says is passed on.
pub(super) fn iptables(text: &str) -> Vec<Published> {
    text.lines()
        .filter(|line| line.starts_with("-A ") && line.contains(" -j DNAT"))
        .flat_map(iptables_rule)
        .collect()
}

fn iptables_rule(line: &str) -> Vec<Published> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let value = |flags: &[&str]| {
        let at = words.iter().position(|word| flags.contains(word))?;
        let negated = at > 0 && words.get(at - 1) == Some(&"!");
        if negated { None } else { words.get(at + 1).copied() }
    };
    let read = || {
        let protocol = protocol(value(&["-p"])?)?;
        let ports = value(&["--dport", "--dports"])?;
        let (to, to_port) = target(value(&["--to-destination"])?)?;
        let address = value(&["-d"]).and_then(|net| specific(net.split('/').next().unwrap_or(net)));
        let ports = ports.split(',').filter_map(range).flatten().take(MOST);
        let published = ports.map(|port| Published {
            protocol,
            address,
            port,
            to,
            to_port: to_port.unwrap_or(port),
            by: "iptables".to_owned(),
        });
        Some(published.collect())
    };
    read().unwrap_or_default()
}

/// `80` or `8000:8010`.
fn range(text: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

/// `172.17.0.2:5432`, `[fd00::2]:5432`, `10.0.0.2`, `10.0.0.2:80-90`.
fn target(text: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(address) = text.trim_matches(['[', ']']).parse() {
        return Some((address, None));
    }
    let (address, port) = text.rsplit_once(':')?;
    let first = port.split('-').next().unwrap_or(port);
    Some((address.trim_matches(['[', ']']).parse().ok()?, first.parse().ok()))
}

#[derive(Deserialize)]
struct Ruleset {
    nftables: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    rule: Option<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(default)]
    expr: Vec<Statement>,
}

/// The two statements that matter; all others are skipped while reading.
#[derive(Deserialize)]
struct Statement {
    #[serde(default, rename = "match")]
    matches: Option<Match>,
    #[serde(default)]
    dnat: Option<Value>,
}

#[derive(Deserialize)]
struct Match {
    #[serde(default)]
    op: String,
    #[serde(default)]
    left: Value,
    #[serde(default)]
    right: Value,
}

/// What `nft -j list ruleset` says is passed on.
pub(super) fn nft(json: &[u8]) -> Result<Vec<Published>, serde_json::Error> {
    let ruleset: Ruleset = serde_json::from_slice(json)?;
    Ok(ruleset.nftables.iter().filter_map(|item| item.rule.as_ref()).flat_map(nft_rule).collect())
}

fn nft_rule(rule: &Rule) -> Vec<Published> {
    let Some(dnat) = rule.expr.iter().find_map(|statement| statement.dnat.as_ref()) else {
        return Vec::new();
    };
    let Some(to) = dnat["addr"].as_str().and_then(|text| text.parse().ok()) else {
        return Vec::new();
    };
    let to_port = dnat["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    let mut address = None;
    let mut doors = Vec::new();
    for matched in rule.expr.iter().filter_map(|statement| statement.matches.as_ref()) {
        if !matches!(matched.op.as_str(), "==" | "in") {
            continue;
        }
        let payload = &matched.left["payload"];
        match (payload["protocol"].as_str(), payload["field"].as_str()) {
            (Some("ip" | "ip6"), Some("daddr")) => {
                address = matched.right.as_str().and_then(specific);
            }
            (Some("th"), Some("dport")) => {
                for protocol in [Protocol::Tcp, Protocol::Udp] {
                    doors.extend(ports(&matched.right).into_iter().map(|port| (protocol, port)));
                }
            }
            (Some(name), Some("dport")) => {
                if let Some(protocol) = protocol(name) {
                    doors.extend(ports(&matched.right).into_iter().map(|port| (protocol, port)));
                }
            }
            _ => {}
        }
    }
    doors.truncate(MOST);
    doors
        .into_iter()
        .map(|(protocol, port)| Published {
            protocol,
            address,
            port,
            to,
            to_port: to_port.unwrap_or(port),
            by: "nft".to_owned(),
        })
        .collect()
}

/// A port, a set of ports or a range of them.
fn ports(value: &Value) -> Vec<u16> {
    let number = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
    if let Some(port) = number(value) {
        return vec![port];
    }
    if let Some(members) = value["set"].as_array() {
        return members.iter().take(MOST).filter(|m| m["set"].is_null()).flat_map(ports).collect();
    }
    match value["range"].as_array().map(Vec::as_slice) {
        Some([first, last]) => match (number(first), number(last)) {
            (Some(first), Some(last)) => (first..=last).take(MOST).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(published: &[Published]) -> Vec<String> {
        published
            .iter()
            .map(|p| {
                let from = p.address.map_or_else(|| "*".to_owned(), |a| a.to_string());
                format!("{} {from} {} {} {}", p.protocol, p.port, p.to, p.to_port)
            })
            .collect()
    }

    #[test]
    fn a_proxys_arguments_say_what_it_passes_on() {
        let line = b"/usr/bin/docker-proxy\0-proto\0tcp\0-host-ip\x000.0.0.0\0-host-port\x0015432\0-container-ip\x00172.17.0.2\0-container-port\x005432\0";
        let published = docker_proxy(line).unwrap();
        assert_eq!(shown(&[published]), ["tcp * 15432 172.17.0.2 5432"]);
        assert_eq!(docker_proxy(b"docker-proxy\0-proto"), None);
    }

    #[test]
    fn iptables_rules_are_read() {
        let text = "*nat
:DOCKER - [0:0]
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 5432 -j DNAT --to-destination 172.17.0.2:5432
-A DOCKER -d 192.0.2.1/32 ! -i br-1 -p udp -m udp --dport 53 -j DNAT --to-destination 172.18.0.3:5353
-A PREROUTING -p tcp -m multiport --dports 80,8000:8001 -j DNAT --to-destination 10.0.0.9
-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.9
-A POSTROUTING -j MASQUERADE
COMMIT";
        assert_eq!(
            shown(&iptables(text)),
            [
                "tcp * 5432 172.17.0.2 5432",
                "udp 192.0.2.1 53 172.18.0.3 5353",
                "tcp * 80 10.0.0.9 80",
                "tcp * 8000 10.0.0.9 8000",
                "tcp * 8001 10.0.0.9 8001",
            ]
        );
    }

    #[test]
    fn nftables_rules_are_read() {
        let json = br#"{"nftables":[{"metainfo":{"version":"1.0.6"}},
            {"table":{"family":"ip","name":"nat","handle":1}},
            {"rule":{"family":"ip","table":"nat","chain":"pre","handle":3,"expr":[
              {"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":{"set":[80,{"range":[8000,8001]}]}}},
              {"counter":{"packets":0,"bytes":0}},
              {"dnat":{"addr":"10.0.0.2","port":8080}}]}},
            {"rule":{"family":"ip","table":"nat","chain":"pre","handle":4,"expr":[
              {"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":"192.0.2.1"}},
              {"match":{"op":"==","left":{"payload":{"protocol":"udp","field":"dport"}},"right":53}},
              {"dnat":{"family":"ip","addr":"10.0.0.3"}}]}},
            {"rule":{"family":"ip","table":"nat","chain":"post","handle":5,"expr":[{"masquerade":null}]}}]}"#;
        assert_eq!(
            shown(&nft(json).unwrap()),
            [
                "tcp * 80 10.0.0.2 8080",
                "tcp * 8000 10.0.0.2 8080",
                "tcp * 8001 10.0.0.2 8080",
                "udp 192.0.2.1 53 10.0.0.3 53",
            ]
        );
        assert!(nft(b"not json").is_err());
    }

    proptest! {
        #[test]
        fn no_text_does_harm(text in any::<String>(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (iptables(&format!("-A x -j DNAT {text}")), docker_proxy(&bytes), nft(&bytes));
            let _ = (target(&text), range(&text));
        }
    }
}
