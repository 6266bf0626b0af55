//! Backups in the lab: the incident that began it all, and a service saved, listed, checked,
//! restored and proved, with Debian's restic beside it.

use std::path::Path;

use anyhow::{Result, ensure};
use lab::{Fleet, Machine};
use serde_json::Value;

/// A static site with a target on a disk, in a stead of its own.
const PREPARE: &str = "cd /root && export USER=el && (stead up --once || true) && cd our-stead && \
    host=$(basename hosts/*.toml .toml) && mkdir -p services && \
    printf '[targets.disk]\\nkind = \"folder\"\\npath = \"/mnt/backup\"\\n' >> stead.toml && \
    printf 'recipe = \"static-site\"\\nhosts = [\"%s\"]\\nbackups = [\"disk\"]\\n' \"$host\" \
      > services/www.toml && \
    for name in al im; do printf 'name = \"%s\"\\n' $name > members/$name.toml; done && \
    for name in al el im; do stead member key --member $name --out /root/$name.key; done && \
    mkdir -p /etc/nginx/sites-available && \
    echo 'server { listen 80; }' > /etc/nginx/sites-available/static-site";

fn machine(fleet: &Fleet, packages: &[&str]) -> Result<Machine> {
    let packages: Vec<&str> = packages.iter().copied().chain(["git"]).collect();
    let machine = fleet.machine("server").packages(&packages).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    machine.must(PREPARE)?;
    Ok(machine)
}

/// The verdict and the evidence of a check about one subject.
fn found(machine: &Machine, check: &str, subject: &str) -> Result<(String, String)> {
    let output = machine.sh(&format!("cd /root/our-stead && stead check {check} --json"))?;
    let report: Value = serde_json::from_str(&output.stdout)?;
    let findings = report["findings"].as_array().cloned().unwrap_or_default();
    let one = findings.iter().find(|one| one["subject"] == subject);
    let word = |key: &str| one.and_then(|one| one[key].as_str()).unwrap_or_default().to_owned();
    Ok((word("verdict"), word("evidence")))
}

/// A timer lacked `WantedBy`, and the folder it would have written to did not exist. Both were
/// green for months, since nobody asked for what a backup leaves behind.
#[test]
fn lab_the_incident_is_red_by_the_evidence_that_is_missing() -> Result<()> {
    let Some(fleet) = Fleet::new("incident")? else { return Ok(()) };
    let machine = machine(&fleet, &[])?;
    machine.must(
        "printf '[Unit]\\nDescription=backup\\n[Timer]\\nOnCalendar=daily\\n' \
           > /etc/systemd/system/backup.timer && \
         printf '[Service]\\nType=oneshot\\nExecStart=/usr/bin/tar cf /mnt/backup/www.tar /etc/nginx\\n' \
           > /etc/systemd/system/backup.service && systemctl daemon-reload",
    )?;
    let (verdict, evidence) = found(&machine, "backup-evidence", "www@disk")?;
    ensure!(verdict == "fail", "{verdict}: {evidence}");
    ensure!(evidence.contains("no backup was ever made and read back"), "{evidence}");

    // The target does not exist: no folder is made in its place, and the attempt says why.
    machine.must("cd /root/our-stead && stead backup keys make www")?;
    let output = machine.sh("cd /root/our-stead && stead backup now www --found 2>&1")?;
    ensure!(!output.success(), "{output:?}");
    ensure!(output.stdout.contains("`/mnt/backup` does not exist"), "{}", output.stdout);
    ensure!(output.stdout.contains("if `/mnt/backup` is a disk, mount it"), "{}", output.stdout);
    machine.must("test ! -e /mnt/backup")?;
    let (verdict, evidence) = found(&machine, "backup-evidence", "www@disk")?;
    ensure!(verdict == "fail" && evidence.contains("the last attempt"), "{verdict}: {evidence}");

    // The folder is there, and its disk is not: nothing comes below the mount point, whoever asks.
    machine.must(
        "mkdir /mnt/backup /srv/disk && mount -t tmpfs disk /srv/disk && \
         echo 'mounted = true' >> /root/our-stead/stead.toml",
    )?;
    let refused = |line: &str| -> Result<()> {
        let output = machine.sh(&format!("cd /root/our-stead && stead backup {line} 2>&1"))?;
        let why = "nothing is mounted at the target `/mnt/backup`, nor above it";
        ensure!(!output.success() && output.stdout.contains(why), "{line}: {output:?}");
        ensure!(output.stdout.contains("take `mounted` out"), "{line}: {output:?}");
        machine.must("test -z \"$(ls -A /mnt/backup)\"")?;
        Ok(())
    };
    refused("now www --found")?;
    let mount = "mount --bind /srv/disk /mnt/backup && cd /root/our-stead";
    machine.must(&format!("{mount} && stead backup now www --found"))?;
    machine.must("umount /mnt/backup")?;
    for line in
        ["now www", "now www --found", "list", "check", "prune --yes", "restore www --to /x"]
    {
        refused(line)?;
    }
    machine.must(&format!("{mount} && stead backup now www"))?;

    // What was good once is red one and a half periods later, whatever any timer says.
    let (verdict, evidence) = found(&machine, "backup-evidence", "host")?;
    ensure!(verdict == "pass", "{verdict}: {evidence}");
    let file = "/var/lib/stead/backup/evidence/www@disk.json";
    machine.must(&format!(
        "sed -i -E 's/\"at\": *\"[^\"]*\"/\"at\":\"'$(date -ud '37 hours ago' +%FT%TZ)'\"/' {file}"
    ))?;
    let (verdict, evidence) = found(&machine, "backup-evidence", "www@disk")?;
    ensure!(verdict == "fail" && evidence.contains("1 d 13 h old"), "{verdict}: {evidence}");
    for garbage in ["", "{}", "ok"] {
        machine.write(file, garbage)?;
        let (verdict, evidence) = found(&machine, "backup-evidence", "www@disk")?;
        ensure!(verdict == "fail" && evidence.contains("is none"), "{verdict}: {evidence}");
    }
    Ok(())
}

#[test]
fn lab_a_service_is_saved_listed_checked_restored_and_proved() -> Result<()> {
    let Some(fleet) = Fleet::new("saved")? else { return Ok(()) };
    let machine = machine(&fleet, &["restic", "age"])?;
    let stead = |line: &str| machine.must(&format!("cd /root/our-stead && stead {line}"));
    machine.must("mkdir /mnt/backup")?;
    stead("backup keys make www")?;
    machine.must("test $(stat -c %a /var/lib/stead/backup/keys/www) = 600")?;

    // Without `--found` no repository is made.
    ensure!(!machine.sh("cd /root/our-stead && stead backup now www")?.success());
    let said = stead("backup now www --found")?;
    ensure!(said.contains("Saved www at disk: ") && said.contains("read back"), "{said}");
    machine.must("echo '# more' >> /etc/nginx/sites-available/static-site")?;
    stead("backup now www")?;
    let list: Value = serde_json::from_str(&stead("backup list --json")?)?;
    ensure!(list[0]["snapshots"].as_array().is_some_and(|all| all.len() == 2), "{list}");
    ensure!(stead("backup check --read-data")? == "pass    www at disk\n");
    let status = stead("backup status")?;
    ensure!(status.contains("www at disk: saved ") && status.contains("due in "), "{status}");

    // Debian's restic and one member's key are enough.
    let restic = "restic -q -r /mnt/backup/www --no-cache --password-command \
        'stead --dir /root/our-stead backup keys open www --identity /root/al.key --out -'";
    machine.must(&format!("{restic} check && {restic} restore latest --target /tmp/by-restic"))?;
    machine.must(
        "cmp /etc/nginx/sites-available/static-site \
             /tmp/by-restic/etc/nginx/sites-available/static-site",
    )?;

    let file = "etc/nginx/sites-available/static-site";
    stead("backup restore www --to /tmp/whole")?;
    machine.must(&format!("cmp /{file} /tmp/whole/{file}"))?;
    let id = list[0]["snapshots"][0]["id"].as_str().unwrap_or_default();
    stead(&format!("backup restore www --to /tmp/part --snapshot {id} /{file}"))?;
    machine.must(&format!("! grep -q more /tmp/part/{file} && test $(ls -A /tmp/part) = etc"))?;
    ensure!(
        !machine.sh("cd /root/our-stead && stead backup restore www --to /tmp/whole")?.success()
    );

    let pruned = stead("backup prune --dry-run")?;
    ensure!(pruned.contains("keep") && pruned.contains("the newest"), "{pruned}");
    stead("backup prune --yes")?;
    ensure!(stead("backup check")? == "pass    www at disk\n");

    // Saved, but never drilled: that is no proof.
    let output = machine.sh("cd /root/our-stead && stead proof www")?;
    let proof = &output.stdout;
    ensure!(output.status.code() == Some(3), "{output:?}");
    ensure!(proof.contains("can act  al, el, im"), "{proof}");
    ensure!(proof.contains("none ever passed") && proof.contains("`stead drill www`"), "{proof}");
    machine.must("cd /root && (stead up --once || true)")?;
    let record = machine.must("cd /root/our-stead && stead record list --limit 500")?;
    ensure!(record.contains("proof.www: none → saved: disk "), "{record}");
    // No secret stands where others read.
    let key = machine.must("cat /var/lib/stead/backup/keys/www")?;
    ensure!(!record.contains(key.trim()), "the key is in the record");
    machine.must(
        "! grep -rq \"$(cat /var/lib/stead/backup/keys/www)\" /root/our-stead /root/.local",
    )?;
    Ok(())
}

/// A member left: the key is changed everywhere, in any order of things that go wrong, and a new
/// repository begins beside the old one.
#[test]
fn lab_a_member_leaves_and_what_they_knew_opens_nothing() -> Result<()> {
    let Some(fleet) = Fleet::new("parting")? else { return Ok(()) };
    let machine = machine(&fleet, &["restic"])?;
    let stead = |line: &str| machine.must(&format!("cd /root/our-stead && stead {line}"));
    machine.must(
        "mkdir /mnt/backup /mnt/offsite && cd /root/our-stead && \
         printf '[targets.offsite]\\nkind = \"folder\"\\npath = \"/mnt/offsite\"\\n' >> stead.toml && \
         sed -i 's/\"disk\"/\"disk\", \"offsite\"/' services/www.toml && \
         printf 'name = \"jo\"\\n' > members/jo.toml && \
         stead member key --member jo --out /root/jo.key",
    )?;
    stead("backup keys make www")?;
    stead("backup now www --found")?;
    machine.must("cp /var/lib/stead/backup/keys/www /root/theirs")?;
    machine.must("cd /root/our-stead && rm members/jo.toml")?;
    let list = stead("backup keys list")?;
    ensure!(list.contains("jo           is in the plan no longer"), "{list}");

    // Nothing is begun where a target is away, nobody is asked, or somebody says no.
    machine.must("mv /mnt/offsite /mnt/away")?;
    let refused = machine.sh("cd /root/our-stead && stead backup keys change www --yes")?;
    ensure!(refused.status.code() == Some(1), "{refused:?}");
    ensure!(refused.stderr.contains("offsite: the target `/mnt/offsite`"), "{refused:?}");
    machine.must("mv /mnt/away /mnt/offsite && test ! -e /var/lib/stead/backup/next/www")?;
    let asked = machine.sh("cd /root/our-stead && stead backup keys change www </dev/null")?;
    ensure!(asked.status.code() == Some(1) && asked.stderr.contains("--yes"), "{asked:?}");
    stead("backup keys change www --dry-run")?;
    machine.must("cmp /root/theirs /var/lib/stead/backup/keys/www")?;

    // Killed in its course, whenever that is: what is sealed opens all.
    for line in ["adding the new key at offsite", "sealing", "putting", "removing"] {
        machine.must(&format!(
            "cd /root/our-stead; rm -f /tmp/said; mkfifo /tmp/said; \
             stead backup keys change www --yes 2>/tmp/said >/dev/null & pid=$!; \
             while read -r line; do case $line in '{line}'*) kill -9 $pid; break;; esac; \
             done </tmp/said; wait $pid; true"
        ))?;
        for place in ["/mnt/backup", "/mnt/offsite"] {
            machine.must(&format!(
                "restic -q -r {place}/www --no-cache --password-command 'stead --dir /root/our-stead \
                 backup keys open www --identity /root/al.key --out -' snapshots"
            ))?;
        }
    }
    stead("backup keys change www --yes")?;
    for place in ["/mnt/backup", "/mnt/offsite"] {
        machine.must(&format!(
            "! restic -q -r {place}/www --no-cache -p /root/theirs snapshots && \
             test $(restic -q -r {place}/www --no-cache -p /var/lib/stead/backup/keys/www \
               key list --json | grep -o '\"id\"' | wc -l) = 1"
        ))?;
    }
    let jo = machine
        .sh("cd /root/our-stead && stead backup keys open www --identity /root/jo.key --out -")?;
    ensure!(!jo.success(), "{jo:?}");
    let list = stead("backup keys list")?;
    ensure!(!list.contains("jo") && !list.contains("another key"), "{list}");
    stead("backup now www")?;
    machine.must("! grep -rq \"$(cat /root/theirs)\" /root/our-stead /root/.local")?;

    // A new repository, as `--help` says; the old one stays until nobody needs it.
    machine.must(
        "mkdir /mnt/backup/2 && cd /root/our-stead && \
         printf '[targets.disk-2]\\nkind = \"folder\"\\npath = \"/mnt/backup/2\"\\n' >> stead.toml && \
         sed -i 's/\"disk\"/\"disk-2\", \"disk\"/' services/www.toml",
    )?;
    stead("backup now www --target disk-2 --found")?;
    ensure!(stead("backup check www")?.lines().count() == 3, "three repositories are whole");
    Ok(())
}
