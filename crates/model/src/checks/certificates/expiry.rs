//! Whether certificates are valid now and for some time yet.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::check::Check;
use crate::facts::certificates::{Certificate, Certificates, OnDisk, Served};
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::{counted, moment, span};
use crate::verdict::Finding;

pub(super) const CHECK: Check = Check {
    name: "certificate-expiry",
    title: "certificates are valid now and for two weeks yet",
    asks: "Looks at every certificate that the plan declares (`[[certificates]]` in the host's \
           file), that the configuration of nginx, Apache, Postfix, Dovecot, HAProxy or PostgreSQL \
           names, that certbot or Caddy keeps, and that this machine's own TLS ports answer with. \
           An expired certificate locks every visitor out, and other servers stop delivering \
           to this one.\n\
           fail: expired, less than 3 days left, not valid yet, or a declared file is missing.\n\
           warn: less than 14 days left (certbot renews at 30, so a renewal has been \
           failing for two weeks by then), or a configuration names a file that is missing. For \
           certificates that an authority made for less than 10 days, a quarter and a tenth of \
           their life stand in for 14 and 3 days.\n\
           unknown: a file or folder could not be read.\n\
           pass: all others, or no certificate was found.",
    commands: &[
        "openssl x509 -in PATH -noout -subject -dates -fingerprint -sha256",
        "openssl s_client -connect 127.0.0.1:443 -servername NAME </dev/null 2>/dev/null | openssl x509 -noout -subject -dates -fingerprint -sha256",
        "grep -rnE 'ssl_certificate|SSLCertificateFile' /etc/nginx /etc/apache2 2>/dev/null",
    ],
    mend: "With certbot: `certbot renew --dry-run` shows why the renewal fails (often port 80 is \
           closed or the name points elsewhere); then `certbot renew` and reload the service \
           (`systemctl reload nginx`). `systemctl list-timers certbot.timer` shows whether the \
           renewal is started at all. A certificate that nobody uses any more: remove it with \
           `certbot delete --cert-name NAME`, or take its line out of the configuration.",
    judge,
};

const DAY: i64 = 86_400;

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let facts = &scene.facts.certificates;
    let mut findings = Vec::new();
    let mut known = BTreeSet::new();
    let mut seen: Vec<(&Certificate, String)> = Vec::new();
    match &facts.on_disk {
        Seen::Unseen(reason) => findings.push(Finding::unknown("host", reason)),
        Seen::Seen(files) => {
            for file in files {
                match &file.certificate {
                    Seen::Seen(certificate) => {
                        known.insert(certificate.fingerprint.as_str());
                        seen.push((certificate, file.path.clone()));
                    }
                    Seen::Unseen(reason) => findings.push(unreadable(file, reason)),
                }
            }
        }
    }
    match &facts.served {
        Seen::Unseen(reason) => findings.push(Finding::unknown("host", reason)),
        Seen::Seen(served) => {
            for socket in served {
                if let Seen::Seen(certificate) = &socket.certificate
                    && known.insert(certificate.fingerprint.as_str())
                {
                    seen.push((certificate, place(socket)));
                }
            }
        }
    }
    findings.extend(seen.iter().filter_map(|(one, place)| sick(one, place, scene.now)));
    if !facts.unread.is_empty() {
        findings.push(unread(facts));
    }
    if findings.is_empty() {
        findings.push(healthy(&seen, scene.now));
    }
    findings
}

/// Where a certificate is served, as a subject.
fn place(socket: &Served) -> String {
    match &socket.name {
        Some(name) => format!("{} ({name})", socket.address),
        None => socket.address.clone(),
    }
}

fn unreadable(file: &OnDisk, reason: &str) -> Finding {
    if !file.missing {
        return Finding::unknown(&file.path, reason);
    }
    if file.declared {
        return Finding::fail(
            &file.path,
            "the plan declares this certificate; there is no such file",
        )
        .fix(format!(
            "make the certificate (`certbot certonly`), or mend its path under \
                 [[certificates]] in this host's file of the plan: {}",
            file.path
        ));
    }
    let by = file.used_by.join(", ");
    Finding::warn(
        &file.path,
        format!("the configuration of {by} names this certificate; there is no such file, so the next start of {by} fails"),
    )
    .fix(format!("put the certificate back, or take its line out of the configuration of {by}"))
}

fn unread(facts: &Certificates) -> Finding {
    let first = &facts.unread[0];
    Finding::unknown(
        "unreadable places",
        format!(
            "{} may name or hold certificates and could not be read, the first: {}: {}",
            counted(facts.unread.len(), "place"),
            first.path,
            first.reason
        ),
    )
    .fix("run stead as root to see them")
}

/// How many seconds before its end a certificate is warned of, and failed.
fn limits(certificate: &Certificate) -> (i64, i64) {
    let life = certificate.not_after.as_second() - certificate.not_before.as_second();
    if life < 10 * DAY && !certificate.self_issued() {
        (life / 4, life / 10)
    } else {
        (14 * DAY, 3 * DAY)
    }
}

fn sick(certificate: &Certificate, subject: &str, now: Timestamp) -> Option<Finding> {
    let left = now.duration_until(certificate.not_after).as_secs();
    let ahead = now.duration_until(certificate.not_before);
    let (warn, fail) = limits(certificate);
    let who = who(certificate);
    // A freshly made certificate may be a few seconds ahead of a clock that is a little behind.
    if ahead > SignedDuration::from_mins(1) {
        let after = span(ahead.as_secs().unsigned_abs());
        return Some(
            Finding::fail(
                subject,
                format!("{who} is not valid yet: it starts at {}, in {after}", moment(certificate.not_before)),
            )
            .fix("check this machine's clock first (`timedatectl`); if it is right, make the certificate again"),
        );
    }
    let until = moment(certificate.not_after);
    if left <= 0 {
        let ago = span(left.unsigned_abs());
        return Some(
            Finding::fail(subject, format!("{who} expired at {until}, {ago} ago"))
                .fix(renew(subject)),
        );
    }
    if left >= warn {
        return None;
    }
    let evidence = format!("{who} expires at {until}, in {}", span(left.unsigned_abs()));
    let finding = if left < fail {
        Finding::fail(subject, evidence)
    } else {
        Finding::warn(subject, evidence)
    };
    Some(finding.fix(renew(subject)))
}

fn renew(subject: &str) -> String {
    match subject.strip_prefix("/etc/letsencrypt/live/").and_then(|rest| rest.split('/').next()) {
        Some(name) => format!(
            "`certbot renew --cert-name {name} --dry-run` shows what stands in the way; then \
             `certbot renew --cert-name {name}` and reload the service that uses it"
        ),
        None => "renew the certificate where it comes from, then reload the service that uses it"
            .to_owned(),
    }
}

/// A certificate in a sentence: by its first names, or else its subject.
pub(super) fn who(certificate: &Certificate) -> String {
    let self_made =
        if certificate.self_issued() { "the self-signed certificate" } else { "the certificate" };
    match certificate.names.as_slice() {
        [] if certificate.subject.is_empty() => format!("{self_made} {}", certificate.short()),
        [] => format!("{self_made} of {}", certificate.subject),
        [name] => format!("{self_made} for {name}"),
        [name, rest @ ..] => format!("{self_made} for {name} and {} more", rest.len()),
    }
}

fn healthy(good: &[(&Certificate, String)], now: Timestamp) -> Finding {
    let Some((first, place)) = good.iter().min_by_key(|(certificate, _)| certificate.not_after)
    else {
        return Finding::pass(
            "host",
            "no certificate is declared, named by a service's configuration, or served on a TLS port here",
        );
    };
    let left = span(now.duration_until(first.not_after).as_secs().unsigned_abs());
    Finding::pass(
        "host",
        match good.len() {
            1 => format!(
                "1 certificate, {place}; it expires in {left}, at {}",
                moment(first.not_after)
            ),
            many => format!(
                "{many} certificates; the first to expire is {place}, in {left}, at {}",
                moment(first.not_after)
            ),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::certificates::fixture::{certificate, facts, findings, on_disk, served};
    use crate::facts::Facts;
    use crate::facts::files::Unread;
    use crate::verdict::Verdict;

    #[test]
    fn time_left_decides() {
        for (from, until, verdict) in [
            (-60, 30, Verdict::Pass),
            (-76, 14, Verdict::Pass),
            (-80, 13, Verdict::Warn),
            (-80, 3, Verdict::Warn),
            (-80, 2, Verdict::Fail),
            (-90, 0, Verdict::Fail),
            (-90, -10, Verdict::Fail),
            (1, 90, Verdict::Fail),
            // A six-day certificate is no alarm in the middle of its life.
            (-3, 3, Verdict::Pass),
            (-5, 1, Verdict::Warn),
        ] {
            let facts = facts(vec![on_disk("/a", certificate("a.org", from, until))], vec![]);
            let found = findings(&CHECK, &facts, None);
            assert_eq!(found[0].verdict, verdict, "{from}..{until}: {}", found[0].evidence);
        }
    }

    #[test]
    fn a_short_self_signed_certificate_is_warned_of_like_any_other() {
        let mut five_days = certificate("a.org", 0, 5);
        five_days.issuer = five_days.subject.clone();
        let found = findings(&CHECK, &facts(vec![on_disk("/a", five_days)], vec![]), None);
        assert_eq!(found[0].verdict, Verdict::Warn);
        assert!(found[0].evidence.contains("in 5 d"), "{}", found[0].evidence);
    }

    #[test]
    fn a_certificate_on_disk_and_served_is_told_once() {
        let sick = certificate("a.org", -88, 2);
        let facts = facts(
            vec![on_disk("/a", sick.clone())],
            vec![
                served("127.0.0.1:443", sick),
                served("127.0.0.1:993", certificate("b.org", -89, 1)),
            ],
        );
        let found = findings(&CHECK, &facts, None);
        let subjects: Vec<_> = found.iter().map(|finding| finding.subject.as_str()).collect();
        assert_eq!(subjects, ["/a", "127.0.0.1:993 (b.org)"]);
    }

    #[test]
    fn what_could_not_be_read_is_unknown_and_what_is_missing_is_not() {
        let mut gone = on_disk("/gone", certificate("a.org", 0, 90));
        gone.certificate = Seen::unseen("no such file");
        gone.missing = true;
        let mut closed = gone.clone();
        closed.path = "/closed".into();
        closed.missing = false;
        let mut declared = gone.clone();
        declared.path = "/declared".into();
        declared.declared = true;
        let mut facts = facts(vec![gone, closed, declared], vec![]);
        facts.certificates.unread = vec![Unread {
            path: "/etc/letsencrypt/live".into(),
            reason: "permission denied".into(),
        }];
        let verdicts: Vec<_> = findings(&CHECK, &facts, None)
            .into_iter()
            .map(|finding| (finding.subject, finding.verdict))
            .collect();
        assert_eq!(
            verdicts,
            [
                ("/declared".to_owned(), Verdict::Fail),
                ("/gone".to_owned(), Verdict::Warn),
                ("/closed".to_owned(), Verdict::Unknown),
                ("unreadable places".to_owned(), Verdict::Unknown),
            ]
        );
    }

    #[test]
    fn nothing_looked_at_is_unknown_and_nothing_there_is_a_pass() {
        assert_eq!(findings(&CHECK, &Facts::default(), None)[0].verdict, Verdict::Unknown);
        assert_eq!(findings(&CHECK, &facts(vec![], vec![]), None)[0].verdict, Verdict::Pass);
    }
}
