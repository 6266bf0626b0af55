//! Synapse of the cookbook, with more than 100,000 rows and media, saved, drilled by its recipe's
//! own assertions, spoilt in every way that looks like success; and nobody hears the drills.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::{Fleet, Image, Machine};
use serde_json::Value;

use crate::lifecycle::install;
use crate::releases::newer;

/// The same set as the drills of a small service have.
const PACKAGES: [&str; 5] = ["git", "postgresql", "restic", "systemd-container", "tcpdump"];
const SETTINGS: [&str; 1] = ["server_name=chat.example"];
/// Python compiles all of Synapse at each first start, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(600);

/// Fills Synapse over its own API and by bulk, and makes its stead.
const FILL: &str = include_str!("drill/synapse.sh");
const TALK: &str = include_str!("drill/synapse-talk.py");
const PLANT: &str = include_str!("drill/synapse-plant.sh");
const CAPTURE: &str = include_str!("drill/synapse-capture.sh");

fn machine(fleet: &Fleet) -> Result<Machine> {
    let deb = newer("synapse", &SETTINGS)?;
    let debian = Image::with(&PACKAGES)?.download(&["python3-psycopg2", "python3"])?;
    let machine = fleet.machine("server").packages(&PACKAGES).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    // Thousands of small files, each of which dpkg would wait for the disk.
    machine.write("/etc/dpkg/dpkg.cfg.d/lab", "force-unsafe-io\n")?;
    let mut debs: Vec<&Path> = debian.iter().map(PathBuf::as_path).collect();
    debs.push(&deb);
    install(&machine, &debs)?;
    for (name, text) in [
        ("synapse.sh", FILL),
        ("synapse-talk.py", TALK),
        ("plant.sh", PLANT),
        ("capture.sh", CAPTURE),
    ] {
        machine.write(&format!("/root/{name}"), text)?;
    }
    must(&machine, "sh -eu /root/synapse.sh")?;
    Ok(machine)
}

fn must(machine: &Machine, line: &str) -> Result<String> {
    let output = machine.sh_within(&format!("{line} 2>&1"), PATIENCE)?;
    ensure!(output.success(), "{line}: {}", output.stdout);
    Ok(output.stdout)
}

/// The exit code of a drill, and all that it said.
fn drill(machine: &Machine) -> Result<(Option<i32>, String)> {
    let output = machine.sh_within("cd /root/our-stead && stead drill chat 2>&1", PATIENCE)?;
    Ok((output.status.code(), output.stdout))
}

/// What the last `stead backup now --json` said of a target.
fn saved(machine: &Machine, file: &str, target: &str) -> Result<Value> {
    let all: Value = serde_json::from_slice(&machine.read(file)?)?;
    let one = all.as_array().into_iter().flatten().find(|one| one["target"] == target);
    let one = one.with_context(|| format!("{file} has no {target}: {all}"))?;
    ensure!(one["error"].is_null(), "{one}");
    Ok(one["evidence"].clone())
}

/// A drill that passes while all interfaces are listened to: nothing leaves.
fn unheard(machine: &Machine) -> Result<String> {
    must(machine, "sh -eu /root/capture.sh begin")?;
    let (code, said) = drill(machine)?;
    ensure!(code == Some(0) && said.contains("PASS chat from disk"), "{code:?} {said}");
    let told = must(machine, "sh -eu /root/capture.sh end")?;
    ensure!(told.contains("left the host: 0\n"), "{told}");
    ensure!(told.contains("inside, beyond loopback: 0\n"), "{told}");
    ensure!(!told.contains("inside, on loopback: 0\n"), "the capture inside is deaf: {told}");
    Ok(said)
}

#[test]
fn lab_synapse_is_proved_by_its_drill_and_each_bad_backup_fails() -> Result<()> {
    let Some(fleet) = Fleet::new("drill-synapse")? else { return Ok(()) };
    let machine = machine(&fleet)?;

    for target in ["disk", "stick"] {
        let [first, second] = ["/root/first.json", "/root/second.json"];
        let [first, second] = [saved(&machine, first, target)?, saved(&machine, second, target)?];
        let number = |of: &Value, key: &str| of[key].as_u64().unwrap_or_default();
        ensure!(number(&second, "rows") >= 100_000, "{second}");
        ensure!(number(&second, "files") > number(&first, "files"), "{first} {second}");
        let (added, before) = (number(&second, "added_bytes"), number(&first, "added_bytes"));
        ensure!(added > 0 && added < before / 2, "not incremental: {first} {second}");
        machine.must(&format!("test -s /var/lib/stead/backup/evidence/chat@{target}.json"))?;
    }

    // The live one speaks to other machines; it is quiet while packets are counted.
    machine.must("systemctl stop synapse")?;
    let said = unheard(&machine)?;
    for part in ["signed the newest event", "6 of them by their sums", "@anna:chat.example reads"] {
        ensure!(said.contains(part), "no `{part}`: {said}");
    }
    // Without what its recipe switches off it calls others, and still nobody hears it.
    must(&machine, "sh -eu /root/capture.sh call-from-drills")?;
    unheard(&machine)?;
    // The capture is not deaf: the same call of the live service is heard.
    must(&machine, "sh -eu /root/capture.sh begin && systemctl start synapse")?;
    must(&machine, "sh -eu /root/capture.sh call-until-heard")?;
    must(&machine, "sh -eu /root/capture.sh end")?;
    must(&machine, "systemctl stop synapse; sh -eu /root/capture.sh call-no-more")?;

    must(&machine, "sh -eu /root/plant.sh ready")?;
    for (plant, step, why) in [
        ("truncated", "database", "pg_restore"),
        ("terminal", "database", "pg_restore"),
        ("plain", "database", "pg_restore"),
        ("nothing", "database", "pg_restore"),
        ("died", "database", "is not the one that the manifest counted"),
        ("function", "manifest", "greet(integer) differs"),
        ("extension", "manifest", "extension pg_trgm"),
        ("emptied", "manifest", "event_json is empty, had 55,"),
        ("cut", "files", "bytes"),
        ("lost", "files", "there are "),
        ("flipped", "fetch", "does not decrypt"),
        ("missing", "fetch", "pack "),
        ("other", "assertions", "has other contents than were sent"),
        ("key", "assertions", "the newest event of this server"),
    ] {
        must(&machine, &format!("sh -eu /root/plant.sh {plant}"))?;
        let (code, said) = drill(&machine)?;
        let last = said.lines().last().unwrap_or_default();
        ensure!(code == Some(3) && last.starts_with("FAIL chat"), "{plant}: {said}");
        ensure!(last.contains(&format!(": {step}: ")) && last.contains(why), "{plant}: {said}");
    }
    machine.must("! grep stead-drill /proc/self/mounts && test -z \"$(ls /run/stead-drill)\"")?;
    Ok(())
}
