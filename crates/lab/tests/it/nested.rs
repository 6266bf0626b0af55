//! The lab on hosts other than this one: Debian's own, where systemd is process 1.
//! Such a host is itself a machine of the lab here.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use lab::{Fleet, Image};

/// Boots a machine in a machine, and gives what the outer one says of both.
fn machine_in_machine(unified: bool) -> Result<Option<String>> {
    let Some(fleet) = Fleet::new("nested")? else { return Ok(None) };
    let images = Image::with(&[])?.root().parent().context("a folder of images")?.to_owned();
    let spec = fleet.machine("outer").packages(&["systemd-container", "mmdebstrap"]);
    let spec = spec.bind_ro(images, "/mnt/images");
    let outer = if unified { spec.unified() } else { spec }.boot()?;
    outer.install(Path::new(env!("CARGO_BIN_EXE_lab")))?;
    // An overlay's upper folder cannot lie on an overlay, so the cache is in memory.
    outer.must("mkdir /dev/shm/lab && ln -s /mnt/images /dev/shm/lab/images")?;
    let said = outer.sh("export STEAD_LAB_CACHE=/dev/shm/lab\n\
         lab boot -- sh -c 'systemctl is-system-running; hostname; tail -n 1 /proc/self/cgroup'\n\
         lab sweep; ip netns; ls /dev/shm/lab/runs\n\
         systemctl list-units --no-legend --plain 'machine-*' 'run-*.scope'")?;
    ensure!(said.success(), "{said:?}");
    Ok(Some(said.stdout))
}

const WELL: &str = "running\nlab\n0::/lab.scope\nNothing was left behind.\nlock\n";

#[test]
fn a_host_with_systemd_and_cgroup_v2_has_a_lab() -> Result<()> {
    let Some(said) = machine_in_machine(true)? else { return Ok(()) };
    assert_eq!(said, WELL);
    Ok(())
}

#[test]
fn a_host_with_systemd_and_cgroup_v1_has_a_lab() -> Result<()> {
    let Some(said) = machine_in_machine(false)? else { return Ok(()) };
    assert_eq!(said, WELL);
    Ok(())
}
