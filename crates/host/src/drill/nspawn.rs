//! A sealed machine's root, cut off by systemd-nspawn.
//!
//! Leaves out what is in it and when it has booted.

use std::path::Path;
use std::process::Command;

use crate::drill::machine::Plan;

/// Why it cannot be had here, as far as a look shows.
pub(crate) fn barred() -> Option<String> {
    let there = Path::new("/usr/bin/systemd-nspawn").exists();
    (!there).then(|| "not installed".to_owned())
}

/// The program that boots it into a target, and ends with it.
pub(crate) fn command(root: &Path, target: &str, plan: &Plan<'_>) -> Command {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut command = Command::new("setpriv");
    if !plan.keep {
        // It ends with the thread that started it, however that ends.
        command.args(["--pdeathsig", "KILL"]);
    }
    command
        .args(["--", "systemd-nspawn", "--quiet", "--register=no", "--private-network"])
        .args(["--settings=no", "--resolv-conf=off", "--timezone=off", "--link-journal=no"])
        .arg("--kill-signal=SIGRTMIN+3")
        .arg(format!("--machine=stead-drill-{}", plan.service))
        .arg(format!("--hostname={host}"))
        .arg(format!("--directory={}", root.display()));
    // systemd gives the machine a scope of its own; where there is none, it stays in ours.
    if !Path::new("/run/systemd/system").is_dir() {
        command.arg("--keep-unit");
    }
    for (here, place) in plan.binds {
        let escaped =
            |path: &Path| path.to_string_lossy().replace('\\', "\\\\").replace(':', "\\:");
        command.arg(format!("--bind={}:{}", escaped(here), escaped(place)));
    }
    command.arg("--boot").arg(format!("systemd.unit={target}"));
    command
}
