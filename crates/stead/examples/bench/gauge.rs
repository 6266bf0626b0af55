//! Runs a command some times and measures each run: wall clock, processor time, memory.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde::{Deserialize, Serialize};

/// Ticks of the processor's time in a second: USER_HZ, the same on every Linux we run on.
const TICKS: f64 = 100.0;

/// One run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Run {
    pub wall_seconds: f64,
    /// User and system time, children that were waited for too.
    pub cpu_seconds: f64,
    /// The process's own peak of resident memory, in KiB.
    pub peak_kib: u64,
    /// The peak of the process and its children together, in KiB, as sampled.
    pub tree_kib: u64,
}

/// Runs the command `runs` times; prints a JSON line for each.
pub fn run(runs: u32, command: &[&str]) -> anyhow::Result<()> {
    for _ in 0..runs {
        println!("{}", serde_json::to_string(&once(command)?)?);
    }
    Ok(())
}

/// Runs a command to its end, once, and says nothing of what it prints.
pub fn once(command: &[&str]) -> anyhow::Result<Run> {
    let (program, arguments) = command.split_first().context("a command")?;
    let began = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let pid = child.id();
    let id = WaitId::Pid(Pid::from_raw(i32::try_from(pid)?).context("a process id")?);
    let (mut peak_kib, mut tree_kib) = (0, 0);
    // Looks without reaping: a process that has ended still shows the time it took.
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while waitid(id.clone(), look)?.is_none() {
        peak_kib = peak_kib.max(kib(pid, "VmHWM:"));
        tree_kib = tree_kib.max(tree(pid));
        std::thread::sleep(Duration::from_millis(2));
    }
    let wall_seconds = began.elapsed().as_secs_f64();
    let cpu_seconds = cpu(pid)?;
    child.wait()?;
    Ok(Run { wall_seconds, cpu_seconds, peak_kib, tree_kib: tree_kib.max(peak_kib) })
}

/// User and system time of a process and of its children that were waited for.
pub fn cpu(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // proc_pid_stat(5): fields 14 to 17, and the name in parentheses may hold anything.
    let rest = stat.rsplit_once(')').context("a name in parentheses")?.1;
    let ticks: u64 = rest
        .split_whitespace()
        .skip(11)
        .take(4)
        .map(|field| field.parse::<u64>().unwrap_or(0))
        .sum();
    Ok(ticks as f64 / TICKS)
}

/// A size of proc_pid_status(5), in KiB; 0 once the process has ended.
pub fn kib(pid: u32, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

fn tree(pid: u32) -> u64 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let below: u64 = children
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|child| child.parse().ok())
        .map(tree)
        .sum();
    kib(pid, "VmRSS:") + below
}

/// The run in the middle, by wall clock.
pub fn median(mut runs: Vec<Run>) -> anyhow::Result<Run> {
    runs.sort_by(|a, b| a.wall_seconds.total_cmp(&b.wall_seconds));
    runs.get(runs.len() / 2).copied().context("no run")
}
