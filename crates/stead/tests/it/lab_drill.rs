//! Drills and restores in the lab: a small service with a database and files is saved, drilled
//! without a network, spoilt in every way that looks like success, and brought back.

use std::path::Path;

use anyhow::{Result, ensure};
use lab::{Fleet, Machine};

/// A drill's machine is a container in the container, and its silence is seen from without.
const PACKAGES: [&str; 5] = ["git", "postgresql", "restic", "systemd-container", "tcpdump"];

/// A service that reads its key, its files and its database, and calls another machine.
const SERVICE: &str = include_str!("drill/service.sh");
/// Takes the newest snapshot apart with restic, changes it, and saves it as a newer one.
const PLANT: &str = include_str!("drill/plant.sh");

fn machine(fleet: &Fleet) -> Result<Machine> {
    let machine = fleet.machine("server").packages(&PACKAGES).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    machine.write("/root/service.sh", SERVICE)?;
    machine.write("/root/plant.sh", PLANT)?;
    machine.must("sh -eu /root/service.sh")?;
    Ok(machine)
}

/// The exit code of a drill, and all that it said.
fn drill(machine: &Machine) -> Result<(Option<i32>, String)> {
    let output = machine.sh("cd /root/our-stead && stead drill notes 2>&1")?;
    Ok((output.status.code(), output.stdout))
}

/// The service's program ends at once, on this machine and in every copy, from its next start on.
const ENDS: &str = "mkdir /etc/systemd/system/notes.service.d && \
    printf '[Service]\\nExecStart=\\nExecStart=/bin/sh -c \"echo no key; exit 1\"\\n' \
      >/etc/systemd/system/notes.service.d/ends.conf";
const ENDED: &str = "notes.service is failed (exit-code, status 1): no key";

/// Nothing of a drill is left on the machine.
fn clean(machine: &Machine) -> Result<()> {
    machine.must(
        "! grep stead-drill /proc/self/mounts && test -z \"$(ls /run/stead-drill)\" \
         && test -z \"$(ls /var/lib/stead/backup/drill)\" && ! pgrep systemd-nspawn",
    )?;
    Ok(())
}

#[test]
fn lab_a_drill_passes_without_a_packet_and_leaves_nothing() -> Result<()> {
    let Some(fleet) = Fleet::new("drill")? else { return Ok(()) };
    let machine = machine(&fleet)?;
    // The live service calls, too; it is quiet while the packets are counted.
    machine.must("systemctl stop notes")?;
    machine.must("ip link set eth0 arp off")?;
    // What leaves; but for the kernel's own search for neighbours, which a young interface begins.
    let capture = "tcpdump -i eth0 -Q out -U -w /root/packets not dst net ff02::/16";
    machine.must(&format!("systemd-run -q --unit=capture {capture}"))?;
    machine.until("test -s /root/packets", std::time::Duration::from_secs(20))?;
    let (code, said) = drill(&machine)?;
    ensure!(code == Some(0) && said.contains("PASS notes from disk"), "{code:?} {said}");
    machine.must("systemctl stop capture")?;
    let packets = machine.must("tcpdump -n -r /root/packets 2>/dev/null")?;
    ensure!(packets.is_empty(), "packets left: {packets}");
    clean(&machine)?;
    machine.must("grep -q '\"outcome\": \"pass\"' /var/lib/stead/backup/drills/notes.json")?;
    // What the copy was told to change, it changed in the copy.
    machine
        .must("! grep -q sealed /etc/notes/notes.conf && test -e /var/cache/notes/undeclared")?;

    // Killed in the middle, it is taken away by the next one.
    machine.must(
        "cd /root/our-stead; (stead drill notes >/root/said 2>&1 & echo $! >/root/pid); \
         until grep -q ^machine /root/said; do sleep 0.05; done; kill -9 $(cat /root/pid)",
    )?;
    let (code, said) = drill(&machine)?;
    ensure!(code == Some(0) && said.contains("took away what drills of notes left"), "{said}");
    clean(&machine)?;

    // A service that ends at once is not waited for, and says why.
    machine.must(ENDS)?;
    let output = machine.sh("cd /root/our-stead && timeout 110 stead drill notes 2>&1")?;
    let (code, said) = (output.status.code(), output.stdout);
    ensure!(code == Some(3) && said.contains("FAIL notes"), "{code:?} {said}");
    ensure!(said.contains(": checks: answers: ") && said.contains(ENDED), "{said}");
    clean(&machine)?;
    machine.must("rm -r /etc/systemd/system/notes.service.d")?;

    // What the drill itself lacks says nothing of the backup.
    machine.must("mv /usr/bin/systemd-nspawn /root/")?;
    let output = machine.sh("cd /root/our-stead && stead drill notes --root nspawn 2>&1")?;
    let (code, said) = (output.status.code(), output.stdout);
    ensure!(code == Some(3) && said.contains("UNKNOWN notes"), "{code:?} {said}");
    ensure!(said.contains("`apt-get install systemd-container`"), "{said}");
    machine.must("mv /root/systemd-nspawn /usr/bin/ && mv /mnt/backup /mnt/elsewhere")?;
    let (code, said) = drill(&machine)?;
    ensure!(code == Some(3) && said.contains("UNKNOWN notes"), "{code:?} {said}");
    clean(&machine)
}

#[test]
fn lab_each_bad_backup_fails_its_drill_and_says_why() -> Result<()> {
    let Some(fleet) = Fleet::new("planted")? else { return Ok(()) };
    let machine = machine(&fleet)?;
    machine.must("cp -a /mnt/backup /mnt/good")?;
    for (plant, step, why) in [
        ("same", "", "PASS"),
        ("truncated", "database", "pg_restore"),
        ("terminal", "database", "pg_restore"),
        ("nothing", "database", "pg_restore"),
        ("died", "database", "is not the one that the manifest counted"),
        ("function", "manifest", "f(integer) differs"),
        ("extension", "manifest", "extension pg_trgm"),
        ("emptied", "manifest", "note is empty, had 20,000 rows"),
        ("media", "files", "bytes"),
        ("flipped", "fetch", "does not decrypt"),
        ("missing", "fetch", "pack "),
    ] {
        machine.must("rm -rf /mnt/backup && cp -a /mnt/good /mnt/backup")?;
        machine.must(&format!("sh -eu /root/plant.sh {plant}"))?;
        let (code, said) = drill(&machine)?;
        if step.is_empty() {
            ensure!(code == Some(0), "{plant}: {said}");
            continue;
        }
        let last = said.lines().last().unwrap_or_default();
        ensure!(code == Some(3) && last.starts_with("FAIL notes"), "{plant}: {said}");
        ensure!(last.contains(&format!(": {step}: ")) && last.contains(why), "{plant}: {said}");
        clean(&machine)?;
    }
    Ok(())
}

#[test]
fn lab_a_restore_is_swapped_in_undone_and_rebuilt_from_nothing() -> Result<()> {
    let Some(fleet) = Fleet::new("restored")? else { return Ok(()) };
    let machine = machine(&fleet)?;
    let stead = |line: &str| machine.must(&format!("cd /root/our-stead && stead {line} 2>&1"));
    let rows = "cd / && runuser -u notes -- psql -XAtd notes -c 'SELECT count(*) FROM note'";
    machine
        .must("cd / && runuser -u notes -- psql -Xqd notes -c 'DELETE FROM note WHERE id > 9'")?;
    machine.must("echo changed >> /etc/notes/notes.conf")?;
    let price = stead("restore notes --dry-run")?;
    ensure!(price.contains("loses  what was written since") && price.contains("keeps"), "{price}");
    ensure!(machine.must(rows)? == "9\n", "a dry run changed something");
    ensure!(!machine.sh("cd /root/our-stead && stead restore notes")?.success(), "nobody agreed");

    stead("restore notes --yes")?;
    ensure!(machine.must(rows)? == "20000\n");
    machine.must("! grep -q changed /etc/notes/notes.conf && systemctl is-active notes")?;
    machine.must("grep -q changed /etc/notes.before-*/notes.conf")?;
    stead("restore notes --undo --yes")?;
    ensure!(machine.must(rows)? == "9\n");
    machine.must("grep -q changed /etc/notes/notes.conf && systemctl is-active notes")?;
    machine.must("test -z \"$(ls -d /etc/notes.* /var/lib/notes.* 2>/dev/null)\"")?;

    // What is back is as it was saved; that the service does not do what it should is said.
    machine.must("sed -i s/20000/30000/ /root/our-stead/recipes/notes/recipe.toml")?;
    let output = machine.sh("cd /root/our-stead && stead restore notes --yes 2>/dev/null")?;
    ensure!(output.status.code() == Some(3), "{output:?}");
    ensure!(output.stdout.contains("does not do what it should: answers"), "{output:?}");
    machine.must("sed -i s/30000/20000/ /root/our-stead/recipes/notes/recipe.toml")?;
    stead("restore notes --undo --yes")?;
    machine.must(ENDS)?;
    let output =
        machine.sh("cd /root/our-stead && timeout 110 stead restore notes --yes 2>/dev/null")?;
    ensure!(output.status.code() == Some(3) && output.stdout.contains(ENDED), "{output:?}");
    machine.must("rm -r /etc/systemd/system/notes.service.d")?;
    stead("restore notes --undo --yes")?;

    // Killed while the service stops, and one path is already moved: the next run finishes it.
    machine.must(
        "mkdir /run/systemd/system/notes.service.d && touch /root/hold && printf \
         '[Service]\\nExecStopPost=+/bin/sh -c \"while test -e /root/hold; do sleep 0.1; done\"\\n' \
         >/run/systemd/system/notes.service.d/hold.conf && systemctl daemon-reload",
    )?;
    machine.must(
        "cd /root/our-stead; (stead restore notes --yes >/root/said 2>&1 & echo $! >/root/pid); \
         until grep -q '\"phase\": \"swapping\"' /var/lib/stead/backup/restore/notes.json; \
         do sleep 0.05; done; stead proof notes --json >/root/runs; \
         kill -9 $(cat /root/pid); rm /root/hold; mv /etc/notes \
         $(grep -o '/etc/notes.before-[^\"]*' /var/lib/stead/backup/restore/notes.json)",
    )?;
    // Whoever asks meanwhile is told, with the way out; what still ran was not cut short.
    machine
        .must("grep -q 'runs: swapping the old state' /root/runs && ! grep -q cut /root/runs")?;
    let proof = machine.sh("cd /root/our-stead && stead proof notes --json")?;
    ensure!(proof.status.code() == Some(3), "{proof:?}");
    ensure!(proof.stdout.contains("was cut short while swapping the old state"), "{proof:?}");
    ensure!(proof.stdout.contains("`stead restore notes` goes on where it was"), "{proof:?}");
    let check = machine.sh("cd /root/our-stead && stead check restore-ended --json")?;
    ensure!(check.status.code() == Some(3) && check.stdout.contains("was cut short"), "{check:?}");
    let said = stead("restore notes --yes")?;
    ensure!(said.contains("was cut short while it swapped; it is finished now"), "{said}");
    ensure!(said.contains("No other snapshot was restored"), "{said}");
    stead("restore --forget-old notes --yes")?;
    ensure!(machine.must(rows)? == "20000\n");
    machine.must("! grep -q changed /etc/notes/notes.conf && systemctl is-active notes")?;
    machine.must("test -z \"$(ls -d /etc/notes.* /var/lib/notes.* 2>/dev/null)\"")?;

    // Beside, to look at: files and a database of its own; the service is not touched.
    let ask =
        |sql: &str| machine.must(&format!("cd / && runuser -u postgres -- psql -XAtc \"{sql}\""));
    let price = stead("restore notes --to /srv/look --dry-run")?;
    ensure!(price.contains("makes  the database notes_restored_"), "{price}");
    ensure!(!machine.sh("cd /root/our-stead && stead restore notes --to /srv/look")?.success());
    machine.must("test ! -e /srv/look")?;
    let said = stead("restore notes --to /srv/look --yes")?;
    let beside = ask("SELECT datname FROM pg_database WHERE datname LIKE 'notes_restored_%'")?;
    ensure!(said.contains(&format!("The database is {}: ", beside.trim())), "{said}");
    let count = rows.replace("-XAtd notes", &format!("-XAtd {}", beside.trim()));
    ensure!(machine.must(&count)? == "20000\n");
    machine.must("test $(ls /srv/look/var/lib/notes/media | wc -l) = 5")?;
    let again = machine.sh("cd /root/our-stead && stead restore notes --to /srv/look --yes")?;
    ensure!(again.stderr.contains("is not empty, and a restore overwrites nothing"), "{again:?}");
    let said = stead("restore notes --to /srv/dump --no-database")?;
    for line in said.lines().filter_map(|line| line.strip_prefix("  runuser")) {
        machine.must(&format!("cd / && runuser{line}"))?;
    }
    ensure!(machine.must(&rows.replace("-XAtd notes", "-XAtd notes_restored"))? == "20000\n");

    // All is lost but the plan, one member's key and the repository.
    machine.must(
        "systemctl stop notes; cd / && for one in $(runuser -u postgres -- psql -XAtc \
         \"SELECT datname FROM pg_database WHERE datname LIKE 'notes%'\"); do \
         runuser -u postgres -- dropdb $one; done && runuser -u postgres -- dropuser notes \
         && rm -rf /etc/notes /var/lib/notes /var/lib/stead",
    )?;
    stead("restore notes --yes --identity /root/el.key")?;
    ensure!(machine.must(rows)? == "20000\n");
    machine.must("systemctl is-active notes && test $(ls /var/lib/notes/media | wc -l) = 5")?;
    machine.must(
        "PGPASSWORD='a word of notes' psql -XAtc 'SELECT 1' -h localhost -U notes -d notes",
    )?;
    stead("restore --forget-old notes --yes")?;
    machine.must("test -z \"$(ls /var/lib/stead/backup/restore)\"")?;
    Ok(())
}
