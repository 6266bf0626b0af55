//! Observes the machine as a whole: its system, its size, its virtualisation.

use std::fs;
use std::path::Path;
use std::process::Command;

use model::facts::machine::Machine;
use model::seen::Seen;
use model::text::printable;

/// The longest name that is kept, in characters.
const LONGEST: usize = 120;

pub(crate) fn observe() -> Machine {
    let names = rustix::system::uname();
    let show = |text: &std::ffi::CStr| printable(&text.to_string_lossy(), LONGEST);
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    Machine {
        hostname: show(names.nodename()),
        system: system(&fs::read_to_string("/etc/os-release").unwrap_or_default()),
        kernel: show(names.release()),
        architecture: show(names.machine()),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        memory_bytes: memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default()),
        boot_id: fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map(|id| id.trim().to_owned())
            .unwrap_or_default(),
        uptime_seconds: uptime.split('.').next().and_then(|s| s.parse().ok()).unwrap_or(0),
        virtualisation: virtualisation(),
        privileged: rustix::process::geteuid().is_root(),
        // sd_booted(3) asks the same.
        systemd: Path::new("/run/systemd/system").is_dir(),
    }
}

/// `PRETTY_NAME` of os-release(5).
fn system(os_release: &str) -> String {
    os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map(|value| printable(value.trim_matches(['"', '\'']), LONGEST))
        .unwrap_or_else(|| "unknown system".to_owned())
}

/// `MemTotal` of proc_meminfo(5), in bytes.
fn memory(meminfo: &str) -> u64 {
    meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|kib| kib.trim().parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}

fn virtualisation() -> Seen<String> {
    match Command::new("systemd-detect-virt").output() {
        Ok(output) => {
            Seen::Seen(printable(String::from_utf8_lossy(&output.stdout).trim(), LONGEST))
        }
        Err(error) => Seen::unseen(format!("cannot run systemd-detect-virt: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_and_meminfo_are_read() {
        assert_eq!(
            system("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            "Debian GNU/Linux 12 (bookworm)"
        );
        assert_eq!(system(""), "unknown system");
        assert_eq!(memory("MemTotal:       16384 kB\n"), 16 * 1024 * 1024);
        assert_eq!(memory("nonsense"), 0);
    }
}
