//! Planted faults in the lab: certificates, modes of secrets and keys, the clock, upkeep.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use lab::{Fleet, Machine};
use model::report::Report;
use model::verdict::{Finding, Verdict};

const PACKAGES: [&str; 6] =
    ["faketime", "nginx", "openssh-server", "openssl", "postgresql", "ssl-cert"];

fn boot(fleet: &Fleet) -> Result<Machine> {
    let machine = fleet.machine("server").packages(&PACKAGES).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    Ok(machine)
}

/// What `stead check --json` says of these checks, worst first.
fn findings(machine: &Machine, before: &str, checks: &str) -> Result<Vec<Finding>> {
    let output = machine.sh(&format!("cd /root && {before} stead check --json {checks}"))?;
    let report: Report = serde_json::from_str(&output.stdout)
        .with_context(|| format!("no report: {} {}", output.stdout, output.stderr))?;
    Ok(report.findings)
}

/// Says that a check has this verdict on this subject, and that its evidence holds these words.
#[track_caller]
fn sees(
    machine: &Machine,
    check: &str,
    verdict: Verdict,
    subject: &str,
    words: &str,
) -> Result<()> {
    let found = findings(machine, "", check)?;
    let fits = |one: &Finding| {
        one.name == check
            && one.verdict == verdict
            && one.subject == subject
            && one.evidence.contains(words)
    };
    ensure!(found.iter().any(fits), "no {verdict} of {check} on {subject} ({words}): {found:#?}");
    Ok(())
}

/// Says that a check has nothing to say but a pass.
#[track_caller]
fn passes(machine: &Machine, check: &str) -> Result<()> {
    let found = findings(machine, "", check)?;
    ensure!(!found.is_empty(), "{check} says nothing");
    ensure!(found.iter().all(|one| one.verdict == Verdict::Pass), "{check}: {found:#?}");
    Ok(())
}

/// A certificate of so many days, with its key, where the site expects it.
fn certify(machine: &Machine, days: u32) -> Result<()> {
    machine.must(&format!(
        "mkdir -p /etc/nginx/tls && cd /etc/nginx/tls && umask 077 && \
         openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days {days} \
         -keyout a.key -out a.pem -subj /CN=a.example.org \
         -addext subjectAltName=DNS:a.example.org,DNS:b.example.org 2>&1"
    ))?;
    Ok(())
}

const SITE: &str = "server {
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name a.example.org;
    ssl_certificate tls/a.pem;
    ssl_certificate_key tls/a.key;
}
";

#[test]
fn a_certificate_that_ends_soon_and_a_missed_reload_are_seen() -> Result<()> {
    let Some(fleet) = Fleet::new("certificates")? else { return Ok(()) };
    let machine = boot(&fleet)?;
    passes(&machine, "certificate-expiry")?;
    passes(&machine, "certificate-served")?;

    certify(&machine, 5)?;
    machine.write("/etc/nginx/conf.d/a.conf", SITE)?;
    machine.must("nginx -t && nginx -s reload")?;
    machine.until("ss -Hltn sport = :443 | grep -q .", std::time::Duration::from_secs(20))?;
    let pem = "/etc/nginx/tls/a.pem";
    sees(&machine, "certificate-expiry", Verdict::Warn, pem, "in 4 d 23 h")?;
    passes(&machine, "certificate-served")?;

    certify(&machine, 90)?;
    let print = "openssl x509 -in /etc/nginx/tls/a.pem -noout -fingerprint -sha256";
    let print = machine.must(print)?.replace(':', "").to_lowercase();
    let short = &print.trim().rsplit('=').next().context("a fingerprint")?[..16];
    sees(&machine, "certificate-served", Verdict::Fail, "127.0.0.1:443", short)?;
    sees(&machine, "certificate-expiry", Verdict::Warn, "127.0.0.1:443", "in 4 d 23 h")?;

    machine.must("nginx -s reload")?;
    // nginx answers with its old workers for a moment longer.
    let served = "openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null \
                  | openssl x509 -noout -fingerprint -sha256";
    let same =
        format!("test \"$({served})\" = \"$(openssl x509 -in {pem} -noout -fingerprint -sha256)\"");
    machine.until(&same, std::time::Duration::from_secs(20))?;
    passes(&machine, "certificate-served")?;
    passes(&machine, "certificate-expiry")?;

    machine.must("rm /etc/nginx/tls/a.pem")?;
    sees(&machine, "certificate-expiry", Verdict::Warn, pem, "no such file")?;
    Ok(())
}

#[test]
fn keys_that_every_user_can_read_are_seen() -> Result<()> {
    let Some(fleet) = Fleet::new("keys")? else { return Ok(()) };
    let machine = boot(&fleet)?;
    passes(&machine, "key-modes")?;
    let key = "/etc/ssh/ssh_host_ed25519_key";
    machine.must(&format!("chmod 0644 {key}"))?;
    sees(&machine, "key-modes", Verdict::Fail, key, "mode 0644: group root may read, every user")?;
    machine.must(&format!("chmod 0600 {key}"))?;
    passes(&machine, "key-modes")?;

    // A wide mode behind a closed door is no leak.
    machine.must("chmod 0644 /etc/ssl/private/ssl-cert-snakeoil.key")?;
    passes(&machine, "key-modes")?;
    machine.must("chmod 0755 /etc/ssl/private")?;
    sees(
        &machine,
        "key-modes",
        Verdict::Fail,
        "/etc/ssl/private/ssl-cert-snakeoil.key",
        "every user may read",
    )?;

    // Without root: what can be seen is judged, and the rest is not called well.
    machine.must("chmod 0710 /etc/ssl/private && useradd --create-home el")?;
    machine.must(&format!("chmod 0604 {key}"))?;
    let found = findings(&machine, "runuser -u el -- env HOME=/home/el", "key-modes")?;
    let verdicts: Vec<_> = found.iter().map(|one| (one.verdict, one.subject.as_str())).collect();
    assert_eq!(verdicts, [(Verdict::Fail, key), (Verdict::Unknown, "unreadable places")]);
    Ok(())
}

const EXPECTED: &str = "
[[secrets]]
path = \"/etc/chat.secret\"
mode = \"0640\"
group = \"www-data\"

[[maintenance]]
flag = \"/var/www/maintenance.html\"
window_minutes = 60

[[backups]]
service = \"chat\"
period_hours = 24
evidence = \"/var/lib/backup/chat.verified\"
";

#[test]
fn what_the_plan_expects_of_secrets_maintenance_and_backups_is_held_against_the_machine()
-> Result<()> {
    let Some(fleet) = Fleet::new("upkeep")? else { return Ok(()) };
    let machine = boot(&fleet)?;
    machine.sh("cd /root && stead up --once")?;
    sees(&machine, "backup-evidence", Verdict::Unknown, "host", "no backup is declared")?;
    let plan = machine.must("ls /root/our-stead/hosts/server.toml")?;
    let text = String::from_utf8(machine.read(plan.trim())?)?;
    machine.write(plan.trim(), text + EXPECTED)?;

    let secret = "/etc/chat.secret";
    let flag = "/var/www/maintenance.html";
    let evidence = "/var/lib/backup/chat.verified";
    sees(&machine, "secret-modes", Verdict::Fail, secret, "no such file")?;
    sees(&machine, "backup-evidence", Verdict::Fail, "chat", "does not exist")?;
    passes(&machine, "maintenance-window")?;

    machine.must(&format!(
        "echo hush > {secret} && chmod 0644 {secret} && \
         touch -d '3 hours ago' {flag} && \
         mkdir -p /var/lib/backup && date > {evidence} && touch -d '40 hours ago' {evidence}"
    ))?;
    sees(&machine, "secret-modes", Verdict::Fail, secret, "wider than 0640: every user may read")?;
    sees(&machine, "secret-modes", Verdict::Fail, secret, "its group is root, not www-data")?;
    sees(&machine, "maintenance-window", Verdict::Fail, flag, "on for 3 h")?;
    sees(&machine, "backup-evidence", Verdict::Fail, "chat", "1 d 16 h old")?;

    machine.must(&format!("touch {evidence} && : > {evidence}"))?;
    sees(&machine, "backup-evidence", Verdict::Fail, "chat", "is empty")?;
    machine.must(&format!("date > {evidence} && touch -d '3 hours' {evidence}"))?;
    sees(&machine, "backup-evidence", Verdict::Unknown, "chat", "in the future")?;

    machine.must(&format!(
        "chgrp www-data {secret} && chmod 0640 {secret} && rm {flag} && touch {evidence}"
    ))?;
    for check in ["secret-modes", "maintenance-window", "backup-evidence"] {
        passes(&machine, check)?;
    }
    let output = machine.sh("cd /root && stead facts --json")?;
    assert!(output.success() && !output.stdout.contains("hush"), "no secret is a fact");
    Ok(())
}

#[test]
fn a_clock_that_jumps_or_lags_behind_the_system_is_seen() -> Result<()> {
    let Some(fleet) = Fleet::new("clock")? else { return Ok(()) };
    let machine = boot(&fleet)?;
    machine.sh("cd /root && stead up --once")?;
    passes(&machine, "clock-jump")?;
    let found = findings(&machine, "faketime -f -4000d", "clock-jump")?;
    assert_eq!(found[0].verdict, Verdict::Fail, "{found:#?}");
    assert!(found[0].evidence.contains("/var/lib/dpkg/status"), "{found:#?}");
    let found = findings(&machine, "faketime -f +2h", "clock-jump")?;
    assert_ne!(found[0].verdict, Verdict::Fail, "{found:#?}");
    assert!(found[0].evidence.contains("it jumped forward by"), "{found:#?}");
    // A container's clock is its host's business, and that is not a pass.
    sees(&machine, "time-sync", Verdict::Unknown, "clock", "container (systemd-nspawn)")?;
    Ok(())
}
