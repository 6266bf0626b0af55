//! Planted faults in the lab: exposed databases, unplanned listeners, and PostgreSQL from within.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::{Fleet, Machine};
use model::report::Report;
use model::verdict::{Finding, Verdict};

/// How long a service may take to come up or go.
const SOON: Duration = Duration::from_secs(30);

const POSTGRES: &str = "/etc/postgresql/15/main/postgresql.conf";
const HBA: &str = "/etc/postgresql/15/main/pg_hba.conf";

fn boot(fleet: &Fleet) -> Result<Machine> {
    let machine = fleet.machine("server").packages(&["git", "nginx-light", "postgresql"]).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    machine.until("runuser -u postgres -- psql -Atc 'SELECT 1'", SOON)?;
    Ok(machine)
}

/// What `stead check --json` says of a check, worst first.
fn findings(machine: &Machine, before: &str, check: &str) -> Result<Vec<Finding>> {
    let output = machine.sh(&format!("cd /root && {before} stead check --json {check}"))?;
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
        one.verdict == verdict && one.subject == subject && one.evidence.contains(words)
    };
    ensure!(found.iter().any(fits), "no {verdict} of {check} on {subject} ({words}): {found:#?}");
    Ok(())
}

/// Says that a check has nothing to say but a pass.
#[track_caller]
fn passes(machine: &Machine, check: &str) -> Result<()> {
    let found = findings(machine, "", check)?;
    ensure!(found.iter().all(|one| one.verdict == Verdict::Pass), "{check}: {found:#?}");
    Ok(())
}

fn sql(machine: &Machine, database: &str, query: &str) -> Result<String> {
    machine.must(&format!(
        "runuser -u postgres -- psql -v ON_ERROR_STOP=1 -Atd {database} -c \"{query}\""
    ))
}

/// Keeps a session open under systemd, so that it ends with its unit.
fn session(machine: &Machine, unit: &str, queries: &str) -> Result<()> {
    // By way of a file: a command line would stand in the journal, literals and all.
    machine.write(&format!("/srv/{unit}.sql"), format!("{queries}\n"))?;
    machine.must(&format!(
        "systemd-run -q --unit={unit} --uid=postgres --working-directory=/ sh -c \
         \"(cat /srv/{unit}.sql; exec sleep 600) | psql -qd app\""
    ))?;
    Ok(())
}

#[test]
fn lab_a_healthy_postgresql_and_web_server_pass() -> Result<()> {
    let Some(fleet) = Fleet::new("stock")? else { return Ok(()) };
    let machine = boot(&fleet)?;
    for check in [
        "database-exposed",
        "postgres-hba",
        "postgres-long-query",
        "postgres-idle-in-transaction",
        "postgres-blocked",
        "postgres-collation",
        "postgres-size",
    ] {
        passes(&machine, check)?;
    }
    // Without a plan nobody has said what may listen; the first plan says what does.
    sees(&machine, "listen-unexpected", Verdict::Unknown, "host", "1 port open")?;
    machine.sh("cd /root && stead up --once")?;
    passes(&machine, "listen-unexpected")?;

    machine.must(
        "systemd-run -q --unit=forgotten perl -MIO::Socket::INET -e \
         '@a = IO::Socket::INET->new(Listen => 1, LocalAddr => \"0.0.0.0\", LocalPort => 8080) or die; \
         sleep 600'",
    )?;
    machine.until("ss -Hltn sport = :8080 | grep -q .", SOON)?;
    sees(&machine, "listen-unexpected", Verdict::Fail, "tcp 8080", "forgotten.service")?;
    machine.must("systemctl stop forgotten")?;
    passes(&machine, "listen-unexpected")
}

#[test]
fn lab_a_database_on_every_address_is_seen_until_it_is_bound_to_loopback() -> Result<()> {
    let Some(fleet) = Fleet::new("exposed")? else { return Ok(()) };
    let machine = boot(&fleet)?;
    passes(&machine, "database-exposed")?;
    machine.must(&format!("echo \"listen_addresses = '*'\" >> {POSTGRES}"))?;
    machine.must("systemctl restart postgresql")?;
    machine.until("ss -Hltn sport = :5432 | grep -qF 0.0.0.0", SOON)?;
    sees(&machine, "database-exposed", Verdict::Fail, "tcp 5432", "PostgreSQL: postgres (pid ")?;
    sees(&machine, "database-exposed", Verdict::Fail, "tcp 5432", "postgresql@15-main.service")?;
    machine.must(&format!("sed -i '$d' {POSTGRES} && systemctl restart postgresql"))?;
    machine.until("ss -Hltn sport = :5432 | grep -qF 127.0.0.1", SOON)?;
    passes(&machine, "database-exposed")
}

#[test]
fn lab_a_database_in_another_network_namespace_is_seen() -> Result<()> {
    let Some(fleet) = Fleet::new("inner")? else { return Ok(()) };
    let machine = boot(&fleet)?;
    machine.must(
        "ip netns add inner && ip link add outside type veth peer name inside netns inner && \
         ip -n inner addr add 10.99.0.2/24 dev inside && ip -n inner link set inside up && \
         ip link set outside up",
    )?;
    let listen = |address: &str| {
        machine.must(&format!(
            "systemd-run -q --unit=inner -p NetworkNamespacePath=/run/netns/inner \
             perl -MIO::Socket::INET -e '@a = IO::Socket::INET->new(Listen => 1, \
             LocalAddr => \"{address}\", LocalPort => 5432) or die; sleep 600'"
        ))?;
        let ready = "ip netns exec inner ss -Hltn sport = :5432 | grep -q .";
        machine.until(ready, SOON).map(drop)
    };
    listen("0.0.0.0")?;
    let subject = "tcp 5432 in netns inner";
    sees(&machine, "database-exposed", Verdict::Fail, subject, "reached as 10.99.0.2")?;
    // A network that the plan calls private is the plan's business.
    machine.sh("cd /root && stead up --once")?;
    let plan = "/root/our-stead/hosts/server.toml";
    let text = String::from_utf8(machine.read(plan)?)?;
    machine.write(plan, format!("private_networks = [\"10.99.0.0/24\"]\n{text}"))?;
    passes(&machine, "database-exposed")?;
    machine.write(plan, text)?;
    sees(&machine, "database-exposed", Verdict::Fail, subject, "inner.service")?;
    machine.must("systemctl stop inner")?;
    passes(&machine, "database-exposed")
}

#[test]
fn lab_a_database_that_the_packet_filter_passes_on_is_seen() -> Result<()> {
    let Some(fleet) = Fleet::new("forward")? else { return Ok(()) };
    let packages = ["git", "nftables", "nginx-light", "postgresql"];
    let machine = fleet.machine("server").packages(&packages).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    passes(&machine, "database-exposed")?;
    machine.must(
        "nft 'add table ip nat; \
         add chain ip nat pre { type nat hook prerouting priority -100; }; \
         add rule ip nat pre tcp dport 15432 dnat to 10.83.0.99:5432'",
    )?;
    let words = "nft passes tcp 15432 of every address on to 10.83.0.99:5432";
    sees(&machine, "database-exposed", Verdict::Fail, "tcp 15432", words)?;
    machine.must("nft flush ruleset")?;
    passes(&machine, "database-exposed")
}

#[test]
fn lab_open_and_broken_lines_of_pg_hba_are_seen() -> Result<()> {
    let Some(fleet) = Fleet::new("hba")? else { return Ok(()) };
    let machine = boot(&fleet)?;
    passes(&machine, "postgres-hba")?;
    machine.must(&format!("cp -p {HBA} /root/hba"))?;
    machine.must(&format!("echo 'host all all 0.0.0.0/0 trust' >> {HBA}"))?;
    let subject = "15/main host all all 0.0.0.0 trust";
    sees(&machine, "postgres-hba", Verdict::Fail, subject, "without any proof")?;
    machine.must(&format!("cp -p /root/hba {HBA}"))?;
    passes(&machine, "postgres-hba")?;

    machine.must(&format!("echo 'host all all 127.0.0.1/32 trust' >> {HBA}"))?;
    let subject = "15/main host all all 127.0.0.1 trust";
    sees(&machine, "postgres-hba", Verdict::Warn, subject, "any program on this machine")?;
    machine
        .must(&format!("cp -p /root/hba {HBA} && echo 'host all all 10.0.0.0/8 md6' >> {HBA}"))?;
    let line = machine.must(&format!("wc -l < {HBA}"))?;
    let subject = format!("15/main pg_hba.conf line {}", line.trim());
    sees(&machine, "postgres-hba", Verdict::Fail, &subject, "invalid authentication method")?;
    machine.must(&format!("cp -p /root/hba {HBA} && echo 'host all all all reject' >> {HBA}"))?;
    passes(&machine, "postgres-hba")
}

const LIMITS: &str = "
[postgres]
query_warn_seconds = 3
query_fail_seconds = 4
idle_in_transaction_seconds = 3
blocked_seconds = 3
";

#[test]
fn lab_idle_and_blocked_transactions_are_seen_with_who_holds_them() -> Result<()> {
    let Some(fleet) = Fleet::new("sessions")? else { return Ok(()) };
    let machine = boot(&fleet)?;
    sql(&machine, "postgres", "CREATE DATABASE app")?;
    sql(&machine, "app", "CREATE TABLE t (id int, word text)")?;
    sql(&machine, "app", "INSERT INTO t VALUES (1, 'hush')")?;
    machine.sh("cd /root && stead up --once")?;
    // Six minutes are too long for a test: the plan's own setting makes them three seconds.
    let plan = "/root/our-stead/hosts/server.toml";
    let text = String::from_utf8(machine.read(plan)?)?;
    machine.write(plan, text.clone() + LIMITS)?;
    for check in ["postgres-idle-in-transaction", "postgres-blocked", "postgres-long-query"] {
        passes(&machine, check)?;
    }
    session(&machine, "holder", "BEGIN; UPDATE t SET word = 'geheim-a' WHERE id = 1;")?;
    let pid = |of: &str, condition: &str| -> Result<String> {
        let query =
            format!("SELECT pid FROM pg_stat_activity WHERE datname = 'app' AND {condition}");
        let line = format!("runuser -u postgres -- psql -Atc \"{query}\" | grep .");
        let pid = machine.until(&line, SOON).with_context(|| format!("no {of}"))?;
        Ok(pid.trim().to_owned())
    };
    let holder =
        pid("holder", "state = 'idle in transaction' AND state_change < now() - interval '4 s'")?;
    let found = findings(&machine, "", "postgres-idle-in-transaction")?;
    ensure!(found[0].verdict == Verdict::Fail, "{found:#?}");
    ensure!(found[0].subject == format!("15/main pid {holder}"), "{found:#?}");
    ensure!(found[0].evidence.contains("UPDATE t SET word = ? WHERE id = ?"), "{found:#?}");

    session(&machine, "waiter", "DELETE FROM t WHERE word <> 'geheim-b';")?;
    let waiter =
        pid("waiter", "wait_event_type = 'Lock' AND query_start < now() - interval '5 s'")?;
    let subject = format!("15/main pid {waiter}");
    let words = format!("for pid {holder} (psql), postgres on app, idle in transaction");
    sees(&machine, "postgres-blocked", Verdict::Fail, &subject, &words)?;
    sees(&machine, "postgres-blocked", Verdict::Fail, &subject, "DELETE FROM t WHERE word <> ?")?;
    sees(
        &machine,
        "postgres-long-query",
        Verdict::Fail,
        &subject,
        "DELETE FROM t WHERE word <> ?",
    )?;
    let shown = machine.must("cd /root && stead facts --json; stead check --json || true")?;
    for secret in ["geheim", "hush"] {
        let around = shown.lines().find(|line| line.contains(secret));
        ensure!(around.is_none(), "a literal is shown: {around:?}");
    }
    // The usual limits are not reached yet.
    machine.write(plan, text.clone())?;
    passes(&machine, "postgres-idle-in-transaction")?;
    machine.write(plan, text + LIMITS)?;

    // What the check names as the fix mends it.
    let found = findings(&machine, "", "postgres-blocked")?;
    let fix = found[0].fix.clone().context("a fix")?;
    let fix = fix.split('`').nth(1).context("a command in the fix")?;
    ensure!(fix.contains(&holder), "{fix}");
    sql(&machine, "app", fix)?;
    machine.must("systemctl stop waiter")?;
    machine.until(
        "test \"$(runuser -u postgres -- psql -Atc \
         \"SELECT count(*) FROM pg_stat_activity WHERE datname = 'app'\")\" = 0",
        SOON,
    )?;
    for check in ["postgres-idle-in-transaction", "postgres-blocked", "postgres-long-query"] {
        passes(&machine, check)?;
    }
    Ok(())
}

#[test]
fn lab_a_changed_collation_is_seen_until_it_is_refreshed() -> Result<()> {
    let Some(fleet) = Fleet::new("collation")? else { return Ok(()) };
    let machine = boot(&fleet)?;
    let icu = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de' LOCALE 'C.UTF-8'";
    sql(&machine, "postgres", &format!("CREATE DATABASE app {icu}"))?;
    sql(&machine, "app", "CREATE TABLE t (word text COLLATE \\\"de-x-icu\\\")")?;
    passes(&machine, "postgres-collation")?;
    sql(&machine, "app", "UPDATE pg_database SET datcollversion = '0' WHERE datname = 'app'")?;
    sees(&machine, "postgres-collation", Verdict::Fail, "15/main app", "built with version 0")?;
    sql(&machine, "app", "ALTER DATABASE app REFRESH COLLATION VERSION")?;
    passes(&machine, "postgres-collation")?;
    sql(&machine, "app", "UPDATE pg_collation SET collversion = '1' WHERE collname = 'de-x-icu'")?;
    sees(&machine, "postgres-collation", Verdict::Fail, "15/main app", "had version 1, now it is")?;
    let refresh = "ALTER COLLATION pg_catalog.\\\"de-x-icu\\\" REFRESH VERSION";
    sql(&machine, "app", refresh)?;
    passes(&machine, "postgres-collation")
}

#[test]
fn lab_a_server_in_a_mount_namespace_of_its_own_is_asked_through_its_root() -> Result<()> {
    let Some(fleet) = Fleet::new("container")? else { return Ok(()) };
    let machine = boot(&fleet)?;
    let bin = "/usr/lib/postgresql/15/bin";
    machine.must(&format!(
        "install -d -o postgres /srv/db && \
         runuser -u postgres -- {bin}/initdb -D /srv/db -A reject --auth-local=peer >/dev/null && \
         systemd-run -q --unit=contained --uid=postgres -p PrivateNetwork=yes \
         -p TemporaryFileSystem=/run/postgresql:mode=0777 \
         {bin}/postgres -D /srv/db -c cluster_name=inner"
    ))?;
    machine.until("test $(pgrep -c -u postgres -f 'postgres.*/srv/db') -ge 1", SOON)?;
    let subject = "inner in contained.service";
    let seen = || -> Result<()> {
        let found = machine.must("cd /root && stead facts --json")?;
        ensure!(found.contains(subject), "no {subject} in {found}");
        Ok(())
    };
    for _ in 0..10 {
        if seen().is_ok() {
            break;
        }
        machine.must("sleep 1")?;
    }
    seen()?;
    passes(&machine, "postgres-long-query")?;
    passes(&machine, "database-exposed")?;
    machine.must("echo 'host all all all trust' >> /srv/db/pg_hba.conf")?;
    let subject = "inner in contained.service host all all all trust";
    sees(&machine, "postgres-hba", Verdict::Fail, subject, "without any proof")?;
    machine.must("systemctl stop contained")?;
    passes(&machine, "postgres-hba")
}

#[test]
fn lab_without_root_what_stays_unseen_is_unknown_with_the_way_out() -> Result<()> {
    let Some(fleet) = Fleet::new("member")? else { return Ok(()) };
    let machine = boot(&fleet)?;
    machine.must("useradd --create-home el")?;
    let el = "cd /home/el && runuser -u el -- env HOME=/home/el";
    for (check, words) in [
        ("database-exposed", "can only be looked into by root"),
        ("postgres-long-query", "GRANT pg_monitor TO el"),
        ("postgres-hba", "GRANT pg_monitor TO el"),
    ] {
        let found = findings(&machine, el, check)?;
        ensure!(found[0].verdict == Verdict::Unknown, "{found:#?}");
        ensure!(found[0].evidence.contains(words), "{found:#?}");
    }
    machine.must("runuser -u postgres -- createuser el")?;
    let found = findings(&machine, el, "postgres-long-query")?;
    ensure!(found[0].evidence.contains("members of pg_monitor"), "{found:#?}");
    sql(&machine, "postgres", "GRANT pg_monitor TO el")?;
    let found = findings(&machine, el, "postgres-long-query")?;
    ensure!(found[0].verdict == Verdict::Pass, "{found:#?}");
    let found = findings(&machine, el, "postgres-hba")?;
    ensure!(found[0].verdict == Verdict::Unknown, "{found:#?}");
    // Exposed is exposed, whoever looks.
    machine.must(&format!("echo \"listen_addresses = '*'\" >> {POSTGRES}"))?;
    machine.must("systemctl restart postgresql")?;
    machine.until("ss -Hltn sport = :5432 | grep -qF 0.0.0.0", SOON)?;
    let found = findings(&machine, el, "database-exposed")?;
    ensure!(found[0].verdict == Verdict::Fail && found[0].subject == "tcp 5432", "{found:#?}");
    Ok(())
}
