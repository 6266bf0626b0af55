//! A repository on a booted Debian: real apt installs from nginx and from the node, and refuses
//! what was tampered with.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use lab::{Fleet, Machine};

use crate::plain::simple;

const PACKAGES: [&str; 3] = ["git", "nginx-light", "postgresql"];
const PATIENCE: Duration = Duration::from_secs(60);
const UPDATE: &str = "rm -rf /var/lib/apt/lists/*; apt-get -q update 2>&1";

const SITE: &str = "server { listen 80 default_server; root /srv/mesh/public; }\n";

fn put(machine: &Machine, name: &str, version: &str) -> Result<()> {
    let file = format!("/usr/share/{name}/{version}");
    let bytes = simple(name, version, "all", &[&file]);
    machine.write(&format!("/root/{name}_{version}.deb"), bytes)?;
    machine.must(&format!("stead repo add /srv/mesh /root/{name}_{version}.deb"))?;
    Ok(())
}

/// Writes over one byte of a file; gives the command that mends it.
fn tamper(machine: &Machine, path: &str) -> Result<String> {
    machine.must(&format!(
        "cp -a '{path}' /root/good && \
         printf '\\377' | dd of='{path}' bs=1 seek=100 conv=notrunc status=none"
    ))?;
    Ok(format!("cp -a /root/good '{path}'"))
}

/// Says that apt fails at this, and says this of it.
fn refuses(machine: &Machine, line: &str, words: &str) -> Result<()> {
    let output = machine.sh(&format!("export LC_ALL=C; {line}"))?;
    let said = format!("{}{}", output.stdout, output.stderr);
    ensure!(!output.success(), "apt took it: {line}\n{said}");
    ensure!(said.contains(words), "apt refused for another reason ({words}): {said}");
    Ok(())
}

#[test]
fn apt_installs_from_nginx_and_from_the_node_and_refuses_what_was_tampered_with() -> Result<()> {
    let Some(fleet) = Fleet::new("repository")? else { return Ok(()) };
    let machine = fleet.machine("server").packages(&PACKAGES).no_network().boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    machine.must(
        "umask 077; stead repo init /srv/mesh --arch amd64,arm64 --url http://127.0.0.1/ && \
         test \"$(stat -c %a /srv/mesh/key.secret)\" = 600",
    )?;
    put(&machine, "chat", "1-1")?;
    put(&machine, "chat", "2-1")?;
    put(&machine, "talk", "1-1")?;
    machine.must("umask 077; stead repo publish /srv/mesh")?;

    machine.write("/etc/nginx/sites-enabled/default", SITE)?;
    machine.must(
        "systemctl restart nginx && rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* && \
         cp /srv/mesh/public/mesh.sources /etc/apt/sources.list.d/",
    )?;
    let said = machine.must(UPDATE)?;
    ensure!(!said.contains("W:") && !said.contains("E:"), "{said}");
    machine.must("apt-get -qy install chat && test -e /usr/share/chat/2-1")?;
    machine
        .must("apt-get -qy install --allow-downgrades chat=1-1 && test -e /usr/share/chat/1-1")?;

    // The node serves the same to apt on its own machine.
    machine.must(
        "systemd-run --quiet --unit steadup -E HOME=/root stead up --no-page --serve /srv/mesh && \
         sed -i 's|http://127.0.0.1/|http://127.0.0.1:7834/|' /etc/apt/sources.list.d/mesh.sources",
    )?;
    machine.until(&format!("{UPDATE} && apt-cache policy chat | grep -q :7834"), PATIENCE)?;
    machine.must("apt-get -qy install talk && test -e /usr/share/talk/1-1")?;

    // A package that was changed behind stead's back.
    machine.must("apt-get -qy remove talk && apt-get clean")?;
    let deb = "/srv/mesh/public/pool/main/t/talk/talk_1-1_all.deb";
    let mend = tamper(&machine, deb)?;
    refuses(&machine, "apt-get -qy install talk 2>&1", "Hash Sum mismatch")?;
    let found = machine.sh("stead repo verify /srv/mesh")?;
    ensure!(
        found.status.code() == Some(1) && found.stdout.contains("talk 1-1 (all)"),
        "{}",
        found.stdout
    );
    refuses(&machine, "stead repo publish /srv/mesh 2>&1", "talk 1-1 (all) was changed")?;
    machine
        .must(&format!("{mend} && stead repo verify /srv/mesh && stead repo publish /srv/mesh"))?;
    machine.must("apt-get -qy install talk")?;

    // An index that was.
    let index = machine.must(
        "ls -td /srv/mesh/public/dists/bookworm/main/binary-amd64/by-hash/SHA256/* | head -n 1",
    )?;
    let mend = tamper(&machine, index.trim())?;
    refuses(&machine, UPDATE, "Hash Sum mismatch")?;
    let found = machine.sh("stead repo verify /srv/mesh")?;
    ensure!(found.status.code() == Some(1) && found.stdout.contains("by-hash"), "{}", found.stdout);
    machine.must(&mend)?;
    machine.must(UPDATE)?;

    // Somebody else's signature.
    machine.must(
        "stead repo init /root/mesh --arch amd64 && \
         cp /root/mesh/public/dists/bookworm/InRelease /srv/mesh/public/dists/bookworm/InRelease",
    )?;
    let output = machine.sh(&format!("export LC_ALL=C; {UPDATE}"))?;
    let said = format!("{}{}", output.stdout, output.stderr);
    ensure!(said.contains("NO_PUBKEY") || said.contains("not signed"), "{said}");
    let found = machine.sh("stead repo verify /srv/mesh")?;
    ensure!(
        found.status.code() == Some(1) && found.stdout.contains("InRelease"),
        "{}",
        found.stdout
    );
    Ok(())
}
