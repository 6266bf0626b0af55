//! Drills in a private root in the lab: without systemd-nspawn, and where it is refused.
//!
//! Leaves out what drills have in common: `lab_drill`.

use std::path::Path;

use anyhow::{Result, ensure};
use lab::{Fleet, Machine, Spec};

const PACKAGES: [&str; 5] = ["git", "postgresql", "restic", "systemd-container", "tcpdump"];

/// Units that name folders, process files and users of the host, and kill by name.
const SERVICE: [(&str, &str); 3] = [
    ("/root/service.sh", include_str!("drill/service.sh")),
    ("/root/units.sh", include_str!("drill/units.sh")),
    ("/root/plant.sh", include_str!("drill/plant.sh")),
];

/// What a drill must not change: units, the folders of services, and who runs.
const LIVE: &str = "systemctl list-units --no-legend --plain | sort; \
    systemctl show -p MainPID,InvocationID,NRestarts,ActiveEnterTimestampMonotonic \
      notes notes-run notes-old live postgresql@15-main; \
    find /run /var/lib /var/cache /tmp /dev -xdev \
      \\( -path /run/systemd/units -o -path /run/systemd/journal -o -path /var/lib/postgresql \
         -o -path /var/lib/stead -o -path /run/stead-drill \\) -prune \
      -o -printf '%p %u %g %m %i\\n' | sort; \
    cat /run/notes-run/pid /run/notes-old.pid /var/lib/notes-run/state";

fn machine(spec: Spec) -> Result<Machine> {
    let machine = spec.packages(&PACKAGES).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    for (path, text) in SERVICE {
        machine.write(path, text)?;
    }
    machine.must("sh -eu /root/service.sh && sh -eu /root/units.sh")?;
    Ok(machine)
}

/// The exit code of a drill, and all that it said.
fn drill(machine: &Machine, with: &str) -> Result<(Option<i32>, String)> {
    let line = format!("cd /root/our-stead && {with} 2>&1");
    let output = machine.sh(&line)?;
    Ok((output.status.code(), output.stdout))
}

/// Nothing of a drill is left: no mount, no folder, no process, no scope.
fn clean(machine: &Machine) -> Result<()> {
    machine.must(
        "! grep stead-drill /proc/*/mounts && test -z \"$(ls /run/stead-drill)\" \
         && test -z \"$(ls /var/lib/stead/backup/drill)\" && ! pgrep unshare \
         && ! pgrep systemd-nspawn",
    )?;
    let scopes = "! systemctl list-units --all --no-legend | grep 'stead drill of'";
    machine.until(scopes, std::time::Duration::from_secs(20))?;
    Ok(())
}

#[test]
fn lab_a_private_root_drills_without_nspawn_and_touches_nothing() -> Result<()> {
    let Some(fleet) = Fleet::new("private")? else { return Ok(()) };
    let machine = machine(fleet.machine("server"))?;
    machine.must("mv /usr/bin/systemd-nspawn /root/")?;
    let before = machine.must(LIVE)?;
    let capture = "tcpdump -i eth0 -Q out -U -w /root/packets not dst net ff02::/16";
    machine.must("ip link set eth0 arp off")?;
    machine.must(&format!("systemd-run -q --unit=capture {capture}"))?;
    machine.until("test -s /root/packets", std::time::Duration::from_secs(20))?;
    let (code, said) = drill(&machine, "stead drill notes")?;
    ensure!(code == Some(0) && said.contains("PASS notes from disk"), "{code:?} {said}");
    let told = "a private root, as systemd-nspawn: not installed";
    ensure!(said.contains(told) && said.contains("not filtered"), "{said}");
    machine.must("systemctl stop capture")?;
    let packets = machine.must("tcpdump -n -r /root/packets 2>/dev/null")?;
    ensure!(packets.is_empty(), "packets left: {packets}");
    clean(&machine)?;
    let after = machine.must(LIVE)?;
    ensure!(before == after, "before:\n{before}\nafter:\n{after}");

    // Killed in the middle, all of it ends at once, and the next one takes the rest away.
    machine.must(
        "cd /root/our-stead; (stead drill notes >/root/said 2>&1 & echo $! >/root/pid); \
         until grep -q ^machine /root/said; do sleep 0.05; done; kill -9 $(cat /root/pid)",
    )?;
    machine.until("! pgrep unshare", std::time::Duration::from_secs(20))?;
    let (code, said) = drill(&machine, "stead drill notes")?;
    ensure!(code == Some(0) && said.contains("took away what drills of notes left"), "{said}");
    clean(&machine)?;

    // A machine that was kept is looked into, and gone with the next drill.
    machine
        .must("sed -i 's/notes: 20000/notes: 30000/' /root/our-stead/recipes/notes/recipe.toml")?;
    let (code, said) = drill(&machine, "stead drill notes --keep")?;
    ensure!(code == Some(3) && said.contains("FAIL notes"), "{code:?} {said}");
    let line =
        "$(grep -om1 'nsenter --all --target [0-9]*' /var/lib/stead/backup/drills/notes.json)";
    ensure!(machine.must(&format!("{line} systemctl is-active notes-run"))? == "active\n");
    machine
        .must("sed -i 's/notes: 30000/notes: 20000/' /root/our-stead/recipes/notes/recipe.toml")?;
    let (code, said) = drill(&machine, "stead drill notes")?;
    ensure!(code == Some(0) && said.contains("took away what drills of notes left"), "{said}");
    clean(&machine)?;

    // Where neither can be had, both reasons are told and nothing is proved.
    let (code, said) = drill(&machine, "setpriv --bounding-set=-sys_admin stead drill notes")?;
    ensure!(code == Some(3) && said.contains("UNKNOWN notes"), "{code:?} {said}");
    ensure!(said.contains("not installed") && said.contains("are refused"), "{said}");
    ensure!(said.contains("`apt-get install systemd-container`"), "{said}");
    clean(&machine)?;
    ensure!(machine.must(LIVE)? == before, "a drill changed something");
    Ok(())
}

#[test]
fn lab_a_private_root_is_made_where_nspawn_is_refused() -> Result<()> {
    let Some(fleet) = Fleet::new("refused")? else { return Ok(()) };
    // With control groups as an installed Debian has them.
    let machine = machine(fleet.machine("server").unified())?;
    machine.must("cp -a /mnt/backup /mnt/good")?;
    for (plant, step, why) in [
        ("emptied", "manifest", "note is empty, had 20,000 rows"),
        ("truncated", "database", "pg_restore"),
    ] {
        machine.must("rm -rf /mnt/backup && cp -a /mnt/good /mnt/backup")?;
        machine.must(&format!("sh -eu /root/plant.sh {plant}"))?;
        let (code, said) = drill(&machine, "stead drill notes --root private")?;
        let last = said.lines().last().unwrap_or_default();
        ensure!(code == Some(3) && last.starts_with("FAIL notes"), "{plant}: {said}");
        ensure!(last.contains(&format!(": {step}: ")) && last.contains(why), "{plant}: {said}");
        clean(&machine)?;
    }
    machine.must("rm -rf /mnt/backup && cp -a /mnt/good /mnt/backup")?;
    // A host without the system bus, as a small Debian is: nspawn refuses to run there.
    machine.must("systemctl mask --now --runtime dbus.socket dbus.service")?;
    machine.must("! systemd-nspawn --register=no -D / --volatile=yes true")?;
    let (code, said) = drill(&machine, "stead drill notes")?;
    ensure!(code == Some(0) && said.contains("a private root, as systemd-nspawn: "), "{said}");
    ensure!(said.contains("Failed to open system bus"), "{said}");
    clean(&machine)?;

    // Who asks for one kind is never given the other.
    let (code, said) = drill(&machine, "stead drill notes --root nspawn")?;
    ensure!(code == Some(3) && said.contains("UNKNOWN notes"), "{code:?} {said}");
    ensure!(said.contains("Failed to open system bus"), "{said}");
    clean(&machine)
}
