//! Planted faults in the lab: the wiring of timers, failed units, restart loops.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use lab::{Fleet, Machine};
use serde_json::Value;

const CHECKS: &str = "timer-unwanted timer-target-missing timer-not-started timer-not-enabled \
                      timer-never-fires timer-service-failing unit-failed unit-restart-loop";
const DAILY: &str = "[Timer]\nOnCalendar=daily\n";
const INSTALL: &str = "[Install]\nWantedBy=timers.target\n";
const WORK: &str = "[Service]\nType=oneshot\nExecStart=/bin/true\n";

/// The findings of some checks inside a machine.
fn check(machine: &Machine, names: &str) -> Result<Vec<Value>> {
    let output = machine.sh(&format!("stead check --json {names}"))?;
    let report: Value = serde_json::from_str(&output.stdout)
        .with_context(|| format!("no report: {} {}", output.stdout, output.stderr))?;
    Ok(report["findings"].as_array().context("a list of findings")?.clone())
}

fn ill(findings: &[Value]) -> Vec<String> {
    findings
        .iter()
        .filter(|finding| finding["verdict"] != "pass")
        .map(|f| format!("{} {} {}: {}", f["verdict"], f["name"], f["subject"], f["evidence"]))
        .collect()
}

/// The evidence of the one finding with this verdict on this subject.
fn told(findings: &[Value], name: &str, verdict: &str, subject: &str) -> Result<String> {
    let mut found = findings.iter().filter(|f| f["name"] == name && f["subject"] == subject);
    let finding =
        found.next().with_context(|| format!("no {name} on {subject} in {:#?}", ill(findings)))?;
    ensure!(finding["verdict"] == verdict, "{finding}");
    ensure!(found.next().is_none(), "{name} on {subject} stands twice");
    ensure!(finding["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{finding} has no fix");
    Ok(finding["evidence"].as_str().unwrap_or_default().to_owned())
}

fn unit(machine: &Machine, name: &str, text: &str) -> Result<()> {
    machine.write(&format!("/etc/systemd/system/{name}"), text)
}

/// Waits for the end of the boot, so that no timer is just about to start.
fn booted(fleet: &Fleet, name: &str) -> Result<Machine> {
    let machine = fleet.machine(name).no_network().boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    machine.sh("systemctl is-system-running --wait")?;
    Ok(machine)
}

#[test]
fn lab_each_broken_timer_is_told_and_gone_after_the_fix() -> Result<()> {
    let Some(fleet) = Fleet::new("units")? else { return Ok(()) };
    let machine = booted(&fleet, "timers")?;
    let before = check(&machine, CHECKS)?;
    ensure!(ill(&before).is_empty(), "a stock machine is not well: {:#?}", ill(&before));

    for name in ["a", "b", "late", "c", "d", "e", "g", "stays", "good", "once"] {
        unit(&machine, &format!("{name}.service"), WORK)?;
    }
    unit(&machine, "f.service", &WORK.replace("true", "false"))?;
    unit(&machine, "stays.service", &format!("{WORK}RemainAfterExit=yes\n"))?;
    unit(&machine, "late.target", "[Unit]\nDescription=Nothing leads here\n")?;
    unit(&machine, "a.timer", DAILY)?;
    unit(&machine, "b.timer", &format!("{DAILY}[Install]\nWantedBy=time.target\n"))?;
    unit(&machine, "late.timer", &format!("{DAILY}[Install]\nWantedBy=late.target\n"))?;
    for name in ["c", "d", "f", "good"] {
        unit(&machine, &format!("{name}.timer"), &format!("{DAILY}{INSTALL}"))?;
    }
    unit(&machine, "e.timer", &format!("[Timer]\nOnUnitActiveSec=1h\n{INSTALL}"))?;
    unit(&machine, "g.timer", &format!("[Timer]\nOnCalendar=2020-01-01 03:00\n{INSTALL}"))?;
    unit(&machine, "once.timer", &format!("[Timer]\nOnBootSec=1s\n{INSTALL}"))?;
    unit(&machine, "stays.timer", &format!("{DAILY}OnActiveSec=1s\nAccuracySec=1ms\n{INSTALL}"))?;
    machine.must(
        "systemctl daemon-reload
         systemctl enable b.timer late.timer c.timer
         systemctl start d.timer
         systemctl enable --now e.timer g.timer f.timer good.timer once.timer stays.timer
         systemctl start f.service || true",
    )?;
    machine.until("systemctl is-active stays.service", std::time::Duration::from_secs(20))?;
    machine.until(
        "systemctl show -p SubState once.timer | grep elapsed",
        std::time::Duration::from_secs(20),
    )?;

    let found = check(&machine, CHECKS)?;
    let told = |name, subject| told(&found, name, "fail", subject);
    ensure!(told("timer-unwanted", "a.timer")?.contains("static"), "{:#?}", ill(&found));
    let evidence = told("timer-target-missing", "b.timer")?;
    ensure!(evidence.contains("no unit `time.target` exists"), "{evidence}");
    ensure!(evidence.contains("/etc/systemd/system/time.target.wants/b.timer"), "{evidence}");
    let evidence = told("timer-target-missing", "late.timer")?;
    ensure!(evidence.contains("does not lead to `late.target`"), "{evidence}");
    told("timer-not-started", "c.timer")?;
    told("timer-not-enabled", "d.timer")?;
    ensure!(
        told("timer-never-fires", "e.timer")?.contains("OnUnitActiveSec"),
        "{:#?}",
        ill(&found)
    );
    ensure!(told("timer-never-fires", "g.timer")?.contains("2020-01-01"), "{:#?}", ill(&found));
    let evidence = told("timer-never-fires", "stays.timer")?;
    ensure!(evidence.contains("RemainAfterExit"), "{evidence}");
    let evidence = told("timer-service-failing", "f.timer")?;
    ensure!(evidence.contains("`f.service`") && evidence.contains("status 1"), "{evidence}");
    told("unit-failed", "f.service")?;
    // Each fault is told once, under its own name; what is well is not told at all.
    ensure!(ill(&found).len() == 10, "{:#?}", ill(&found));

    unit(&machine, "a.timer", &format!("{DAILY}{INSTALL}"))?;
    unit(&machine, "b.timer", &format!("{DAILY}{INSTALL}"))?;
    unit(&machine, "late.timer", &format!("{DAILY}{INSTALL}"))?;
    unit(&machine, "e.timer", &format!("[Timer]\nOnActiveSec=1h\nOnUnitActiveSec=1h\n{INSTALL}"))?;
    unit(&machine, "g.timer", &format!("{DAILY}{INSTALL}"))?;
    unit(&machine, "stays.service", WORK)?;
    unit(&machine, "f.service", WORK)?;
    machine.must(
        "systemctl daemon-reload
         systemctl enable --now a.timer d.timer
         systemctl reenable b.timer late.timer
         systemctl start b.timer late.timer
         systemctl start c.timer
         systemctl restart e.timer g.timer
         systemctl stop stays.service
         systemctl start f.service",
    )?;
    let after = check(&machine, CHECKS)?;
    ensure!(ill(&after).is_empty(), "after the fixes: {:#?}", ill(&after));
    Ok(())
}

#[test]
fn lab_failed_units_and_restart_loops_are_told() -> Result<()> {
    let Some(fleet) = Fleet::new("loops")? else { return Ok(()) };
    let machine = booted(&fleet, "loops")?;
    unit(&machine, "broken.service", "[Service]\nExecStart=/bin/sh -c 'exit 7'\n")?;
    unit(
        &machine,
        "loops.service",
        "[Unit]\nStartLimitIntervalSec=0\n\
         [Service]\nExecStart=/bin/sh -c 'sleep 0.2; exit 3'\nRestart=always\nRestartSec=200ms\n",
    )?;
    unit(
        &machine,
        "gives-up.service",
        "[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=1min\n\
         [Service]\nExecStart=/bin/false\nRestart=on-failure\nRestartSec=10ms\n",
    )?;
    machine.must("systemctl daemon-reload; systemctl start broken loops gives-up")?;
    let patient = std::time::Duration::from_secs(30);
    machine.until("test $(systemctl show -p NRestarts --value loops) -ge 6", patient)?;
    machine.until("systemctl is-failed broken gives-up", patient)?;

    let found = check(&machine, CHECKS)?;
    let evidence = told(&found, "unit-failed", "fail", "broken.service")?;
    ensure!(evidence.contains("exit-code, status 7"), "{evidence}");
    told(&found, "unit-restart-loop", "fail", "loops.service")?;
    told(&found, "unit-failed", "fail", "gives-up.service")?;
    let evidence = told(&found, "unit-restart-loop", "fail", "gives-up.service")?;
    ensure!(evidence.contains("gave `gives-up.service` up"), "{evidence}");
    ensure!(ill(&found).len() == 4, "{:#?}", ill(&found));

    for name in ["broken", "loops", "gives-up"] {
        unit(&machine, &format!("{name}.service"), "[Service]\nExecStart=/bin/sleep infinity\n")?;
    }
    machine.must(
        "systemctl daemon-reload; systemctl stop loops
         systemctl reset-failed; systemctl start broken loops gives-up",
    )?;
    let after = check(&machine, CHECKS)?;
    ensure!(ill(&after).is_empty(), "after the fixes: {:#?}", ill(&after));
    Ok(())
}
