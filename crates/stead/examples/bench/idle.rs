//! What `stead up` costs while nothing happens, beside PostgreSQL and nginx on a fresh Debian.

use std::time::{Duration, Instant};

use anyhow::Context;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(5);

pub fn run(minutes: u64) -> anyhow::Result<()> {
    let Some(fleet) = lab::Fleet::new("idle")? else { return Ok(()) };
    let machine = fleet.machine("idle").packages(&["git", "nginx-light", "postgresql"]).boot()?;
    machine.install(&crate::stead()?)?;
    machine.write(
        "/etc/systemd/system/watch.service",
        "[Service]\nEnvironment=HOME=/root\nExecStart=/usr/local/bin/stead up\n",
    )?;
    machine.must("systemctl daemon-reload && systemctl start watch.service")?;
    machine.until("journalctl -u watch.service | grep -q Watching", Duration::from_secs(60))?;
    let told = machine.must("systemctl show -P MainPID watch.service")?;
    let pid: u32 = told.trim().parse().context("a process id")?;
    let inside = |file: &str| machine.must(&format!("cat /proc/{pid}/{file}"));
    let ticks = || -> anyhow::Result<u64> {
        let stat = inside("stat")?;
        let rest = stat.rsplit_once(')').context("a name in parentheses")?.1.to_owned();
        let fields = rest.split_whitespace().skip(11).take(4);
        Ok(fields.map(|field| field.parse::<u64>().unwrap_or(0)).sum())
    };
    let rss = || -> anyhow::Result<u64> {
        let status = inside("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok()).context("VmRSS")
    };
    let (began, before) = (Instant::now(), ticks()?);
    let mut sizes = Vec::new();
    eprintln!("watching it for {minutes} minutes");
    while began.elapsed() < Duration::from_secs(minutes * 60) {
        sizes.push(rss()?);
        std::thread::sleep(LOOK);
    }
    let seconds = began.elapsed().as_secs_f64();
    let cpu = (ticks()? - before) as f64 / 100.0;
    sizes.sort_unstable();
    let mib = |place: usize| sizes.get(place).map_or(0.0, |kib| *kib as f64 / 1024.0);
    println!(
        "| `stead up`, {minutes} min | CPU % | CPU s | RSS median MiB | RSS most MiB |\n|---|---|---|---|---|"
    );
    println!(
        "| one look every 5 min, children included | {:.3} | {cpu:.2} | {:.1} | {:.1} |",
        100.0 * cpu / seconds,
        mib(sizes.len() / 2),
        mib(sizes.len().saturating_sub(1))
    );
    Ok(())
}
