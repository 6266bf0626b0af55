//! The lab against itself, on real machines.
//! What the machines are for is tested where it is built.

mod left;
mod nested;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use lab::Fleet;

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
    assert!(!one.sh("getent hosts example.org")?.success());

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
    assert_eq!(machine.must("stat -c %a /dev/net/tun")?, "666\n");
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
fn packages_run_their_services_inside_only() -> Result<()> {
    let Some(fleet) = Fleet::new("web")? else { return Ok(()) };
    let server = fleet.machine("server").packages(&["git", "nginx-light", "postgresql"]).boot()?;
    assert_eq!(server.must("systemctl is-system-running")?, "running\n");
    let client = fleet.machine("client").boot()?;
    let ask = "exec 3<>/dev/tcp/server/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
    let answer = client.run(&["bash", "-c", ask])?;
    assert!(answer.stdout.starts_with("HTTP/1.1 200"), "{answer:?}");
    let version = server.must("runuser -u postgres -- psql -Atc 'show server_version'")?;
    assert!(version.starts_with("15."), "{version}");
    let other = client.run(&["bash", "-c", "exec 3<>/dev/tcp/server/5432"])?;
    assert!(!other.success(), "a fresh PostgreSQL listens to its own machine alone");
    Ok(())
}

#[test]
fn units_have_their_memory_counted_and_capped() -> Result<()> {
    let Some(fleet) = Fleet::new("memory")? else { return Ok(()) };
    let machine = fleet.machine("a").memory(200 << 20).boot()?;
    let greedy = "head -c 80m /dev/zero | tail -c 80m >/dev/null";
    machine.must(&format!("systemd-run -q --unit=greedy -p MemoryMax=40M sh -c '{greedy}'"))?;
    machine.until("systemctl is-failed greedy", Duration::from_secs(30))?;
    let eater = "x=$(head -c 30m /dev/urandom | base64 -w0); sleep 100";
    machine.must(&format!("systemd-run -q --unit=eater sh -c '{eater}'"))?;
    let enough = "test $(systemctl show eater -P MemoryCurrent) -gt 40000000";
    machine.until(enough, Duration::from_secs(30))?;
    let whole = machine.sh("head -c 400m /dev/zero | tail -c 400m | wc -c")?;
    assert_ne!(whole.stdout.trim(), "419430400", "the machine has 200 MiB");
    Ok(())
}

#[test]
fn a_unified_machine_has_cgroup_v2_alone() -> Result<()> {
    let Some(fleet) = Fleet::new("unified")? else { return Ok(()) };
    let machine = fleet.machine("a").unified().boot()?;
    assert_eq!(machine.must("stat -f -c %T /sys/fs/cgroup")?, "cgroup2fs\n");
    assert_eq!(machine.must("systemctl is-system-running")?, "running\n");
    assert_eq!(machine.must("tail -n 1 /proc/self/cgroup")?, "0::/lab.scope\n");
    machine.reset()
}

#[test]
fn a_shifted_clock_is_seen_by_services_and_commands() -> Result<()> {
    let Some(fleet) = Fleet::new("clock")? else { return Ok(()) };
    let days = 400;
    let machine = fleet.machine("a").clock(days * 86_400).boot()?;
    // Nothing inside may step the one real clock, which is the machine's below.
    machine.must("! setpriv --dump | grep -q sys_time")?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    assert_eq!(machine.must("systemctl is-system-running")?, "running\n");
    let service = "systemd-run -q --wait sh -c 'date +%s >/srv/seen'";
    machine.must(&format!("env -u LD_PRELOAD {service}"))?;
    for seen in [machine.must("date +%s")?, machine.must("cat /srv/seen")?] {
        let shift = seen.trim().parse::<u64>()?.saturating_sub(now) / 86_400;
        assert!(shift.abs_diff(400) <= 1, "{shift} days");
    }
    Ok(())
}

#[test]
fn machines_of_a_fleet_boot_side_by_side() -> Result<()> {
    let Some(fleet) = Fleet::new("many")? else { return Ok(()) };
    let machines: Vec<Result<lab::Machine>> = std::thread::scope(|scope| {
        let boot = |number| fleet.machine(&format!("m{number}")).boot();
        let threads: Vec<_> = (0..4).map(|number| scope.spawn(move || boot(number))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let machines = machines.into_iter().collect::<Result<Vec<_>>>()?;
    for machine in &machines {
        machine.must("for n in 0 1 2 3; do ping -c 1 -W 5 m$n >/dev/null || exit; done")?;
    }
    assert!(fleet.machine("m0").boot().is_err(), "a name is given once");
    assert!(fleet.machine("../m0").boot().is_err() && fleet.machine("").boot().is_err());
    Ok(())
}

#[test]
fn a_lab_that_cannot_run_says_so() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let skipped = folder.path().join("skipped");
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.arg("boot").env("PATH", "").env("STEAD_SKIPPED", &skipped);
    let output = lab.env_remove("STEAD_LAB_REQUIRED").output()?;
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("SKIPPED: "), "{output:?}");
    assert_eq!(fs::read_to_string(&skipped)?.lines().count(), 1);

    let output = lab.env("STEAD_LAB_REQUIRED", "1").output()?;
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: "), "{output:?}");
    assert_eq!(fs::read_to_string(&skipped)?.lines().count(), 1);
    Ok(())
}
