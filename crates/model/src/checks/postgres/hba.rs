//! `postgres-hba`: nobody comes in over the network without proving who they are.

use std::net::IpAddr;

use crate::check::Check;
use crate::checks::postgres::each::{self, Answer};
use crate::facts::postgres::{Cluster, Rule, Server};
use crate::scene::Scene;
use crate::text::counted;
use crate::verdict::{Finding, Verdict};

pub(super) const RULES: Check = Check {
    name: "postgres-hba",
    title: "pg_hba.conf lets nobody in unproved, and has no broken line",
    asks: "Whether a line of pg_hba.conf lets anyone in over the network without a proof (`trust`) \
        or with a password in clear text (`password`), and whether the server can use every line.\n\
        fail: such a line for other machines, or a line in error: the server goes on with the last \
        good file until it is restarted, and then does not start.\n\
        warn: `trust` for loopback or for the local socket, since then any program on this machine \
        is any user of the database, a broken website's too; `password` for loopback or within \
        TLS.\n\
        pass: `peer`, `scram-sha-256`, `md5`, `cert`, `reject` and the like. In a container, \
        `trust` for loopback passes: nothing else runs there.\n\
        unknown: the server cannot be asked, or lets only a superuser read its rules.",
    commands: &[
        "sudo -u postgres psql -c 'SELECT line_number, type, database, user_name, address, \
         auth_method, error FROM pg_hba_file_rules'",
        "sudo -u postgres psql -Atc 'SHOW hba_file'",
    ],
    mend: "Edit the file that `SHOW hba_file` names: put `scram-sha-256` in the place of `trust` \
        or `password`, narrow the address, or remove the line. Then `SELECT pg_reload_conf()` and \
        look at pg_hba_file_rules again.",
    judge,
};

/// The most findings of one cluster.
const MOST: usize = 20;

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    each::cluster(scene, |cluster, server| {
        let rules = each::seen(&server.rules)?;
        let mut findings: Vec<Finding> =
            rules.iter().filter_map(|rule| judged(cluster, server, rule)).collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
        findings.truncate(MOST);
        Ok(Answer { findings, figures: format!("{}, none open", counted(rules.len(), "rule")) })
    })
}

fn judged(cluster: &Cluster, server: &Server, rule: &Rule) -> Option<Finding> {
    if let Some(error) = &rule.error {
        let subject = format!("{} pg_hba.conf line {}", cluster.name, rule.line);
        let evidence = format!(
            "line {} is broken: {error}; the server goes on with the last good file and ignores \
             every change since, and will not start with this one",
            rule.line
        );
        return Some(Finding::fail(subject, evidence).fix(format!(
            "mend or remove line {} of the file that `SHOW hba_file` names, then `SELECT \
             pg_reload_conf()`",
            rule.line
        )));
    }
    let (verdict, why) = weak(cluster, rule)?;
    let address = rule.address.as_deref().unwrap_or("");
    let text = [rule.kind.as_str(), &rule.databases, &rule.users, address, &rule.method]
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let subject = format!("{} {text}", cluster.name);
    let evidence = format!(
        "line {}: `{text}`: {why}; listen_addresses is `{}` now",
        rule.line, server.listen_addresses
    );
    let finding = if verdict == Verdict::Fail {
        Finding::fail(subject, evidence)
    } else {
        Finding::warn(subject, evidence)
    };
    let method = if rule.kind == "local" { "peer" } else { "scram-sha-256" };
    Some(finding.fix(format!(
        "change `{}` to `{method}` in line {} of the file that `SHOW hba_file` names, or remove \
         the line; then `SELECT pg_reload_conf()`",
        rule.method, rule.line
    )))
}

/// How bad a rule's method is for those it is for, and why.
fn weak(cluster: &Cluster, rule: &Rule) -> Option<(Verdict, &'static str)> {
    let here = rule.kind == "local" || loopback(rule);
    match rule.method.as_str() {
        "trust" if here && cluster.container => None,
        "trust" if here => Some((
            Verdict::Warn,
            "any program on this machine may be any of these users without a proof",
        )),
        "trust" => Some((
            Verdict::Fail,
            "whoever reaches the server from there is let in without any proof",
        )),
        "password" if rule.kind == "local" => None,
        "password" if here => {
            Some((Verdict::Warn, "the password goes to the server in clear text"))
        }
        "password" if rule.kind == "hostssl" => Some((
            Verdict::Warn,
            "the password is in clear text within TLS: a false server learns it",
        )),
        "password" => Some((Verdict::Fail, "the password crosses the network in clear text")),
        _ => None,
    }
}

/// Whether the rule is only for this machine.
fn loopback(rule: &Rule) -> bool {
    let Some(address) = rule.address.as_deref() else { return false };
    if address == "samehost" || address == "localhost" {
        return true;
    }
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let narrow = match rule.netmask.as_deref().map(str::parse::<IpAddr>) {
        // 127.0.0.0/8 is loopback as a whole, anything wider is not.
        Some(Ok(IpAddr::V4(mask))) => mask.octets()[0] == 255,
        Some(Ok(IpAddr::V6(mask))) => mask.to_bits() == u128::MAX,
        Some(Err(_)) => false,
        None => true,
    };
    address.is_loopback() && narrow
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::postgres::sample;
    use crate::seen::Seen;

    fn rule(kind: &str, address: &str, netmask: &str, method: &str) -> Rule {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Rule {
            line: 9,
            kind: kind.to_owned(),
            databases: "all".to_owned(),
            users: "all".to_owned(),
            address: some(address),
            netmask: some(netmask),
            method: method.to_owned(),
            error: None,
        }
    }

    fn verdict(rule: Rule) -> Verdict {
        let server = Server { rules: Seen::Seen(vec![rule]), ..Server::default() };
        sample::judged(RULES.judge, server)[0].verdict
    }

    #[test]
    fn methods_are_judged_by_who_may_use_them() {
        let one = "255.255.255.255";
        for (kind, address, mask, method, wanted) in [
            ("host", "0.0.0.0", "0.0.0.0", "trust", Verdict::Fail),
            ("host", "all", "", "trust", Verdict::Fail),
            ("host", "127.0.0.1", "0.0.0.0", "trust", Verdict::Fail),
            ("host", "samenet", "", "trust", Verdict::Fail),
            ("hostssl", "10.0.0.0", "255.0.0.0", "trust", Verdict::Fail),
            ("host", "10.0.0.0", "255.0.0.0", "password", Verdict::Fail),
            ("hostssl", "10.0.0.0", "255.0.0.0", "password", Verdict::Warn),
            ("host", "127.0.0.1", one, "trust", Verdict::Warn),
            ("host", "127.0.0.0", "255.0.0.0", "trust", Verdict::Warn),
            ("host", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "trust", Verdict::Warn),
            ("local", "", "", "trust", Verdict::Warn),
            ("local", "", "", "peer", Verdict::Pass),
            ("host", "0.0.0.0", "0.0.0.0", "reject", Verdict::Pass),
            ("host", "0.0.0.0", "0.0.0.0", "scram-sha-256", Verdict::Pass),
        ] {
            assert_eq!(
                verdict(rule(kind, address, mask, method)),
                wanted,
                "{kind} {address} {method}"
            );
        }
    }

    #[test]
    fn a_broken_line_fails() {
        let error = Some("invalid authentication method \"md6\"".to_owned());
        let found = verdict(Rule { line: 97, error, ..Rule::default() });
        assert_eq!(found, Verdict::Fail);
    }

    #[test]
    fn rules_that_only_a_superuser_reads_are_unknown() {
        let server = Server { rules: Seen::unseen("permission denied"), ..Server::default() };
        assert_eq!(sample::judged(RULES.judge, server)[0].verdict, Verdict::Unknown);
    }
}
