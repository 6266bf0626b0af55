//! Planted faults in the lab: logs.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use lab::Machine;
use serde_json::Value;

/// What `stead check` says of one check and one subject: verdict and evidence.
fn check(machine: &Machine, name: &str, subject: &str) -> anyhow::Result<Option<(String, String)>> {
    let said = machine.sh("cd && HOME=/root stead check --json")?;
    let report: Value = serde_json::from_str(&said.stdout).context(said.stderr)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = report["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|finding| finding["name"] == name && finding["subject"] == subject)
        .map(|finding| (text(&finding["verdict"]), text(&finding["evidence"])));
    if found.is_none() {
        let all = report["findings"].as_array().into_iter().flatten();
        for finding in all.filter(|f| f["name"].as_str().is_some_and(|n| n.starts_with("log-"))) {
            println!("{finding}");
        }
    }
    Ok(found)
}

fn digest(machine: &Machine) -> anyhow::Result<Value> {
    let facts: Value =
        serde_json::from_str(&machine.must("cd && HOME=/root stead facts --json 2>/dev/null")?)?;
    Ok(facts["logs"]["seen"].clone())
}

/// A day of a calm service's lines as journal export text, ten in an hour.
fn history() -> anyhow::Result<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let mut text = String::new();
    for number in 0..240_u64 {
        let at = (now - 86_400 - 3_600 + number * 360) * 1_000_000;
        write!(
            text,
            "__REALTIME_TIMESTAMP={at}\n__MONOTONIC_TIMESTAMP={}\n\
             _BOOT_ID=0123456789abcdef0123456789abcdef\nPRIORITY=6\n_TRANSPORT=stdout\n\
             _SYSTEMD_UNIT=tick.service\nMESSAGE=tick {number}\n\n",
            number * 360_000_000
        )?;
    }
    Ok(text)
}

/// Runs a shell line as a service that has ended when this returns and whose lines are written.
fn service(machine: &Machine, unit: &str, line: &str) -> anyhow::Result<()> {
    machine.write("/root/line", line)?;
    let run = format!(
        "systemd-run --quiet --wait --collect --unit={unit} sh /root/line; journalctl --sync"
    );
    machine.sh_within(&run, Duration::from_secs(120)).map(drop)
}

#[test]
fn lab_a_new_error_and_a_burst_are_told_once() -> anyhow::Result<()> {
    let Some(fleet) = lab::Fleet::new("logs")? else { return Ok(()) };
    let machine = fleet.machine("a").packages(&["git", "systemd-journal-remote"]).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    machine.write("/root/history", history()?)?;
    machine.must(
        "d=/var/log/journal/$(cat /etc/machine-id) && mkdir -p $d && \
         systemctl restart systemd-journald && journalctl --flush && \
         /lib/systemd/systemd-journal-remote -o $d/remote-history.journal /root/history",
    )?;
    machine.sh("cd && HOME=/root stead up --once")?;

    let learned = digest(&machine)?;
    println!("learned {} templates of {} lines", learned["known"], learned["lines_in_all"]);
    ensure!(learned["learning"] == false, "the first run came to the end: {learned}");
    ensure!(learned["limited"].is_null() && learned["hours"].as_u64() >= Some(23), "{learned}");

    service(&machine, "boom", "echo '<3>cannot reach the moon base: 42'")?;
    let told = check(&machine, "log-novelty", "boom.service")?;
    println!("{told:?}");
    let (verdict, evidence) = told.context("a new error is told")?;
    ensure!(verdict == "warn" && evidence.contains("err: cannot reach the moon base: 42"));
    service(&machine, "boom", "echo '<3>cannot reach the moon base: 43'")?;
    ensure!(check(&machine, "log-novelty", "boom.service")?.is_none(), "told twice");

    ensure!(check(&machine, "log-rate", "tick.service")?.is_none(), "calm so far");
    service(&machine, "tick", "i=0; while [ $i -lt 400 ]; do echo tick $i; i=$((i+1)); done")?;
    let told = check(&machine, "log-rate", "tick.service")?;
    println!("{told:?}");
    let (verdict, evidence) = told.context("a burst is told")?;
    ensure!(verdict == "warn" && evidence.contains("an hour before: tick"), "{evidence}");
    service(&machine, "tick", "i=0; while [ $i -lt 400 ]; do echo tick $i; i=$((i+1)); done")?;
    ensure!(check(&machine, "log-rate", "tick.service")?.is_none(), "told twice");

    machine.must("sleep 2; journalctl --rotate --vacuum-time=1s 2>&1")?;
    service(&machine, "boom", "echo '<2>the moon base is gone'")?;
    let told = check(&machine, "log-novelty", "boom.service")?;
    println!("after the journal was emptied: {told:?}");
    ensure!(told.context("what is new after a vacuum is told")?.0 == "fail");
    Ok(())
}

#[test]
fn lab_a_sender_that_is_gone_has_the_same_template() -> anyhow::Result<()> {
    let Some(fleet) = lab::Fleet::new("logs-senders")? else { return Ok(()) };
    let machine = fleet.machine("a").packages(&["git"]).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    machine.sh("cd && HOME=/root stead up --once")?;
    // 400 short-lived senders of two programs: half in a session's scope, half in a service.
    machine.write(
        "/root/senders",
        "i=0; while [ $i -lt 100 ]; do i=$((i+1)); for program in chatd maild; do \
         logger -p daemon.err -t $program \"lost $i messages of room $((i*7))\"; done; done",
    )?;
    machine.must(
        "systemd-run --quiet --scope --unit=session-99 sh /root/senders; \
         systemd-run --quiet --wait --collect --unit=nightly sh /root/senders; journalctl --sync",
    )?;
    let nameless = "journalctl -t chatd -t maild -o export | \
                    awk -v RS= '!/\\n_SYSTEMD_UNIT=/ { n++ } END { print n + 0 }'";
    println!("{} of 400 lines have no unit", machine.must(nameless)?.trim());

    let said = machine.must("cd && HOME=/root stead logs digest --json --priority err")?;
    let digest: Value = serde_json::from_str(&said)?;
    let mut seen: Vec<(&str, u64)> = digest["templates"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|template| template["text"] == "lost <n> messages of room <n>")
        .map(|t| (t["source"].as_str().unwrap_or_default(), t["count"].as_u64().unwrap_or(0)))
        .collect();
    seen.sort_unstable();
    ensure!(seen == [("chatd", 200), ("maild", 200)], "{seen:?}");

    let by_unit = machine.must("cd && HOME=/root stead logs digest --unit nightly.service")?;
    println!("{by_unit}");
    ensure!(by_unit.contains("chatd in nightly.service") && by_unit.contains("maild"));
    // The digest used nothing up: the check still tells.
    let told = check(&machine, "log-novelty", "chatd")?.context("a new error is told")?;
    println!("{told:?}");
    ensure!(told.1.contains("200 × err"), "{told:?}");
    Ok(())
}

#[test]
fn lab_hostile_lines_are_folded_and_shown_harmless() -> anyhow::Result<()> {
    let Some(fleet) = lab::Fleet::new("logs-hostile")? else { return Ok(()) };
    let machine = fleet.machine("a").packages(&["git"]).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    machine.write(
        "/etc/systemd/journald.conf.d/unlimited.conf",
        "[Journal]\nRateLimitIntervalSec=0\nRateLimitBurst=0\n",
    )?;
    machine.must("systemctl restart systemd-journald")?;
    machine.sh("cd && HOME=/root stead up --once")?;
    service(
        &machine,
        "hostile",
        "{ printf 'MESSAGE=long '; head -c 1000000 /dev/zero | tr '\\0' x; echo; } | \
         logger --journald\n\
         printf '<3>\\033[31mred\\033]0;title\\007 \\342\\200\\256 override\\n'\n\
         printf '<3>bad \\377\\376 bytes\\n'\n\
         printf 'nothing\\0after\\n'\n\
         echo 'login with password=hunter2'",
    )?;
    service(
        &machine,
        "noise",
        "i=0; while [ $i -lt 100000 ]; do echo \"request $i from 10.0.0.$((i%250)) took $((i%7)) \
         ms\"; i=$((i+1)); done",
    )?;
    let digest = digest(&machine)?;
    let shown = digest.to_string();
    let templates = digest["templates"].as_array().context("templates")?;
    let of = |unit: &str| -> Vec<&Value> {
        templates.iter().filter(|template| template["source"] == unit).collect()
    };
    for template in of("hostile.service").into_iter().chain(of("noise.service")) {
        println!("{template}");
    }
    ensure!(!shown.contains("hunter2") && !shown.contains('\u{202e}'), "a secret or an override");
    ensure!(!shown.contains("\\u001b") && !shown.contains("\\u0007"), "a control character");
    ensure!(of("hostile.service").len() >= 4, "each hostile line is there");
    let noise: Vec<_> = of("noise.service")
        .into_iter()
        .filter(|template| template["text"].as_str().is_some_and(|t| t.starts_with("request")))
        .collect();
    ensure!(noise.len() == 1, "one template for 100,000 lines, not {}", noise.len());
    println!(
        "of 100000 lines {} were read in time; behind: {}",
        noise[0]["count"], digest["behind_seconds"]
    );

    // A run stops when its time is up, and the next goes on: a debug build needs several.
    let mut counted = digest;
    for run in 0..60 {
        if counted["behind_seconds"].is_null() {
            println!("the end was reached after {run} more runs");
            break;
        }
        machine.sh("cd && HOME=/root stead check log-novelty")?;
        counted = self::digest(&machine)?;
    }
    let noise = counted["templates"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|template| template["text"].as_str().is_some_and(|t| t.starts_with("request")))
        .context("the noise is known")?;
    ensure!(noise["count"] == 100_000, "each line is counted once, not {}", noise["count"]);

    let nobody = machine.must(
        "setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent \
         stead check --json log-novelty; true",
    )?;
    println!("{nobody}");
    let report: Value = serde_json::from_str(&nobody)?;
    ensure!(report["counts"]["pass"] == 0 && report["counts"]["unknown"].as_u64() >= Some(1));
    Ok(())
}
