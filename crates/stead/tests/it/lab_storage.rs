//! Planted faults in the lab: disks and Debian packages.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use lab::{Fleet, Machine};
use serde_json::Value;

const DISKS: &str = "disk-space disk-inodes journal-size filesystem-errors";
const PACKAGES: &str = "reboot-pending stale-libraries security-updates dpkg-audit dpkg-verify \
                        packages-held file-collisions";

/// The findings of some checks inside a machine.
fn check(machine: &Machine, names: &str) -> Result<Vec<Value>> {
    let output = machine.sh(&format!("stead check --json {names}"))?;
    let report: Value = serde_json::from_str(&output.stdout)
        .with_context(|| format!("no report: {} {}", output.stdout, output.stderr))?;
    let mut findings = report["findings"].as_array().context("a list of findings")?.clone();
    // The root lies on the disk of the machine around: how full that is, is not the lab's doing.
    findings.retain(|finding| {
        let outside = finding["name"] == "disk-space" && finding["subject"] == "/";
        if outside {
            eprintln!("the disk below the lab: {}", finding["evidence"]);
        }
        !outside
    });
    Ok(findings)
}

fn ill(findings: &[Value]) -> Vec<String> {
    findings
        .iter()
        .filter(|finding| finding["verdict"] != "pass")
        .map(|f| format!("{} {} {}: {}", f["verdict"], f["name"], f["subject"], f["evidence"]))
        .collect()
}

/// The evidence of the one finding of a check, which has this verdict, subject and a fix.
fn told(machine: &Machine, name: &str, verdict: &str, subject: &str) -> Result<String> {
    let findings = check(machine, name)?;
    let [finding] = &findings[..] else { anyhow::bail!("not one finding: {findings:#?}") };
    ensure!(finding["verdict"] == verdict && finding["subject"] == subject, "{finding}");
    ensure!(finding["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{finding} has no fix");
    Ok(finding["evidence"].as_str().unwrap_or_default().to_owned())
}

fn passes(machine: &Machine, name: &str) -> Result<()> {
    let ill = ill(&check(machine, name)?);
    ensure!(ill.is_empty(), "{name} is not well: {ill:#?}");
    Ok(())
}

fn booted(fleet: &Fleet, name: &str) -> Result<Machine> {
    let machine = fleet.machine(name).no_network().boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    machine.sh("systemctl is-system-running --wait")?;
    // The image's lists are as old as the image.
    machine.must("touch /var/lib/apt/lists/partial")?;
    Ok(machine)
}

/// Builds a package inside the machine and says where it lies.
fn package(machine: &Machine, name: &str, file: &str, postinst: &str) -> Result<String> {
    let folder = format!("/root/{name}");
    let file = format!("{folder}/{file}");
    machine.write(
        &format!("{folder}/DEBIAN/control"),
        format!(
            "Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: Lab <lab@invalid>\n\
             Description: a planted fault\n"
        ),
    )?;
    machine.write(&format!("{folder}/DEBIAN/postinst"), format!("#!/bin/sh\n{postinst}\n"))?;
    machine.write(&file, format!("{name}\n"))?;
    machine.write(&format!("{folder}/usr/share/{name}/own"), "own\n")?;
    machine.must(&format!(
        "cd {folder} && chmod 755 DEBIAN/postinst && \
         find usr -type f -exec md5sum {{}} + > DEBIAN/md5sums && \
         dpkg-deb --build --root-owner-group . /root/{name}.deb"
    ))?;
    Ok(format!("/root/{name}.deb"))
}

#[test]
fn lab_a_stock_machines_disks_and_packages_are_well() -> Result<()> {
    let Some(fleet) = Fleet::new("storage-stock")? else { return Ok(()) };
    let machine = booted(&fleet, "stock")?;
    let findings = check(&machine, &format!("{DISKS} {PACKAGES}"))?;
    ensure!(findings.len() >= 10, "one answer a check: {findings:#?}");
    // The image may be older than the newest security update: that is true, and no fault of ours.
    let ill: Vec<String> =
        ill(&findings).into_iter().filter(|line| !line.contains("security-updates")).collect();
    ensure!(ill.is_empty(), "{ill:#?}");
    Ok(())
}

#[test]
fn lab_a_nearly_full_disk_is_told_and_gone_after_the_fix() -> Result<()> {
    let Some(fleet) = Fleet::new("storage-disk")? else { return Ok(()) };
    let machine = booted(&fleet, "disk")?;
    machine
        .must("mkdir -p /srv/small && mount -t tmpfs -o size=16M,nr_inodes=1000 x /srv/small")?;
    passes(&machine, DISKS)?;
    machine.must("dd if=/dev/zero of=/srv/small/fill bs=1M count=14 status=none")?;
    let evidence = told(&machine, "disk-space", "warn", "/srv/small")?;
    ensure!(evidence.contains("88 % used"), "{evidence}");
    machine.sh("dd if=/dev/zero of=/srv/small/more bs=1M status=none")?;
    told(&machine, "disk-space", "fail", "/srv/small")?;
    machine.must("rm /srv/small/*")?;
    passes(&machine, "disk-space")?;
    machine.must("cd /srv/small && seq 980 | xargs touch")?;
    told(&machine, "disk-inodes", "fail", "/srv/small")?;
    machine.must("cd /srv/small && seq 980 | xargs rm")?;
    passes(&machine, "disk-inodes")?;
    // A real disk, where this machine lets a container have a loop device.
    let mounted = machine.sh(
        "truncate -s 40M /root/disk && mkfs.ext4 -q /root/disk && mkdir /srv/disk && \
         for n in 0 1 2 3 4 5 6 7; do [ -e /dev/loop$n ] || mknod /dev/loop$n b 7 $n; done && \
         mount -o loop /root/disk /srv/disk",
    )?;
    if !mounted.success() {
        eprintln!("SKIPPED: no loop device inside a container here: {}", mounted.stderr);
        return Ok(());
    }
    machine.sh("dd if=/dev/zero of=/srv/disk/fill bs=1M status=none")?;
    told(&machine, "disk-space", "fail", "/srv/disk")?;
    machine.must("rm /srv/disk/fill")?;
    passes(&machine, "disk-space")?;
    machine.must("echo '/root/disk /srv/disk ext4 rw,loop 0 0' >> /etc/fstab")?;
    machine.must("mount -o remount,ro /srv/disk")?;
    let evidence = told(&machine, "filesystem-errors", "fail", "/srv/disk")?;
    ensure!(evidence.contains("fstab wants it writable"), "{evidence}");
    machine.must("mount -o remount,rw /srv/disk")?;
    passes(&machine, "filesystem-errors")?;
    machine.must("umount /srv/disk")?;
    Ok(())
}

#[test]
fn lab_broken_held_and_colliding_packages_are_told_and_gone_after_the_fix() -> Result<()> {
    let Some(fleet) = Fleet::new("storage-packages")? else { return Ok(()) };
    let machine = booted(&fleet, "packages")?;
    let half = package(&machine, "lab-half", "usr/share/lab-half/x", "exit 1")?;
    ensure!(!machine.sh(&format!("dpkg -i {half}"))?.success());
    let evidence = told(&machine, "dpkg-audit", "fail", "lab-half")?;
    ensure!(evidence == "1.0 is half-configured", "{evidence}");
    machine.must("printf '#!/bin/sh\\n' > /var/lib/dpkg/info/lab-half.postinst")?;
    machine.must("dpkg --configure -a")?;
    passes(&machine, "dpkg-audit")?;

    machine.must("apt-mark hold bash")?;
    let evidence = told(&machine, "packages-held", "warn", "bash")?;
    ensure!(evidence.contains("on hold"), "{evidence}");
    machine.must("apt-mark unhold bash")?;
    passes(&machine, "packages-held")?;

    let shared = "usr/share/lab-shared/file";
    for (name, force) in [("lab-one", ""), ("lab-two", "--force-overwrite")] {
        let deb = package(&machine, name, shared, "exit 0")?;
        machine.must(&format!("dpkg -i {force} {deb}"))?;
    }
    let evidence = told(&machine, "file-collisions", "fail", "lab-one and lab-two")?;
    ensure!(evidence.contains("/usr/share/lab-shared/file"), "{evidence}");
    machine.must("dpkg --purge lab-two && dpkg -i /root/lab-one.deb")?;
    passes(&machine, "file-collisions")?;
    passes(&machine, "dpkg-verify")?;

    machine.must(
        "cp -a /usr/bin/which.debianutils /root/ && echo '# owned' >> /usr/bin/which.debianutils",
    )?;
    machine.must("mv /usr/bin/tac /root/")?;
    let findings = ill(&check(&machine, "dpkg-verify")?);
    ensure!(findings.len() == 2, "{findings:#?}");
    ensure!(findings[0].contains("coreutils") && findings[0].contains("/usr/bin/tac (missing)"));
    ensure!(findings[1].contains("debianutils") && findings[1].contains("1 changed"));
    machine.must("cp -a /root/which.debianutils /usr/bin/ && mv /root/tac /usr/bin/")?;
    // A changed conffile and documentation that dpkg was told to leave out are no fault.
    machine.must("echo '# mine' >> /etc/bash.bashrc")?;
    machine.must("echo 'path-exclude=/usr/share/doc/*' > /etc/dpkg/dpkg.cfg.d/lab")?;
    machine.must("rm -r /usr/share/doc/bash")?;
    passes(&machine, "dpkg-verify")?;
    Ok(())
}

#[test]
fn lab_what_waits_for_a_restart_or_an_update_is_told_and_gone_after_the_fix() -> Result<()> {
    let Some(fleet) = Fleet::new("storage-restarts")? else { return Ok(()) };
    let machine = booted(&fleet, "restarts")?;
    machine.must("cp /lib/*-linux-gnu/libz.so.1 /usr/local/lib/liblab.so")?;
    machine.write(
        "/etc/systemd/system/lab-stale.service",
        "[Service]\nEnvironment=LD_PRELOAD=/usr/local/lib/liblab.so\nExecStart=/bin/sleep infinity\n",
    )?;
    machine.must("systemctl daemon-reload && systemctl start lab-stale.service")?;
    machine.until(
        "grep -q liblab /proc/$(systemctl show -P MainPID lab-stale)/maps",
        std::time::Duration::from_secs(20),
    )?;
    passes(&machine, "stale-libraries")?;
    machine.must("cd /usr/local/lib && cp liblab.so new && mv new liblab.so")?;
    let evidence = told(&machine, "stale-libraries", "warn", "lab-stale.service")?;
    ensure!(
        evidence.contains("sleep") && evidence.contains("/usr/local/lib/liblab.so"),
        "{evidence}"
    );
    machine.must("systemctl restart lab-stale.service")?;
    passes(&machine, "stale-libraries")?;

    machine
        .must("touch /run/reboot-required && echo linux-image-amd64 > /run/reboot-required.pkgs")?;
    let evidence = told(&machine, "reboot-pending", "warn", "host")?;
    ensure!(evidence.contains("linux-image-amd64"), "{evidence}");
    machine.must("rm /run/reboot-required*")?;
    passes(&machine, "reboot-pending")?;

    // The true lists go away: the image's age must not decide.
    machine.must("rm /var/lib/apt/lists/*_*")?;
    told(&machine, "security-updates", "unknown", "lists")?;
    let lists = "/var/lib/apt/lists/lab_debian-security_dists_bookworm-security";
    machine.write(
        &format!("{lists}_InRelease"),
        "Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nCodename: bookworm-security\n",
    )?;
    let list = format!("{lists}_main_binary-amd64_Packages");
    machine.write(&list, "Package: bash\nArchitecture: amd64\nVersion: 99.0-1\n")?;
    let evidence = told(&machine, "security-updates", "warn", "host")?;
    ensure!(evidence.starts_with("1 wait: bash ") && evidence.ends_with("→ 99.0-1"), "{evidence}");
    machine.must("echo bash hold | dpkg --set-selections")?;
    told(&machine, "packages-held", "fail", "bash")?;
    machine.must("echo bash install | dpkg --set-selections")?;
    machine.write(&list, "Package: bash\nArchitecture: amd64\nVersion: 1.0-1\n")?;
    passes(&machine, "security-updates")?;
    machine.must("touch -d '10 days ago' /var/lib/apt/lists /var/lib/apt/lists/partial")?;
    let evidence = told(&machine, "security-updates", "unknown", "lists")?;
    ensure!(evidence.contains("10 days old"), "{evidence}");
    Ok(())
}
