//! The drill of a service with a large database, on a machine of the lab: what each step takes.
//!
//! Leaves out peers: none of them drills.

use anyhow::Context;

use crate::database::FILL;

/// The service of the lab's own test, whose database is filled before its first backup.
const SERVICE: &str = include_str!("../../tests/it/drill/service.sh");
const RUNS: usize = 3;

/// Prints a table of each drill's steps.
pub fn run() -> anyhow::Result<()> {
    let Some(fleet) = lab::Fleet::new("bench")? else { return Ok(()) };
    eprintln!("making a machine with a service and its database");
    let packages = ["git", "postgresql", "restic", "systemd-container"];
    let machine = fleet.machine("drill").packages(&packages).boot()?;
    machine.install(&crate::stead()?)?;
    let (before, after) = SERVICE.split_once("stead backup now").context("a first backup")?;
    machine.write("/root/service.sh", before)?;
    machine.must("sh -eu /root/service.sh")?;
    machine.write("/root/fill.sql", FILL)?;
    machine.must("runuser -u notes -- psql -Xqd notes -v ON_ERROR_STOP=1 -f - </root/fill.sql")?;
    let size = "runuser -u notes -- psql -XAtd notes -c \"SELECT pg_database_size('notes') >> 20\"";
    println!("{} MiB of database", machine.must(&format!("cd / && {size}"))?.trim());
    let stead = |line: &str| {
        let began = std::time::Instant::now();
        let said = machine.must(&format!("cd /root/our-stead && stead {line} 2>&1"))?;
        println!("\n{:.1} s: stead {line}\n{said}", began.elapsed().as_secs_f64());
        anyhow::Ok(())
    };
    stead(&format!("backup now {}", after.lines().next().unwrap_or_default().trim()))?;
    for _ in 0..RUNS {
        stead("drill notes")?;
    }
    Ok(())
}
