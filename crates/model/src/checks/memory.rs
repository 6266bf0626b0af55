//! Checks on memory: growth, kills, pressure.

mod growth;
mod kills;
mod pressure;
mod text;

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "memory-growth",
        title: "no service grows towards its limit",
        asks: text::GROWTH,
        commands: &[
            "systemctl show -p MemoryCurrent,MemoryHigh,MemoryMax NAME.service",
            "systemd-cgtop -m -n 1",
            "cat /sys/fs/cgroup/system.slice/NAME.service/memory.stat",
        ],
        mend: text::GROWTH_MEND,
        judge: growth::judge,
    },
    Check {
        name: "memory-oom",
        title: "the kernel killed nothing for want of memory",
        asks: text::KILLS,
        commands: &[
            "grep oom_kill /proc/vmstat",
            "cat /sys/fs/cgroup/system.slice/NAME.service/memory.events",
            "journalctl -k -g 'Out of memory|oom-kill'",
        ],
        mend: text::KILLS_MEND,
        judge: kills::judge,
    },
    Check {
        name: "memory-pressure",
        title: "work does not stand still for want of memory, disk or processor",
        asks: text::PRESSURE,
        commands: &["grep . /proc/pressure/*", "systemd-cgtop", "vmstat 1 5"],
        mend: text::PRESSURE_MEND,
        judge: pressure::judge,
    },
];
