//! The Scuttlebutt pub of the cookbook, two real releases of it, on a booted Debian.
//!
//! Its npm packages are fetched on this machine, once; the machine of the lab reaches nobody.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::{Fleet, Image, Machine};

use crate::lifecycle::{Life, Removed, Upgraded, install};
use crate::releases::{newer, older};

/// The set of packages that most machines of these tests share.
const SET: [&str; 3] = ["git", "nginx-light", "postgresql"];
/// The pub makes keys and indexes when it starts first.
const SOON: Duration = Duration::from_secs(120);

/// A word of the pub's answer about itself.
fn identity(machine: &Machine) -> Result<String> {
    let said = machine.until("ssb-pub whoami", SOON)?;
    let id = said.split('"').find(|word| word.ends_with(".ed25519"));
    Ok(id.with_context(|| format!("ssb-pub whoami: {said}"))?.to_owned())
}

/// What listens beyond loopback: protocol and port, sorted.
fn open_ports(machine: &Machine) -> Result<Vec<String>> {
    let said = machine.must("ss -Htuln | awk '{ print $1, $5 }'")?;
    let beyond = said
        .lines()
        .filter(|line| !["127.", "[::1]", "%lo"].iter().any(|local| line.contains(local)));
    let ports = beyond.filter_map(|line| {
        let (protocol, address) = line.split_once(' ')?;
        Some(format!("{protocol} {}", address.rsplit(':').next()?))
    });
    let mut ports: Vec<String> = ports.collect();
    ports.sort();
    ports.dedup();
    Ok(ports)
}

#[test]
fn lab_the_pub_is_set_up_in_one_command_claimed_by_nobody_and_outlives_its_releases() -> Result<()>
{
    let Some(fleet) = Fleet::new("pub")? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let newer = newer("ssb-pub", &[])?;
    let older = older("ssb-pub", "15.3.0", "package-lock.json", &[], folder.path())?;
    let debian = Image::with(&SET)?.download(&["nodejs"])?;
    let machine = fleet.machine("a").packages(&SET).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    // Thousands of small files, each of which dpkg would wait for the disk.
    machine.write("/etc/dpkg/dpkg.cfg.d/lab", "force-unsafe-io\n")?;
    let debian: Vec<&Path> = debian.iter().map(PathBuf::as_path).collect();
    install(&machine, &debian)?;
    let closed = open_ports(&machine)?;

    Life {
        package: "ssb-pub",
        older: &older,
        newer: &newer,
        conffile: "/etc/ssb-pub/config",
        edit: " ",
        unit: "ssb-pub.service",
        upgraded: Upgraded::Restarted,
        removed: Removed::Stopped,
        // Made anew by the reboot.
        stays: &["/var/lib/systemd/timers", "/var/tmp/systemd-private-"],
    }
    .live(&machine, |machine, moment| {
        let me = identity(machine)?;
        if moment == "installed" {
            // Nobody is invited before it is set up, and nobody but root sets it up.
            let early = machine.sh("ssb-pub-invite")?;
            ensure!(!early.success() && early.stderr.contains("ssb-pub-setup"), "{}", early.stderr);
            for line in ["ssb-pub-setup evil.example x", "ssb-pub invite.create 1", "ssb-pub whoami"] {
                let other = machine.sh(&format!("runuser -u nobody -- {line}"))?;
                ensure!(!other.success(), "nobody may run `{line}`: {}", other.stdout);
            }
            let key = machine.must("stat -c '%a %U' /var/lib/ssb-pub/.ssb/secret /var/lib/ssb-pub")?;
            ensure!(key == "400 ssb-pub\n750 ssb-pub\n", "the key's mode: {key}");
            let bad = machine.sh("ssb-pub-setup 'a b;c' x")?;
            ensure!(bad.status.code() == Some(2), "a host name with blanks was taken");
            let said = machine.must("ssb-pub-setup pub.example 'Our pub: \"hello\" & welcome'")?;
            ensure!(said == format!("pub.example is {me}\n"), "{said}");
            machine.must(&format!("echo '{me}' >/srv/identity"))?;
        }
        // Nothing but Scuttlebutt's own port is open to the world.
        let mut open = open_ports(machine)?;
        open.retain(|port| !closed.contains(port));
        ensure!(open == ["tcp 8008", "udp 8008"], "open beyond loopback: {open:?}");
        if moment == "installed again" {
            // Removal kept its data and its identity.
            ensure!(machine.must("cat /srv/identity")?.trim() == me, "it is another pub now");
        }
        let about = machine.until("ssb-pub createLogStream | grep -F 'Our pub'", SOON)?;
        ensure!(about.contains("hello") && about.contains("& welcome"), "about: {about}");
        let invite = machine.must("ssb-pub-invite 3")?;
        ensure!(invite.starts_with(&format!("pub.example:8008:{me}~")), "invite: {invite}");
        if moment == "upgraded" {
            machine.stop()?;
            machine.start()?;
            ensure!(identity(machine)? == me, "it came back from a reboot as another pub");
            machine.until("ssb-pub createLogStream | grep -F 'Our pub'", SOON)?;
            machine.until("systemctl is-active ssb-pub.service ssb-pub-watch.timer", SOON)?;
            // A pub that hangs is noticed and started anew.
            let hung = "systemctl kill --signal STOP ssb-pub.service";
            machine.must(hung)?;
            let was = machine.must("systemctl show -P MainPID ssb-pub.service")?;
            machine.must("sed -i 's/timeout 120/timeout 3/' /usr/lib/systemd/system/ssb-pub-watch.service && systemctl daemon-reload")?;
            machine.must("systemctl start ssb-pub-watch.service")?;
            ensure!(identity(machine)? == me, "it is another pub after a restart");
            let is = machine.must("systemctl show -P MainPID ssb-pub.service")?;
            ensure!(was != is, "a pub that hangs was not started anew");
        }
        Ok(())
    })
}
