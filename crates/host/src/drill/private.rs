//! A sealed machine's root, cut off by namespaces made with util-linux and a scope of systemd's.
//!
//! Its process 1 is a systemd of its own, as with nspawn: only so do a unit's `User=`,
//! `RuntimeDirectory=`, `PIDFile=` or `ExecStop=` mean the copy and never this host. Leaves out
//! what is in the root and when it has booted.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use model::text::{printable, with_causes};

use crate::drill::command;
use crate::drill::machine::Plan;

/// Makes file systems of its own, turns to the root, and becomes its systemd.
const SCRIPT: &str = concat!(include_str!("apart.sh"), include_str!("private.sh"));
const SYSTEMD: &str = "/lib/systemd/systemd";
const LIMIT: Duration = Duration::from_secs(30);
/// One of each kind, and all end with the program that made them.
const NAMESPACES: [&str; 9] = [
    "unshare",
    "--mount",
    "--uts",
    "--ipc",
    "--net",
    "--pid",
    "--cgroup",
    "--fork",
    "--kill-child=KILL",
];

/// Why it cannot be had here, as far as a look shows: namespaces, mounts and cgroup v2 are tried.
pub(crate) fn barred() -> Option<String> {
    if !Path::new("/run/systemd/system").is_dir() {
        return Some("this host was not booted with systemd".to_owned());
    }
    if !Path::new(SYSTEMD).exists() {
        return Some(format!("there is no {SYSTEMD}"));
    }
    let line = "mount -t tmpfs stead-drill /tmp && mount -t cgroup2 stead-drill /tmp";
    let mut tried = Command::new(NAMESPACES[0]);
    tried.args(&NAMESPACES[1..]).args(["--", "sh", "-c", line]);
    match command::run(&mut tried, LIMIT) {
        Ok(left) if left.well() => None,
        Ok(left) => {
            let told = printable(left.stderr.trim(), 300);
            Some(format!("namespaces of its own are refused: {told}"))
        }
        Err(error) => Some(with_causes(&error)),
    }
}

/// The program that boots it into a target, and ends with it.
pub(crate) fn command(root: &Path, target: &str, plan: &Plan<'_>) -> Command {
    let mut command = Command::new("setpriv");
    if !plan.keep {
        // It ends with the thread that started it, however that ends.
        command.args(["--pdeathsig", "KILL"]);
    }
    command
        // Its systemd manages the control groups of this scope, and no others.
        .args(["--", "systemd-run", "--quiet", "--no-ask-password", "--scope", "--collect"])
        // A node of a device in what was restored, or made by the copy, opens nothing.
        .args(["--property=Delegate=yes", "--property=DevicePolicy=closed"])
        .arg(format!("--description=stead drill of {}", plan.service))
        .arg("--")
        .args(NAMESPACES)
        .args(["--", "env", "container=stead", "sh", "-c", SCRIPT, "sh"])
        .arg(root)
        .arg(target);
    for (here, place) in plan.binds {
        command.arg(here).arg(place);
    }
    command
}
