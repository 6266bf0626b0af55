//! The lab against itself, on real machines.
//! What the machines are for is tested where it is built.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use lab::Fleet;

/// Everything on this machine that names a fleet: mounts, links, processes, groups.
fn traces(id: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("a mount table");
    found.extend(mounts.lines().filter(|line| line.contains(id)).map(str::to_owned));
    for entry in fs::read_dir("/proc").expect("processes").flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains("nspawn") && line.contains(id) {
            found.push(line);
        }
    }
    let shell = "find /sys/fs/cgroup -type d -name 'stead-lab-*'; ls /run/netns; ip -o link";
    let listed = Command::new("sh").args(["-c", shell]).output().expect("a shell");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    found.extend(listed.lines().filter(|line| line.contains(id)).map(str::to_owned));
    found
}

fn id(fleet: &Fleet) -> String {
    let namespace = fleet.namespace();
    let name = namespace.to_string_lossy().into_owned();
    name.rsplit('-').next().expect("a run's id ends the name").to_owned()
}

#[test]
fn two_machines_see_each_other_and_nobody_else() -> Result<()> {
    let Some(fleet) = Fleet::new("pair")? else { return Ok(()) };
    let one = fleet.machine("one").boot()?;
    let two = fleet.machine("two").boot()?;
    one.must("ping -c 1 -W 5 two")?;
    two.must("ping -c 1 -W 5 one")?;
    two.must("ping -c 1 -W 5 fd83::2")?;

    assert_eq!(one.must("ip route show default; ip -6 route show default")?, "");
    assert_eq!(one.must("ls /sys/class/net | tr '\\n' ' '")?, "eth0 lo ");
    assert!(!one.sh("ping -c 1 -W 1 192.0.2.2")?.success());
    assert!(!one.sh("getent hosts deb.debian.org")?.success());

    two.set_connected(false)?;
    assert!(!one.sh("ping -c 1 -W 1 two")?.success());
    two.set_connected(true)?;
    one.until("ping -c 1 -W 1 two", Duration::from_secs(20))?;
    Ok(())
}

#[test]
fn a_killed_machine_keeps_its_disk() -> Result<()> {
    let Some(fleet) = Fleet::new("kill")? else { return Ok(()) };
    let machine = fleet.machine("a").boot()?;
    machine.write("/srv/deep/er/file", "kept\n")?;
    let boot = machine.read("/proc/sys/kernel/random/boot_id")?;
    let id = machine.read("/etc/machine-id")?;
    machine.reset()?;
    assert_eq!(machine.read("/srv/deep/er/file")?, b"kept\n");
    assert_eq!(machine.read("/etc/machine-id")?, id);
    machine.must("test $(journalctl --list-boots | grep -c \' [0-9a-f]\\{32\\} \') = 2")?;
    assert_eq!(boot.len(), 37);

    machine.kill()?;
    assert!(!machine.is_running() && machine.sh("true").is_err() && machine.kill().is_err());
    machine.start()?;
    machine.stop()?;
    machine.start()?;
    machine.must("test $(journalctl --list-boots | grep -c \' [0-9a-f]\\{32\\} \') = 4")?;
    Ok(())
}

#[test]
fn a_machine_without_a_network_has_only_lo() -> Result<()> {
    let Some(fleet) = Fleet::new("alone")? else { return Ok(()) };
    let machine = fleet.machine("alone").no_network().boot()?;
    assert_eq!(machine.must("ls /sys/class/net")?, "lo\n");
    machine.must("ping -c 1 -W 5 127.0.0.1")?;
    assert!(machine.set_connected(true).is_err());
    Ok(())
}

#[test]
fn a_fresh_machine_is_a_healthy_debian() -> Result<()> {
    let Some(fleet) = Fleet::new("fresh")? else { return Ok(()) };
    let machine = fleet.machine("fresh").boot()?;
    assert_eq!(machine.must("systemctl is-system-running")?, "running\n");
    assert_eq!(machine.must("systemctl list-units --failed --plain --no-legend")?, "");
    assert_eq!(machine.must("hostname")?, "fresh\n");
    assert_eq!(machine.must("dpkg --audit; cat /proc/1/comm")?, "systemd\n");
    machine.must("grep -q bookworm /etc/os-release && test ! -e /usr/sbin/policy-rc.d")?;
    Ok(())
}

#[test]
fn files_and_output_pass_through_unchanged() -> Result<()> {
    let Some(fleet) = Fleet::new("files")? else { return Ok(()) };
    let machine = fleet.machine("a").bind_ro("/usr/share/zoneinfo", "/mnt/zones").boot()?;
    let folder = tempfile::tempdir()?;
    let bytes: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    let (there, back) = (folder.path().join("program"), folder.path().join("back"));
    fs::write(&there, &bytes)?;
    machine.install(&there)?;
    machine.pull("/usr/local/bin/program", &back)?;
    assert_eq!(fs::read(&back)?, bytes);
    assert_eq!(machine.must("stat -c %a /usr/local/bin/program")?, "755\n");
    machine.push(Path::new("/etc/hostname"), "/tmp/x/hostname")?;
    assert_eq!(machine.read("/tmp/x/hostname")?, fs::read("/etc/hostname")?);
    machine.must("test -e /mnt/zones/UTC && ! touch /mnt/zones/x")?;

    let output = machine.run(&["sh", "-c", "echo out; echo err >&2; exit 7"])?;
    assert_eq!((output.status.code(), output.stdout.as_str()), (Some(7), "out\n"));
    assert_eq!(output.stderr, "err\n");
    assert!(machine.must("exit 1").is_err());
    assert!(machine.sh_within("sleep 100", Duration::from_millis(300)).is_err());
    machine.must("! pgrep -x sleep")?;
    Ok(())
}

#[test]
fn nothing_is_left_when_a_fleet_goes() -> Result<()> {
    let Some(fleet) = Fleet::new("gone")? else { return Ok(()) };
    let id = id(&fleet);
    let machine = fleet.machine("a").boot()?;
    machine.must("systemd-run sleep 1000")?;
    let folder = machine.must("true").map(|_| traces(&id))?;
    assert!(!folder.is_empty(), "a running fleet can be seen");
    drop(fleet);
    machine.must("true")?;
    drop(machine);
    assert_eq!(traces(&id), Vec::<String>::new());
    Ok(())
}

#[test]
fn nothing_is_left_when_a_test_panics() -> Result<()> {
    let Some(fleet) = Fleet::new("panic")? else { return Ok(()) };
    let id = id(&fleet);
    let panicked = std::thread::spawn(move || {
        let _machine = fleet.machine("a").boot().unwrap();
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert_eq!(traces(&id), Vec::<String>::new());
    Ok(())
}
