//! A full check of a large host, beside the same questions asked with Debian's own tools.
//!
//! The host: 300 units more than Debian's, 500 listening sockets, a million journal lines,
//! PostgreSQL and nginx.

use std::time::Duration;

use anyhow::Context;

use crate::gauge::{self, Run};

const UNITS: u32 = 300;
const SOCKETS: u32 = 500;
const LINES: u32 = 1_000_000;
const RUNS: u32 = 9;

/// What a person would type to learn about the same, in one shell, in no particular hurry.
const BY_HAND: &str = r#"
systemctl list-unit-files --type=timer,service
systemctl list-timers --all
systemctl --failed
systemctl show '*.service' -p Id,NRestarts,ExecMainStatus,Result,MemoryCurrent
systemctl show '*.timer' -p Id,NextElapseUSecRealtime,LastTriggerUSec,Result
ss -ltnup
runuser -u postgres -- psql -Atc 'select * from pg_hba_file_rules; select pid, state, xact_start, pg_blocking_pids(pid) from pg_stat_activity; select datname, datcollversion, pg_database_collation_actual_version(oid), pg_database_size(oid) from pg_database'
cat /proc/pressure/*
df; df -i
journalctl --disk-usage
dpkg --audit
dpkg --verify
apt-mark showhold
apt-get -s dist-upgrade
grep -l '(deleted)' /proc/[0-9]*/maps
find /etc/ssl/private /etc/ssh -type f -printf '%m %u %p\n'
openssl x509 -in /etc/ssl/certs/ssl-cert-snakeoil.pem -noout -enddate
timedatectl show
journalctl -b -p warning --since -5min -o short
"#;

pub fn run() -> anyhow::Result<()> {
    let Some(fleet) = lab::Fleet::new("bench")? else { return Ok(()) };
    eprintln!("making a machine with {UNITS} units, {SOCKETS} sockets, {LINES} journal lines");
    let machine = fleet.machine("bench").packages(&["git", "nginx-light", "postgresql"]).boot()?;
    machine.install(&crate::stead()?)?;
    machine.push(&std::env::current_exe()?, "/usr/local/bin/bench")?;
    machine.must("chmod 755 /usr/local/bin/bench")?;
    machine.write("/usr/local/bin/by-hand", BY_HAND)?;
    machine.must(
        "mkdir -p /etc/systemd/journald.conf.d && printf '[Journal]\nStorage=persistent\n\
         RateLimitIntervalSec=0\nSystemMaxUse=4G\nSystemKeepFree=1G\n' > /etc/systemd/journald.conf.d/bench.conf \
         && systemctl restart systemd-journald",
    )?;
    machine.must(&format!(
        "cd /etc/systemd/system && for i in $(seq {UNITS}); do if [ $((i % 10)) = 0 ]; then \
         printf '[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n' > bench$i.timer; \
         printf '[Service]\nExecStart=/bin/true\n' > bench$i.service; \
         else printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' > bench$i.service; fi; done; \
         printf '[Service]\nLimitNOFILE=4096\nExecStart=/usr/local/bin/bench sockets {SOCKETS}\n' > sockets.service; \
         systemctl daemon-reload; systemctl enable --quiet bench*.timer $(seq -f 'bench%g.service' {UNITS} | grep -v '0.service'); \
         systemctl start --no-block sockets.service bench*.timer $(seq -f 'bench%g.service' {UNITS} | grep -v '0.service')"
    ))?;
    let fill = format!("bench journal {LINES} && journalctl --sync");
    machine.sh_within(&fill, Duration::from_secs(900))?;
    let lines = machine.sh_within("journalctl -o cat | wc -l", Duration::from_secs(300))?;
    let units =
        machine.must("systemctl list-units 'bench*' sockets.service --no-legend | wc -l")?;
    let sockets = machine.must("ss -ltn | wc -l")?;
    println!(
        "units loaded: {}; listening sockets: {}; journal lines: {}\n",
        units.trim(),
        sockets.trim(),
        lines.stdout.trim()
    );

    let gauge = |runs: u32, command: &str| -> anyhow::Result<Vec<Run>> {
        let line = format!("cd /root && export HOME=/root && bench gauge {runs} {command}");
        let output = machine.sh_within(&line, Duration::from_secs(900))?;
        let runs = output.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>();
        runs.with_context(|| format!("{command}: {}", output.stderr))
    };
    println!("| work | wall s | CPU s | peak RSS MiB | with children MiB |\n|---|---|---|---|---|");
    let row = |name: &str, run: Run| {
        println!(
            "| {name} | {:.2} | {:.2} | {:.1} | {:.1} |",
            run.wall_seconds,
            run.cpu_seconds,
            run.peak_kib as f64 / 1024.0,
            run.tree_kib as f64 / 1024.0
        );
    };
    row("`stead up --once`, the first look", gauge::median(gauge(1, "stead up --once")?)?);
    // The journal's million lines are read a part at a time; warm is when that is done.
    gauge(RUNS, "stead check")?;
    let mut own = Vec::new();
    let mut by_hand = Vec::new();
    // In turns, so that what else the machine does falls on both.
    for _ in 0..RUNS {
        own.extend(gauge(1, "stead check")?);
        by_hand.extend(gauge(1, "sh /usr/local/bin/by-hand")?);
    }
    let (own, by_hand) = (gauge::median(own)?, gauge::median(by_hand)?);
    row("`stead check`, warm", own);
    row("the same by hand, in one shell", by_hand);
    println!(
        "\nwarm against by hand: {:.2} of the wall clock, {:.2} of the CPU (medians of {RUNS} in turns)",
        own.wall_seconds / by_hand.wall_seconds,
        own.cpu_seconds / by_hand.cpu_seconds
    );
    let status = machine.sh("cd /root && export HOME=/root && stead check --json log-novelty")?;
    println!("\nlog-novelty then: {}", status.stdout.replace('\n', " "));
    Ok(())
}
