//! Whether what is served is what lies on disk: a missed reload shows.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::check::Check;
use crate::checks::certificates::expiry::who;
use crate::facts::certificates::{Certificate, OnDisk, Served};
use crate::facts::files::shown;
use crate::plan::host;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::moment;
use crate::verdict::Finding;

pub(super) const CHECK: Check = Check {
    name: "certificate-served",
    title: "services serve the certificate that lies on disk",
    asks: "Shakes hands with this machine's own TLS ports (443, 465, 636, 853, 993, 995, 8443, 8448 \
           and the like, and those that the plan declares; never another machine's) and compares \
           the SHA-256 fingerprint of what they answer with the certificates on disk. A renewed \
           certificate is of no use until its service reloads: the old one is served until it \
           expires.\n\
           fail: a service answers with an older certificate than the file for the same \
           name holds, or with another one than the plan pairs it with, or nothing answers where \
           the plan expects a certificate.\n\
           unknown: no handshake was possible, or no file is known \
           for what is served.\n\
           pass: each served certificate lies on disk, or none is served.",
    commands: &[
        "openssl s_client -connect 127.0.0.1:443 -servername NAME </dev/null 2>/dev/null | openssl x509 -noout -dates -fingerprint -sha256",
        "openssl x509 -in PATH -noout -dates -fingerprint -sha256",
    ],
    mend: "Reload the service: `systemctl reload nginx` (or apache2, postfix, dovecot, haproxy, \
           postgresql). So that it does not happen again, put the same line into an executable \
           script in /etc/letsencrypt/renewal-hooks/deploy/. If stead does not know which file \
           belongs to a port, say so in the host's file of the plan: [[certificates]] with `path` \
           and `served = \"127.0.0.1:443\"`.",
    judge,
};

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let facts = &scene.facts.certificates;
    let served = match &facts.served {
        Seen::Seen(served) => served,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let (files, blind): (&[OnDisk], _) = match &facts.on_disk {
        Seen::Seen(files) => (files, !facts.unread.is_empty()),
        Seen::Unseen(_) => (&[], true),
    };
    let known: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| file.certificate.seen())
        .map(|certificate| certificate.fingerprint.as_str())
        .collect();
    let mut findings = Vec::new();
    let mut matched = 0_usize;
    let mut told = BTreeSet::new();
    for socket in served {
        let pair = pair(socket, scene.plan);
        let certificate = match &socket.certificate {
            Seen::Seen(certificate) => certificate,
            Seen::Unseen(reason) => {
                if told.insert((socket.address.as_str(), reason.as_str())) {
                    findings.push(silent(socket, reason));
                }
                continue;
            }
        };
        let held = match pair.and_then(|path| files.iter().find(|file| file.path == path)) {
            Some(file) => match &file.certificate {
                Seen::Seen(held) => Some((file, held)),
                // Its absence is `certificate-expiry`'s finding; here nothing can be compared.
                Seen::Unseen(reason) => {
                    findings.push(Finding::unknown(
                        subject(socket),
                        format!("{} cannot be compared: {reason}", file.path),
                    ));
                    continue;
                }
            },
            None => None,
        };
        match held {
            Some((_, held)) if held.fingerprint == certificate.fingerprint => matched += 1,
            Some((file, held)) => findings.push(stale(socket, certificate, file, held)),
            None if known.contains(certificate.fingerprint.as_str()) => matched += 1,
            None => {
                // One port answers with its default certificate whatever name is asked for.
                if !told.insert((socket.address.as_str(), certificate.fingerprint.as_str())) {
                    continue;
                }
                findings.push(match successor(certificate, files) {
                    Some((file, held)) => stale(socket, certificate, file, held),
                    None => stranger(socket, certificate, blind),
                });
            }
        }
    }
    if findings.is_empty() {
        findings.push(Finding::pass(
            "host",
            match matched {
                0 => "nothing answers with a certificate on this machine's TLS ports".to_owned(),
                1 => "1 served certificate, the same as on disk".to_owned(),
                many => format!("{many} handshakes, each with a certificate that lies on disk"),
            },
        ));
    }
    findings
}

/// The file that the plan pairs this socket and name with.
fn pair(socket: &Served, plan: Option<&host::HostPlan>) -> Option<String> {
    let plan = plan.filter(|_| socket.declared)?;
    plan.certificates
        .iter()
        .find(|one| {
            let same = |said: &Option<String>, is: Option<&str>| {
                said.as_deref().map(shown).as_deref() == is
            };
            same(&one.served, Some(&socket.address)) && same(&one.name, socket.name.as_deref())
        })
        .and_then(|one| one.path.as_deref())
        .map(shown)
}

/// The newest file that holds a later certificate for the same name.
fn successor<'a>(
    served: &Certificate,
    files: &'a [OnDisk],
) -> Option<(&'a OnDisk, &'a Certificate)> {
    files
        .iter()
        .filter_map(|file| file.certificate.seen().map(|held| (file, held)))
        .filter(|(_, held)| {
            born(held) > born(served)
                && held.subject == served.subject
                && (held.names == served.names
                    || held.names.iter().any(|name| served.names.contains(name)))
        })
        .max_by_key(|(_, held)| born(held))
}

/// What tells the later of two certificates for one name.
fn born(certificate: &Certificate) -> (Timestamp, Timestamp) {
    (certificate.not_before, certificate.not_after)
}

fn subject(socket: &Served) -> String {
    match &socket.name {
        Some(name) => format!("{} ({name})", socket.address),
        None => socket.address.clone(),
    }
}

fn silent(socket: &Served, reason: &str) -> Finding {
    if socket.refused && socket.declared {
        return Finding::fail(
            subject(socket),
            format!("the plan expects a certificate here, but nothing listens: {reason}"),
        )
        .fix("start the service, or take the entry out of [[certificates]] in this host's file of the plan");
    }
    Finding::unknown(subject(socket), format!("no handshake: {reason}"))
}

fn stale(socket: &Served, served: &Certificate, file: &OnDisk, held: &Certificate) -> Finding {
    let reload = match file.used_by.first() {
        Some(service) => format!("systemctl reload {service}"),
        None => "reload the service that listens there".to_owned(),
    };
    Finding::fail(
        subject(socket),
        format!(
            "serves {} (SHA-256 {}…, valid until {}), but {} holds {}… (valid from {} until {}): \
             it looks as if the service was not reloaded since",
            who(served),
            served.short(),
            moment(served.not_after),
            file.path,
            held.short(),
            moment(held.not_before),
            moment(held.not_after),
        ),
    )
    .fix(reload)
}

fn stranger(socket: &Served, served: &Certificate, blind: bool) -> Finding {
    let why = if blind {
        "no readable file holds it, and some places could not be read"
    } else {
        "none of the files that stead knows of holds it, so nothing can be compared"
    };
    Finding::unknown(
        subject(socket),
        format!(
            "serves {} (SHA-256 {}…, valid until {}); {why}",
            who(served),
            served.short(),
            moment(served.not_after)
        ),
    )
    .fix(if blind {
        "run stead as root, so that it can read the certificates on disk".to_owned()
    } else {
        format!(
            "add [[certificates]] with path = \"…\" and served = \"{}\" to this host's file of the plan",
            socket.address
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::certificates::fixture::{certificate, facts, findings, on_disk, served};
    use crate::facts::Facts;
    use crate::facts::files::Unread;
    use crate::plan::host::HostPlan;
    use crate::verdict::Verdict;

    #[test]
    fn a_missed_reload_fails_and_passes_after_it() {
        let (old, new) = (certificate("a.org", -60, 30), certificate("a.org", -1, 89));
        let file = on_disk("/etc/nginx/a.pem", new.clone());
        let before = facts(vec![file.clone()], vec![served("127.0.0.1:443", old.clone())]);
        let found = findings(&CHECK, &before, None);
        assert_eq!(found[0].verdict, Verdict::Fail);
        assert!(found[0].evidence.contains(old.short()) && found[0].evidence.contains(new.short()));
        assert_eq!(found[0].fix.as_deref(), Some("systemctl reload nginx"));
        let after = facts(vec![file], vec![served("127.0.0.1:443", new)]);
        assert_eq!(findings(&CHECK, &after, None)[0].verdict, Verdict::Pass);
    }

    #[test]
    fn an_older_file_for_the_same_name_is_no_missed_reload() {
        let leftover =
            on_disk("/etc/letsencrypt/live/a.org/cert.pem", certificate("a.org", -60, 30));
        let facts =
            facts(vec![leftover], vec![served("127.0.0.1:443", certificate("a.org", -1, 89))]);
        assert_eq!(findings(&CHECK, &facts, None)[0].verdict, Verdict::Unknown);
    }

    #[test]
    fn a_default_certificate_is_told_once_whatever_name_was_asked() {
        let own = certificate("default.org", -1, 89);
        let mut again = served("127.0.0.1:443", own.clone());
        again.name = Some("other.org".into());
        let found =
            findings(&CHECK, &facts(vec![], vec![served("127.0.0.1:443", own), again]), None);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].verdict, Verdict::Unknown);
    }

    fn plan() -> HostPlan {
        HostPlan::parse(
            "name = \"a\"\n[[certificates]]\npath = \"/p.pem\"\nserved = \"127.0.0.1:8000\"\n",
        )
        .expect("a plan")
    }

    #[test]
    fn a_planned_pair_must_be_equal_even_if_the_names_differ() {
        let mut socket = served("127.0.0.1:8000", certificate("a.org", -1, 89));
        socket.declared = true;
        socket.name = None;
        let file = on_disk("/p.pem", certificate("b.org", -60, 30));
        let found = findings(&CHECK, &facts(vec![file], vec![socket]), Some(&plan()));
        assert_eq!(found[0].verdict, Verdict::Fail);
    }

    #[test]
    fn silence_where_the_plan_expects_a_certificate_fails_and_elsewhere_is_unknown() {
        let mut socket = served("127.0.0.1:8000", certificate("a.org", -1, 89));
        socket.certificate = Seen::unseen("connection refused");
        socket.refused = true;
        socket.declared = true;
        let mut timeout = socket.clone();
        timeout.address = "127.0.0.1:443".into();
        timeout.declared = false;
        timeout.refused = false;
        let found = findings(&CHECK, &facts(vec![], vec![socket, timeout]), Some(&plan()));
        assert_eq!((found[0].verdict, found[1].verdict), (Verdict::Fail, Verdict::Unknown));
    }

    #[test]
    fn without_rights_the_comparison_is_unknown() {
        let mut facts = facts(vec![], vec![served("127.0.0.1:443", certificate("a.org", -1, 89))]);
        facts.certificates.unread = vec![Unread {
            path: "/etc/letsencrypt/live".into(),
            reason: "permission denied".into(),
        }];
        let found = findings(&CHECK, &facts, None);
        assert_eq!(found[0].verdict, Verdict::Unknown);
        assert!(found[0].fix.as_deref().is_some_and(|fix| fix.contains("root")));
        assert_eq!(findings(&CHECK, &Facts::default(), None)[0].verdict, Verdict::Unknown);
    }
}
