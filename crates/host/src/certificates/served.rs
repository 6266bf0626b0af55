//! Asks this machine's own TLS ports for their certificates, seldom and in parallel.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use model::facts::certificates::{Certificate, OnDisk, Served};
use model::facts::files::shown;
use model::plan::host;
use model::seen::Seen;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::certificates::handshake::{Silence, shake};

/// Ports on which TLS begins with the first byte, by IANA's list and by custom: web, mail,
/// directory, DNS, chat, voice, queues. A handshake with anything else would only fill its log.
const PORTS: [u16; 22] = [
    443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 3269, 5061, 5223, 5349, 5671, 6514,
    6697, 8443, 8448, 8883, 9443,
];

/// So many handshakes in one look, and so many at a time.
const MOST: usize = 48;
const AT_A_TIME: usize = 8;

/// When all is well, mail servers are not to log a visitor every minute: the same answer counts
/// for so long, in seconds since boot.
const HOLDS: u64 = 3600;

/// The last answers, and what they answered to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// Seconds since boot; `None` if something was not well and is to be asked anew.
    at: Option<u64>,
    asked: Vec<Question>,
    on_disk: BTreeSet<String>,
    served: Vec<Served>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Question {
    address: SocketAddr,
    name: Option<String>,
    /// As the plan writes the address, if it does.
    declared: Option<String>,
}

pub(super) async fn observe(
    declared: &[host::Certificate],
    files: &[OnDisk],
    kept: &mut Kept,
) -> Seen<Vec<Served>> {
    let (mut questions, mut served) = planned(declared);
    match listening() {
        Ok(sockets) => {
            let known: BTreeSet<SocketAddr> = questions.iter().map(|q| q.address).collect();
            questions.extend(
                targets(&sockets)
                    .into_iter()
                    .filter(|address| !known.contains(address))
                    .map(|address| Question { address, name: None, declared: None }),
            );
        }
        Err(reason) if questions.is_empty() => return Seen::Unseen(reason),
        Err(_) => {}
    }
    questions.truncate(MOST);
    let on_disk: BTreeSet<String> = files
        .iter()
        .filter_map(|file| file.certificate.seen())
        .map(|certificate| certificate.fingerprint.clone())
        .collect();
    let now = clock_gettime(ClockId::Boottime).tv_sec.unsigned_abs();
    let holds = kept.at.is_some_and(|at| at <= now && now - at < HOLDS);
    if holds && kept.asked == questions && kept.on_disk == on_disk {
        served.extend(kept.served.iter().cloned());
        return Seen::Seen(served);
    }
    let answers = ask_all(&questions, files).await;
    let well = answers
        .iter()
        .all(|one| one.certificate.seen().is_some_and(|leaf| on_disk.contains(&leaf.fingerprint)));
    *kept = Kept { at: well.then_some(now), asked: questions, on_disk, served: answers.clone() };
    served.extend(answers);
    Seen::Seen(served)
}

/// The plan's questions, and an answer at once for those that may not be asked.
fn planned(declared: &[host::Certificate]) -> (Vec<Question>, Vec<Served>) {
    let (mut questions, mut refused) = (Vec::new(), Vec::new());
    for one in declared {
        let Some(text) = &one.served else { continue };
        let address = text.replacen("localhost:", "127.0.0.1:", 1).parse::<SocketAddr>();
        let reason = match address {
            Ok(address) if own(address.ip()) => {
                questions.push(Question {
                    address,
                    name: one.name.clone(),
                    declared: Some(text.clone()),
                });
                continue;
            }
            Ok(_) => "this is no address of this machine, and no other is ever asked",
            Err(_) => "the plan's `served` is not written as address:port, as in 127.0.0.1:443",
        };
        refused.push(Served {
            address: shown(text),
            name: one.name.as_deref().map(shown),
            declared: true,
            refused: false,
            certificate: Seen::unseen(reason),
        });
    }
    (questions, refused)
}

/// Only an address of this machine can be bound to.
fn own(address: IpAddr) -> bool {
    address.is_loopback() || (!address.is_unspecified() && UdpSocket::bind((address, 0)).is_ok())
}

/// The listening TCP sockets of this network namespace.
fn listening() -> Result<Vec<SocketAddr>, String> {
    let mut sockets = Vec::new();
    read_listeners("/proc/net/tcp", &mut sockets)
        .map_err(|error| format!("cannot read /proc/net/tcp: {error}"))?;
    match read_listeners("/proc/net/tcp6", &mut sockets) {
        // There is none where IPv6 is switched off.
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(format!("cannot read /proc/net/tcp6: {error}"))
        }
        _ => Ok(sockets),
    }
}

/// Line by line: a busy machine has a hundred thousand connections in there.
fn read_listeners(path: &str, sockets: &mut Vec<SocketAddr>) -> io::Result<()> {
    for line in BufReader::new(File::open(path)?).lines() {
        sockets.extend(listener(&line?));
    }
    Ok(())
}

/// A line of /proc/net/tcp or tcp6 (proc_net(5)), if it is of a listening socket.
fn listener(line: &str) -> Option<SocketAddr> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = fields.next()?;
    // TCP_LISTEN
    if fields.nth(1)? != "0A" {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    // Each 32-bit word stands in the machine's own byte order.
    let word = |at: usize| {
        u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes)
    };
    let ip = match address.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let mut bytes = [0; 16];
            for at in 0..4 {
                bytes[at * 4..at * 4 + 4].copy_from_slice(&word(at)?);
            }
            IpAddr::from(bytes)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Where to ask: each TLS port once for all addresses, and once for each address of its own.
fn targets(sockets: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut found = BTreeSet::new();
    for socket in sockets.iter().filter(|socket| PORTS.contains(&socket.port())) {
        let ip = match socket.ip() {
            ip if !ip.is_unspecified() => ip.to_canonical(),
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            // The same service, most likely, as on IPv4.
            IpAddr::V6(_)
                if sockets.iter().any(|other| {
                    other.port() == socket.port()
                        && other.ip() == IpAddr::from(Ipv4Addr::UNSPECIFIED)
                }) =>
            {
                continue;
            }
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        found.insert(SocketAddr::new(ip, socket.port()));
    }
    found.into_iter().collect()
}

/// Asks without a name first, then, where that was answered, for each name on disk.
async fn ask_all(questions: &[Question], files: &[OnDisk]) -> Vec<Served> {
    let mut served = Vec::new();
    let mut more = Vec::new();
    for (question, answer) in ask(questions.to_vec()).await {
        let speaks = matches!(answer, Ok(_) | Err(Silence::Declined(_)));
        if speaks && question.declared.is_none() {
            more.extend(
                names(files)
                    .into_iter()
                    .map(|name| Question { name: Some(name), ..question.clone() }),
            );
        }
        served.extend(fact(question, answer));
    }
    more.truncate(MOST.saturating_sub(questions.len()));
    for (question, answer) in ask(more).await {
        let Some(one) = fact(question, answer) else { continue };
        let told = served.iter().any(|other: &Served| {
            other.address == one.address
                && match (other.certificate.seen(), one.certificate.seen()) {
                    (Some(a), Some(b)) => a.fingerprint == b.fingerprint,
                    (None, None) => true,
                    _ => false,
                }
        });
        if !told {
            served.push(one);
        }
    }
    served
}

/// The first whole DNS name of each certificate on disk.
fn names(files: &[OnDisk]) -> Vec<String> {
    let names: BTreeSet<&String> = files
        .iter()
        .filter_map(|file| file.certificate.seen())
        .filter_map(|certificate| {
            certificate.names.iter().find(|name| {
                !name.starts_with('*') && name.contains('.') && name.parse::<IpAddr>().is_err()
            })
        })
        .collect();
    names.into_iter().cloned().collect()
}

async fn ask(questions: Vec<Question>) -> Vec<(Question, Result<Certificate, Silence>)> {
    let gate = Arc::new(Semaphore::new(AT_A_TIME));
    let asked = questions.into_iter().map(|question| {
        let gate = Arc::clone(&gate);
        async move {
            let _turn = gate.acquire_owned().await;
            let (address, name) = (question.address, question.name.clone());
            let shaken = tokio::task::spawn_blocking(move || shake(address, name.as_deref())).await;
            let lost = |_| Err(Silence::Other("the handshake was broken off".to_owned()));
            (question, shaken.unwrap_or_else(lost))
        }
    });
    futures_util::future::join_all(asked).await
}

/// What an answer is worth telling: on a port that only custom gives to TLS, another protocol or
/// a declined name is no news.
fn fact(question: Question, answer: Result<Certificate, Silence>) -> Option<Served> {
    let declared = question.declared.is_some();
    if !declared
        && matches!(answer, Err(Silence::NotTls | Silence::Declined(_) | Silence::Refused(_)))
    {
        return None;
    }
    Some(Served {
        address: question.declared.as_deref().map_or_else(|| question.address.to_string(), shown),
        name: question.name.as_deref().map(shown),
        declared,
        refused: matches!(answer, Err(Silence::Refused(_))),
        certificate: match answer {
            Ok(certificate) => Seen::Seen(certificate),
            Err(silence) => Seen::Unseen(silence.reason()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn listening_sockets_are_read_and_others_passed_over() {
        let line = "   0: 0100007F:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1";
        assert_eq!(listener(line), Some(at("127.0.0.1:443")));
        assert_eq!(listener(&line.replace(" 0A ", " 01 ")), None);
        let six = "   1: 00000000000000000000000001000000:03E1 00000000000000000000000000000000:0000 0A 0";
        assert_eq!(listener(six), Some(at("[::1]:993")));
        for text in [
            "",
            "  sl  local_address rem_address   st",
            "0: : : 0A",
            "0: zz:1 x 0A",
            "0: \u{fffd}é00007F:01BB x 0A",
        ] {
            assert_eq!(listener(text), None, "{text}");
        }
    }

    #[test]
    fn only_tls_ports_are_asked_and_each_once() {
        let sockets = [
            at("0.0.0.0:443"),
            at("[::]:443"),
            at("[::]:993"),
            at("0.0.0.0:22"),
            at("192.0.2.7:8443"),
            at("127.0.0.1:443"),
        ];
        assert_eq!(targets(&sockets), [at("127.0.0.1:443"), at("192.0.2.7:8443"), at("[::1]:993")]);
    }

    #[test]
    fn no_other_machine_is_ever_asked() {
        let declared = |served: &str| host::Certificate {
            path: None,
            served: Some(served.to_owned()),
            name: None,
        };
        let (questions, refused) = planned(&[
            declared("192.0.2.1:443"),
            declared("0.0.0.0:443"),
            declared("example.org:443"),
            declared("localhost:8000"),
        ]);
        assert_eq!(questions.len(), 1);
        assert_eq!(questions[0].address, at("127.0.0.1:8000"));
        assert_eq!(refused.len(), 3);
    }
}
