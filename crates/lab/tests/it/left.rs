//! What a fleet leaves on this machine: nothing, however its test ends.
//! The machines themselves are the other tests' matter.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::Fleet;

/// Everything on this machine that names a fleet: mounts, links, processes, groups.
fn traces(id: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("a mount table");
    found.extend(mounts.lines().filter(|line| line.contains(id)).map(str::to_owned));
    found.extend(nspawns(id));
    let shell = "find /sys/fs/cgroup -type d -name 'stead-lab-*'; ls /run/netns; ip -o link; \
                 ls \"${STEAD_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/stead-lab}/runs\"";
    let listed = Command::new("sh").args(["-c", shell]).output().expect("a shell");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    found.extend(listed.lines().filter(|line| line.contains(id)).map(str::to_owned));
    found
}

/// The command lines of the systemd-nspawn processes of a run.
fn nspawns(id: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("processes").flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).into_owned())
        .filter(|line| line.contains("nspawn") && line.contains(id))
        .collect()
}

fn id(fleet: &Fleet) -> String {
    let namespace = fleet.namespace();
    let name = namespace.to_string_lossy().into_owned();
    name.rsplit('-').next().expect("a run's id ends the name").to_owned()
}

#[test]
fn nothing_is_left_when_a_fleet_goes() -> Result<()> {
    let Some(fleet) = Fleet::new("gone")? else { return Ok(()) };
    let id = id(&fleet);
    let machine = fleet.machine("a").boot()?;
    machine.must("systemd-run sleep 1000")?;
    assert!(!traces(&id).is_empty(), "a running fleet can be seen");
    drop(fleet);
    machine.must("true")?;
    drop(machine);
    assert_eq!(traces(&id), Vec::<String>::new());
    Ok(())
}

#[test]
fn nothing_is_left_when_a_test_panics() -> Result<()> {
    let Some(fleet) = Fleet::new("panic")? else { return Ok(()) };
    let id = id(&fleet);
    let panicked = std::thread::spawn(move || {
        let _machine = fleet.machine("a").boot().unwrap();
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert_eq!(traces(&id), Vec::<String>::new());
    Ok(())
}

#[test]
fn a_killed_run_stops_at_once_and_is_swept_later() -> Result<()> {
    let Some(_fleet) = Fleet::new("killed")? else { return Ok(()) };
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(["boot", "--", "sh", "-c", "echo up; sleep 1000"]);
    let mut lab = lab.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(lab.stdout.take().context("a pipe")?).read_line(&mut line)?;
    let id = run_of(lab.id());
    lab.kill()?;
    lab.wait()?;
    let id = id.context("the run can be seen")?;
    assert_eq!(line, "up\n");
    let start = Instant::now();
    while !nspawns(&id).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(30), "the machine runs on");
        thread::sleep(Duration::from_millis(20));
    }
    lab::sweep()?;
    assert_eq!(traces(&id), Vec::<String>::new());
    Ok(())
}

/// The run whose machine is a child of process `parent`.
fn run_of(parent: u32) -> Option<String> {
    let parent = format!("PPid:\t{parent}");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let line = fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let child = status.lines().any(|line| line == parent);
        let root = line.split('\0').find_map(|word| word.strip_prefix("--directory="))?;
        let run = root.split("/runs/").nth(1)?.split('/').next()?;
        child.then(|| run.to_owned())
    })
}
