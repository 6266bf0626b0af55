//! The schedule in the lab: `stead up` as root saves and drills by itself and is red by missing
//! evidence, a killed backup is mended and leaves no unit stopped, and another host drills what
//! this one saved.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use lab::{Fleet, Machine};

/// A small service that is a package, its stead, and two targets.
const SERVICE: &str = include_str!("schedule/service.sh");
/// What takes seconds takes longer on a machine that is loaded with other tests.
const PATIENCE: Duration = Duration::from_secs(180);

fn machine(fleet: &Fleet, name: &str, packages: &[&str]) -> Result<Machine> {
    let packages: Vec<&str> =
        packages.iter().copied().chain(["git", "restic", "systemd-container"]).collect();
    let machine = fleet.machine(name).packages(&packages).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    machine.write("/root/service.sh", SERVICE)?;
    Ok(machine)
}

/// Begins `stead up` as systemd runs it; what it says is in `/root/said`.
fn up(machine: &Machine, more: &str) -> Result<()> {
    machine.must(&format!(
        "systemd-run -q --unit=watch -p StandardOutput=append:/root/said \
         -p StandardError=append:/root/said --setenv=HOME=/root --setenv=USER=el {more} \
         stead --dir /root/our-stead up --no-page"
    ))?;
    Ok(())
}

fn heard(machine: &Machine, line: &str) -> Result<()> {
    let look = format!("grep -q '{line}' /root/said || {{ cat /root/said; false; }}");
    machine.until(&look, PATIENCE).map(drop)
}

#[test]
fn lab_who_watches_saves_and_drills_and_is_red_when_the_disk_goes() -> Result<()> {
    let Some(fleet) = Fleet::new("schedule")? else { return Ok(()) };
    let machine = machine(&fleet, "runko", &["faketime"])?;
    machine.must("sh -eu /root/service.sh")?;
    // The repositories are restic's own making: no backup was ever made but by who watches.
    for target in ["disk", "offsite"] {
        machine.must(&format!(
            "restic -q init -r /mnt/backup/{target}/notes -p /var/lib/stead/backup/keys/notes"
        ))?;
    }
    machine.write("/root/clock", "+0")?;
    let clock = "--setenv='LD_PRELOAD=/usr/$LIB/faketime/libfaketime.so.1' \
                 --setenv=FAKETIME_TIMESTAMP_FILE=/root/clock --setenv=FAKETIME_NO_CACHE=1 \
                 --setenv=FAKETIME_DONT_FAKE_MONOTONIC=1 --setenv=NO_FAKE_STAT=1";
    up(&machine, clock)?;
    heard(&machine, "next    notes: saved at disk now, saved at offsite now, drilled once it is")?;
    heard(&machine, "saved   notes at disk: .*, read back")?;
    heard(&machine, "saved   notes at offsite: .*, read back")?;
    heard(&machine, "drilled notes from disk: PASS, restored in ")?;
    let proof = machine.must("cd /root/our-stead && stead proof notes")?;
    ensure!(proof.starts_with("pass    notes on runko"), "{proof}");
    ensure!(proof.contains("next     saved at disk in ") && proof.contains(", drilled in "));
    let status = machine.must("cd /root/our-stead && stead backup status notes")?;
    ensure!(status.contains("notes: drilled ") && status.contains("next from offsite in "));
    machine.must(
        "cd /root/our-stead && restic -q check -r /mnt/backup/disk/notes \
                  --no-cache -p /var/lib/stead/backup/keys/notes",
    )?;

    // The incident: the disk is gone, and no timer says a word. A backup was due each hour.
    machine.must("mv /mnt/backup /mnt/gone")?;
    machine.write("/root/clock", "+100m")?;
    heard(&machine, "error: notes was not saved at disk: ")?;
    heard(&machine, "fail    backup-evidence notes@disk")?;
    heard(&machine, "fail    backup-evidence notes@offsite")?;
    machine.must("test ! -e /mnt/backup")?;
    let output = machine.sh("cd /root/our-stead && faketime -f +100m stead proof notes")?;
    ensure!(output.status.code() == Some(3), "{output:?}");
    ensure!(output.stdout.contains("the last backup that was read back is 1 h"), "{output:?}");
    // It comes back, and so does the evidence, at the end of a wait and without anybody's hand.
    machine.must(": >/root/said")?;
    machine.must("mv /mnt/gone /mnt/backup")?;
    machine.write("/root/clock", "+120m")?;
    heard(&machine, "pass    backup-evidence host")
}

#[test]
fn lab_a_killed_backup_is_mended_by_the_next() -> Result<()> {
    let Some(fleet) = Fleet::new("killed")? else { return Ok(()) };
    let machine = machine(&fleet, "runko", &[])?;
    machine.must("sh -eu /root/service.sh")?;
    machine.must("cd /root/our-stead && stead backup now notes --target disk --found")?;
    machine.must("head -c 200000000 /dev/urandom >/var/lib/notes/large")?;
    let packs = "find /mnt/backup/disk/notes/data -type f | wc -l";
    machine.must(&format!(
        "cd /root/our-stead; before=$({packs}); (stead backup now notes --target disk >/root/said \
         2>&1 & echo $! >/root/pid); until test $({packs}) -gt $before; do sleep 0.02; done; \
         kill -9 $(cat /root/pid); ! grep -q Saved /root/said"
    ))?;
    let restic = "restic -r /mnt/backup/disk/notes --no-cache -p /var/lib/stead/backup/keys/notes";
    ensure!(
        machine.must(&format!("{restic} snapshots -q --json"))?.matches("\"tree\"").count() == 1
    );
    let said = machine.must("cd /root/our-stead && stead backup now notes --target disk 2>&1")?;
    ensure!(said.contains("Saved notes at disk") && said.contains("read back"), "{said}");
    let checked = machine.must(&format!("{restic} check --read-data 2>&1"))?;
    ensure!(checked.contains("no errors were found"), "{checked}");
    machine.must("test -z \"$(ls /var/lib/stead/backup/staging)\"")?;
    Ok(())
}

/// systemd's own timer is all that is left of a backup that was killed while its service rests.
#[test]
fn lab_a_service_whose_backup_was_killed_in_its_rest_is_started_by_systemd() -> Result<()> {
    let Some(fleet) = Fleet::new("rest")? else { return Ok(()) };
    let machine = machine(&fleet, "runko", &[])?;
    machine.must("sh -eu /root/service.sh")?;
    machine.must(
        "sed -i 's/^period_hours.*/&\\nquiesce = [\"notes.service\"]\\nquiesce_seconds = 15/' \
         /root/our-stead/recipes/notes/recipe.toml",
    )?;
    let save = "cd /root/our-stead && stead backup now notes --target disk --found 2>&1";
    let at_work = "systemctl is-active --quiet notes && \
                   test -z \"$(systemctl list-units --plain --no-legend 'stead-rest-*')\"";
    let said = machine.must(save)?;
    ensure!(said.contains("starting what rested") && said.contains("read back"), "{said}");
    machine.must(at_work)?;

    // The service's own end stops the backup where it stands, in its rest for certain.
    machine.must(
        "mkdir /run/systemd/system/notes.service.d && printf '[Service]\\n\
         ExecStopPost=+/bin/sh -c \"! test -e /root/hold || systemctl kill -s STOP saving\"\\n' \
         >/run/systemd/system/notes.service.d/hold.conf && systemctl daemon-reload",
    )?;
    let hold = || -> Result<()> {
        machine.must(
            "touch /root/hold && systemd-run -q --unit=saving --setenv=HOME=/root \
             -p WorkingDirectory=/root/our-stead stead backup now notes --target disk",
        )?;
        machine.until("test \"$(systemctl is-active notes)\" = inactive", PATIENCE)?;
        machine.must("rm /root/hold").map(drop)
    };
    let ended = |how: &str| -> Result<()> {
        let look = format!("test \"$(systemctl show -P Result saving)\" = {how}");
        machine.until(&look, PATIENCE)?;
        machine.must("! pgrep -x stead && systemctl reset-failed saving").map(drop)
    };
    hold()?;
    let set = machine.must("systemctl show -P TimersMonotonic 'stead-rest-notes-*.timer'")?;
    ensure!(set.contains("OnActiveUSec=25s"), "{set}");
    machine.must("systemctl kill -s KILL saving")?;
    ended("signal")?;
    machine.must("test \"$(systemctl is-active notes)\" = inactive")?;
    machine.until(at_work, PATIENCE)?;
    machine.must("! pgrep -x stead && journalctl -q -u 'stead-rest-notes-*.service' | grep .")?;

    // One that only stood still meanwhile sees that it was overtaken: that is no backup.
    hold()?;
    machine.until("systemctl is-active --quiet notes", PATIENCE)?;
    machine.must("systemctl kill -s CONT saving")?;
    ended("exit-code")?;
    machine.must("journalctl -q -u saving | grep 'the backup was cut short'")?;
    machine.must(at_work)?;
    let restic = "restic -r /mnt/backup/disk/notes --no-cache -p /var/lib/stead/backup/keys/notes";
    let saved = machine.must(&format!("{restic} snapshots -q --json"))?;
    ensure!(saved.matches("\"tree\"").count() == 1, "{saved}");

    let said = machine.must(save)?;
    ensure!(said.contains("Saved notes at disk") && said.contains("read back"), "{said}");
    machine.must(at_work).map(drop)
}

#[test]
fn lab_another_host_drills_and_stays_as_it_was() -> Result<()> {
    let Some(fleet) = Fleet::new("elsewhere")? else { return Ok(()) };
    let runko = machine(&fleet, "runko", &["openssh-server"])?;
    let bramble = machine(&fleet, "bramble", &["openssh-server"])?;
    // The same user has another number there.
    runko.must("useradd --system elder && sh -eu /root/service.sh")?;
    let key = "test -s /root/.ssh/id_ed25519 || ssh-keygen -q -t ed25519 -N '' -f \
               /root/.ssh/id_ed25519; printf 'Host *\\nStrictHostKeyChecking accept-new\\n' \
               >/root/.ssh/config; systemctl start ssh; cat /root/.ssh/id_ed25519.pub";
    for machine in [&runko, &bramble] {
        machine.must("mkdir -p -m 700 /root/.ssh")?;
    }
    let (one, other) = (runko.must(key)?, bramble.must(key)?);
    runko.write("/root/.ssh/authorized_keys", other)?;
    bramble.write("/root/.ssh/authorized_keys", one)?;
    runko.must(
        "cd /root/our-stead && printf 'name = \"bramble\"\\n' >hosts/bramble.toml && \
         printf 'name = \"ghost\"\\n' >hosts/ghost.toml && \
         stead backup now notes --target disk --found && \
         scp -qr /root/our-stead root@bramble:/root/ && scp -qr /root/repository root@bramble:/srv/",
    )?;
    let list = "dpkg-query -W; ls -A /etc /var/lib /var/cache/apt /var/lib/apt/lists; \
                cat /etc/passwd /etc/group";
    bramble.must("mkdir -p /var/lib/stead/backup")?;
    let before = bramble.must(list)?;
    let drill = |more: &str| -> Result<(Option<i32>, String)> {
        let line = format!("cd /root/our-stead && stead drill notes {more} 2>&1");
        let output = runko.sh(&line)?;
        Ok((output.status.code(), output.stdout))
    };

    // What is not there is told, each with the way out.
    let (code, said) = drill("--on brambel")?;
    ensure!(code == Some(1) && said.contains("did you mean `bramble`?"), "{said}");
    let (code, said) = drill("--on ghost")?;
    ensure!(code == Some(1) && said.contains("cannot reach ghost by `ssh ghost`"), "{said}");
    bramble.must("mv /usr/local/bin/stead /root/stead")?;
    let (code, said) = drill("--on bramble")?;
    ensure!(code == Some(1) && said.contains("there is no `stead` on bramble"), "{said}");
    bramble.must("mv /root/stead /usr/local/bin/stead")?;
    let (code, said) = drill("--on bramble")?;
    ensure!(code == Some(1) && said.contains("there is no key of notes on this host"), "{said}");
    let (code, said) = drill("--on bramble --identity /root/el.key")?;
    ensure!(code == Some(3) && said.contains("UNKNOWN notes"), "{said}");
    ensure!(said.contains("no source of its apt gives the package notes"), "{said}");

    bramble.must(
        "echo 'deb [trusted=yes] file:/srv/repository ./' >/etc/apt/sources.list.d/ours.list",
    )?;
    let before = format!("{before}{}", bramble.must("ls /etc/apt/sources.list.d")?);
    let (code, said) = drill("--on bramble --identity /root/el.key")?;
    ensure!(code == Some(0) && said.contains("PASS notes from disk"), "{code:?} {said}");
    ensure!(said.contains("notes 1.0, as when it was saved; 2 packages"), "{said}");
    let after = bramble.must(list)? + &bramble.must("ls /etc/apt/sources.list.d")?;
    let lists = "/var/cache/stead";
    ensure!(before == after, "the host is another one, besides {lists}:\n{before}\n---\n{after}");
    for machine in [&runko, &bramble] {
        machine.must("grep -q '\"host\": \"bramble\"' /var/lib/stead/backup/drills/notes.json")?;
    }
    // The key came over the line for one drill, and stayed nowhere.
    bramble.must("test ! -e /var/lib/stead/backup/keys && test ! -e /etc/notes")?;

    // Ctrl-C ends it there, too, and nothing is left.
    runko.must(
        "cd /root/our-stead; (exec setsid stead drill notes --on bramble --identity /root/el.key \
         >/root/said 2>&1 & echo $! >/root/pid); until grep -q ^fetch /root/said; do sleep 0.05; \
         done; kill -INT $(cat /root/pid); until grep -q UNKNOWN /root/said; do sleep 0.05; done",
    )?;
    let clean = "! pgrep systemd-nspawn && ! pgrep -x stead && \
                 test -z \"$(ls /var/lib/stead/backup/drill)\"";
    bramble.until(clean, PATIENCE)?;
    runko.must("grep -q interrupted /root/said")?;

    // And by the plan, its own node does it.
    let plan = "printf '[drill]\\nevery_days = 30\\non = \"bramble\"\\n' \
                >>/root/our-stead/services/notes.toml";
    runko.must(plan)?;
    bramble.must(plan)?;
    runko.must("scp -q /root/el.key bramble:/root/el.key")?;
    bramble.must(
        "rm /var/lib/stead/backup/drills/notes.json && cd /root/our-stead && \
         stead backup keys open notes --identity /root/el.key",
    )?;
    up(&bramble, "")?;
    heard(&bramble, "drilled notes from disk: PASS, restored in ")?;
    heard(&bramble, "pass    drill-evidence host")
}
