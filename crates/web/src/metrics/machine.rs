//! What the last whole observation says of a machine, under node_exporter's names.
//!
//! Names and labels: node_exporter 1.8, its collectors `filesystem`, `meminfo`, `stat`, `systemd`,
//! `timex`, `uname` and `vmstat`.

use api::facts::Facts;
use api::facts::machine::Machine;
use api::facts::memory::Memory;
use api::facts::storage::Filesystem;
use api::facts::units::Units;
use api::seen::Seen;
use jiff::Timestamp;

use crate::metrics::sheet::Sheet;

/// The series of readings that these samples stand for, more fully labelled.
pub(crate) const COVERED: [&str; 8] = [
    "filesystem_size_bytes",
    "filesystem_used_bytes",
    "filesystem_avail_bytes",
    "filesystem_inodes_used",
    "filesystem_inodes_avail",
    "memory_available_bytes",
    "swap_used_bytes",
    "units_failed",
];

/// Puts the samples of `host` on the sheet. `at` is the label of the observation.
pub(crate) fn put(sheet: &mut Sheet, host: &str, facts: &Facts, at: Option<Timestamp>) {
    machine(sheet, host, &facts.machine, at);
    memory(sheet, host, &facts.memory, facts.machine.memory_bytes);
    for filesystem in facts.storage.filesystems.seen().into_iter().flatten() {
        self::filesystem(sheet, host, filesystem);
    }
    if let Seen::Seen(units) = &facts.units {
        self::units(sheet, host, units);
    }
    if let Seen::Seen(synchronised) = &facts.clock.synchronised {
        sheet.gauge(
            "node_timex_sync_status",
            "Whether the kernel holds the clock for synchronised",
            &[("host", host)],
            f64::from(u8::from(*synchronised)),
        );
    }
}

fn machine(sheet: &mut Sheet, host: &str, machine: &Machine, at: Option<Timestamp>) {
    let labels =
        [("host", host), ("release", &*machine.kernel), ("machine", &*machine.architecture)];
    sheet.info("node_uname", "The kernel's release and the hardware's name", &labels);
    if let Some(at) = at {
        sheet.gauge(
            "node_boot_time_seconds",
            "When the machine started, by its own clock",
            &labels[..1],
            at.as_second() as f64 - machine.uptime_seconds as f64,
        );
    }
}

fn memory(sheet: &mut Sheet, host: &str, memory: &Memory, total: u64) {
    let labels = [("host", host)];
    let mut put = |name: &str, help: &str, value: u64| {
        sheet.gauge(&format!("node_memory_{name}_bytes"), help, &labels, value as f64);
    };
    match &memory.sizes {
        Seen::Seen(sizes) => {
            put("MemTotal", "Memory in all", sizes.total_bytes);
            put("MemAvailable", "Memory that can be given without swapping", sizes.available_bytes);
            put("SwapTotal", "Swap in all", sizes.swap_total_bytes);
            let free = sizes.swap_total_bytes.saturating_sub(sizes.swap_used_bytes);
            put("SwapFree", "Swap that is free", free);
        }
        Seen::Unseen(_) => put("MemTotal", "Memory in all", total),
    }
    if let Seen::Seen(kills) = &memory.kills {
        let help = "Processes killed for want of memory since the boot";
        sheet.untyped("node_vmstat_oom_kill", help, &labels, kills.count as f64);
    }
}

fn filesystem(sheet: &mut Sheet, host: &str, filesystem: &Filesystem) {
    let labels = [
        ("host", host),
        ("device", &*filesystem.source),
        ("fstype", &*filesystem.kind),
        ("mountpoint", &*filesystem.mount),
    ];
    let mut put = |name: &str, help: &str, value: u64| {
        sheet.gauge(&format!("node_filesystem_{name}"), help, &labels, value as f64);
    };
    put("readonly", "Whether it is read-only now", u64::from(filesystem.read_only));
    let Seen::Seen(usage) = &filesystem.usage else { return };
    put("size_bytes", "Size in all", usage.size_bytes);
    put("avail_bytes", "Free for ordinary users", usage.available_bytes);
    put("free_bytes", "Free for root", usage.size_bytes.saturating_sub(usage.used_bytes));
    if let Some(inodes) = &usage.inodes {
        put("files", "Inodes in all", inodes.used.saturating_add(inodes.available));
        put("files_free", "Inodes that are free", inodes.available);
    }
}

fn units(sheet: &mut Sheet, host: &str, units: &Units) {
    let running = f64::from(u8::from(units.state == "running"));
    let labels = [("host", host)];
    let name = "node_systemd_system_running";
    sheet.gauge(name, "Whether systemd's state is `running`", &labels, running);
    sheet.gauge(
        "node_systemd_units",
        "Units in a state",
        &[("host", host), ("state", "failed")],
        units.failed.len() as f64,
    );
    for failure in &units.failed {
        sheet.gauge(
            "node_systemd_unit_state",
            "Units that have failed; others are not told",
            &[("host", host), ("name", &failure.name), ("state", "failed")],
            1.0,
        );
    }
    for timer in &units.timers {
        if let Some(last) = timer.last {
            sheet.gauge(
                "node_systemd_timer_last_trigger_seconds",
                "When a timer last fired, by the host's own clock",
                &[("host", host), ("name", &timer.name)],
                last.as_millisecond() as f64 / 1000.0,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use api::facts::memory::Sizes;
    use api::facts::memory::kills::Kills;
    use api::facts::storage::{Inodes, Purpose, Usage};
    use api::facts::units::failure::{Ending, Failure};
    use api::facts::units::timer::Timer;

    use super::*;

    #[test]
    fn a_machine_is_told_under_the_names_scrapers_know() {
        let at: Timestamp = "2026-11-20T12:00:00Z".parse().expect("a time");
        let mut facts = Facts::default();
        facts.machine.kernel = "6.1.0-28-amd64".to_owned();
        facts.machine.architecture = "x86_64".to_owned();
        facts.machine.uptime_seconds = 60;
        facts.memory.sizes = Seen::Seen(Sizes {
            total_bytes: 2048,
            available_bytes: 1024,
            swap_total_bytes: 512,
            swap_used_bytes: 12,
            limit_bytes: None,
        });
        facts.memory.kills = Seen::Seen(Kills { count: 3, ..Kills::default() });
        facts.clock.synchronised = Seen::Seen(true);
        facts.storage.filesystems = Seen::Seen(vec![Filesystem {
            mount: "/srv/a \"b\"".to_owned(),
            source: "/dev/sda1".to_owned(),
            kind: "ext4".to_owned(),
            purpose: Purpose::Data,
            read_only: false,
            wanted_read_only: None,
            given_up: None,
            usage: Seen::Seen(Usage {
                size_bytes: 1000,
                used_bytes: 600,
                available_bytes: 350,
                inodes: Some(Inodes { used: 10, available: 90 }),
            }),
            errors: Vec::new(),
        }]);
        facts.units = Seen::Seen(Units {
            state: "degraded".to_owned(),
            failed: vec![Failure { name: "a.service".to_owned(), ending: Ending::default() }],
            timers: vec![
                Timer { name: "b.timer".to_owned(), last: Some(at), ..Timer::default() },
                Timer { name: "never.timer".to_owned(), ..Timer::default() },
            ],
            ..Units::default()
        });
        let mut sheet = Sheet::default();
        put(&mut sheet, "runko", &facts, Some(at));
        let samples: Vec<String> = sheet
            .encoded()
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.replace("host=\"runko\"", "H"))
            .collect();
        insta::assert_snapshot!(samples.join("\n"), @r#"
        node_boot_time_seconds{H} 1795175940.0
        node_filesystem_avail_bytes{H,device="/dev/sda1",fstype="ext4",mountpoint="/srv/a \"b\""} 350.0
        node_filesystem_files{H,device="/dev/sda1",fstype="ext4",mountpoint="/srv/a \"b\""} 100.0
        node_filesystem_files_free{H,device="/dev/sda1",fstype="ext4",mountpoint="/srv/a \"b\""} 90.0
        node_filesystem_free_bytes{H,device="/dev/sda1",fstype="ext4",mountpoint="/srv/a \"b\""} 400.0
        node_filesystem_readonly{H,device="/dev/sda1",fstype="ext4",mountpoint="/srv/a \"b\""} 0.0
        node_filesystem_size_bytes{H,device="/dev/sda1",fstype="ext4",mountpoint="/srv/a \"b\""} 1000.0
        node_memory_MemAvailable_bytes{H} 1024.0
        node_memory_MemTotal_bytes{H} 2048.0
        node_memory_SwapFree_bytes{H} 500.0
        node_memory_SwapTotal_bytes{H} 512.0
        node_systemd_system_running{H} 0.0
        node_systemd_timer_last_trigger_seconds{H,name="b.timer"} 1795176000.0
        node_systemd_unit_state{H,name="a.service",state="failed"} 1.0
        node_systemd_units{H,state="failed"} 1.0
        node_timex_sync_status{H} 1.0
        node_uname_info{H,release="6.1.0-28-amd64",machine="x86_64"} 1
        node_vmstat_oom_kill{H} 3.0
        "#);
    }
}
