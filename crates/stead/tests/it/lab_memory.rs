//! Planted faults in the lab: a service that leaks, and one that the kernel kills for its memory.
//!
//! A day of readings cannot be waited for: the rule over it is tested in `model`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::{Fleet, Machine};
use serde_json::Value;

/// Keeps 256 KiB more each tenth of a second, up to 64 MiB.
const LEAK: &str = "#!/bin/sh\nall=; n=0\nwhile [ $n -lt 256 ]; do\n\
                    all=$all$(head -c 262144 /dev/zero | tr '\\0' x)\nn=$((n + 1)); sleep 0.1\ndone\n\
                    sleep infinity\n";

fn json(machine: &Machine, line: &str) -> Result<Value> {
    let output = machine.sh(line)?;
    serde_json::from_str(&output.stdout)
        .with_context(|| format!("no JSON: {} {}", output.stdout, output.stderr))
}

/// What is known of the memory of a unit.
fn unit(machine: &Machine, name: &str) -> Result<Value> {
    let facts = json(machine, "stead facts --json")?;
    let units = facts.pointer("/memory/units/seen").and_then(Value::as_array);
    let units = units.with_context(|| format!("no units: {}", facts["memory"]))?;
    let found = units.iter().find(|unit| unit["name"] == name);
    found.cloned().with_context(|| format!("no {name} in {units:?}"))
}

fn finding(machine: &Machine, check: &str) -> Result<Value> {
    let report = json(machine, &format!("stead check --json {check}"))?;
    report.pointer("/findings/0").cloned().context("a finding")
}

fn leaks(machine: &Machine) -> Result<()> {
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    machine.write("/usr/local/bin/leak", LEAK)?;
    let unit_file = "[Service]\nExecStart=/bin/sh /usr/local/bin/leak\nMemoryMax=512M\n";
    machine.write("/etc/systemd/system/leak.service", unit_file)?;
    machine.must("systemctl daemon-reload; systemctl start leak")?;
    let mut readings = Vec::new();
    let mut epochs = Vec::new();
    // How fast the shell grows is the machine's affair, and for a moment it holds its text twice.
    for _ in 0..60 {
        machine.must("sleep 1")?;
        let unit = unit(machine, "leak.service")?;
        let bytes = unit["bytes"].as_u64().context("bytes")?;
        epochs.push(unit["epoch"].clone());
        if readings.last().is_none_or(|last| last + 200_000 < bytes) {
            readings.push(bytes);
        }
        if readings.len() == 3 {
            break;
        }
    }
    ensure!(readings.len() == 3, "no growth: {readings:?}");
    ensure!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
    machine.must("systemctl restart leak")?;
    let restarted = unit(machine, "leak.service")?;
    ensure!(restarted["epoch"] != epochs[0], "a restart begins no new epoch");
    let growth = finding(machine, "memory-growth")?;
    ensure!(growth["verdict"] == "unknown", "{growth}");
    ensure!(growth["evidence"].as_str().is_some_and(|e| e.contains("24 h")), "{growth}");
    Ok(())
}

#[test]
fn lab_a_leak_is_read_from_its_control_group() -> Result<()> {
    let Some(fleet) = Fleet::new("leak")? else { return Ok(()) };
    let machine = fleet.machine("leak").no_network().boot()?;
    leaks(&machine)?;
    let unit = unit(&machine, "leak.service")?;
    if unit["source"] != "processes" {
        ensure!(unit["limit_bytes"] == 512 << 20, "{unit}");
    }
    Ok(())
}

#[test]
fn lab_a_leak_is_read_from_its_processes() -> Result<()> {
    let Some(fleet) = Fleet::new("pages")? else { return Ok(()) };
    let machine = fleet.machine("pages").unified().no_network().boot()?;
    leaks(&machine)
}

#[test]
fn lab_a_kill_for_want_of_memory_is_told() -> Result<()> {
    let Some(fleet) = Fleet::new("kills")? else { return Ok(()) };
    let machine = fleet.machine("kills").no_network().boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    let before = finding(&machine, "memory-oom")?;
    machine.write(
        "/etc/systemd/system/hog.service",
        "[Service]\nExecStart=/bin/sh -c 'tail /dev/zero; touch /run/killed; sleep infinity'\n\
         MemoryMax=24M\nMemorySwapMax=0\nOOMPolicy=continue\n",
    )?;
    machine.must("systemctl daemon-reload; systemctl start hog")?;
    if unit(&machine, "hog.service")?["kills"].is_null() {
        machine.must("systemctl stop hog")?;
        ensure!(before["verdict"] == "unknown", "{before}");
        eprintln!("lab: no memory controller for units here; the kill was not tried");
        return Ok(());
    }
    ensure!(before["verdict"] == "pass", "{before}");
    machine.until("test -e /run/killed", Duration::from_secs(30))?;
    let killed = finding(&machine, "memory-oom")?;
    ensure!(killed["verdict"] == "fail" && killed["subject"] == "hog.service", "{killed}");
    ensure!(killed["evidence"].as_str().is_some_and(|e| e.contains("killed 1 of")), "{killed}");
    machine.write(
        "/etc/systemd/system/hog.service",
        "[Service]\nExecStart=/bin/sleep infinity\nMemoryMax=64M\n",
    )?;
    machine.must("systemctl daemon-reload; systemctl restart hog")?;
    let after = finding(&machine, "memory-oom")?;
    ensure!(after["verdict"] == "pass", "{after}");
    Ok(())
}
