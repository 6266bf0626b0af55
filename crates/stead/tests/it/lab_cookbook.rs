//! The built-in recipes, each through its life on a booted Debian, and together with vanilla.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::{Fleet, Image, Machine};

use crate::lifecycle::{
    Life, Removed, Upgraded, answers, apt, build, change, copy_of, differences, install, listing,
    next_revision, nothing_deleted_runs, state,
};

/// The set of packages that most machines of these tests share.
const SET: [&str; 3] = ["git", "nginx-light", "postgresql"];
const SOON: Duration = Duration::from_secs(60);

fn boot(fleet: &Fleet, name: &str) -> Result<Machine> {
    let machine = fleet.machine(name).packages(&SET).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    Ok(machine)
}

/// Debian's own packages, fetched ahead.
fn vanilla(packages: &[&str]) -> Result<Vec<PathBuf>> {
    Image::with(&SET)?.download(packages)
}

fn install_all(machine: &Machine, debs: &[PathBuf]) -> Result<()> {
    let debs: Vec<&Path> = debs.iter().map(PathBuf::as_path).collect();
    install(machine, &debs)
}

/// A built-in recipe in two releases, of which the newer has a changed conffile too.
struct Releases {
    older: PathBuf,
    newer: PathBuf,
    /// The newer one's recipe, and all the .deb files.
    _folder: tempfile::TempDir,
}

fn releases(recipe: &str, settings: &[&str], template: &str) -> Result<Releases> {
    let folder = tempfile::tempdir()?;
    let copy = copy_of(recipe, folder.path())?;
    let older = build(&copy, settings, &folder.path().join("older"))?;
    next_revision(&copy)?;
    change(&copy, template, "# Edit freely", "# The second release.\n# Edit freely")?;
    let newer = build(&copy, settings, &folder.path().join("newer"))?;
    Ok(Releases { older, newer, _folder: folder })
}

/// The sums of the vanilla package's configuration.
fn sums(machine: &Machine, package: &str) -> Result<String> {
    machine.must(&format!(
        "dpkg-query -W -f '${{Conffiles}}\\n' {package} | awk 'NF {{ print $1 }}' | xargs md5sum"
    ))
}

/// Whether a unit runs and whether it starts at boot.
fn running(machine: &Machine, unit: &str) -> Result<String> {
    let said = machine.sh(&format!(
        "systemctl is-active {unit}; systemctl is-enabled {unit} 2>/dev/null; \
         systemctl show -P SubState {unit}"
    ))?;
    Ok(said.stdout.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Debian's package with a higher version and one more line in a conffile, as an upgrade of it.
fn newer_vanilla(deb: &Path, conffile: &str, into: &Path) -> Result<PathBuf> {
    let tree = into.join("tree");
    let sh = |line: &str| -> Result<()> {
        let output = Command::new("sh").args(["-ec", line]).output()?;
        ensure!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    };
    let (deb, tree, to) = (deb.display(), tree.display(), into.join("newer-vanilla.deb"));
    sh(&format!(
        "rm -rf {tree}; dpkg-deb -R {deb} {tree}; \
         sed -i 's/^Version: \\(.*\\)/Version: \\1.1~newer/' {tree}/DEBIAN/control; \
         echo '# Of the newer vanilla.' >>{tree}/{conffile}; \
         dpkg-deb -b --root-owner-group {tree} {} >/dev/null",
        to.display()
    ))?;
    Ok(to)
}

#[test]
fn lab_babeld_and_its_overlay_live_and_vanilla_comes_back_as_it_was() -> Result<()> {
    let Some(fleet) = Fleet::new("babeld")? else { return Ok(()) };
    let releases = releases("babeld-mesh", &["interfaces=eth0"], "mesh.conf")?;
    let debs = vanilla(&["babeld"])?;
    let machine = boot(&fleet, "a")?;
    let bare = listing(&machine)?;

    // Alone: vanilla is there and set up by hand, and runs.
    install_all(&machine, &debs)?;
    machine.must(
        // In the lab nobody may turn the kernel's switches, and vanilla's babeld insists.
        "printf '%s\\n' 'interface eth0' 'skip-kernel-setup true' >>/etc/babeld.conf; \
         systemctl restart babeld",
    )?;
    machine.until("pidof babeld", SOON)?;
    let (conf, runs) = (sums(&machine, "babeld")?, running(&machine, "babeld")?);
    ensure!(runs == "active enabled running", "vanilla babeld is {runs}");
    Life {
        package: "babeld-mesh",
        older: &releases.older,
        newer: &releases.newer,
        conffile: "/etc/babeld.d/mesh.conf",
        edit: "# mine",
        unit: "babeld-mesh.service",
        upgraded: Upgraded::Restarted,
        removed: Removed::Stopped,
        // Written by vanilla's babeld whenever it stops.
        stays: &["/var/lib/babeld"],
    }
    .live(&machine, |machine, _| {
        let vanilla = running(machine, "babeld")?;
        ensure!(vanilla == "inactive enabled dead", "vanilla babeld is {vanilla}");
        ensure!(sums(machine, "babeld")? == conf, "vanilla's configuration changed");
        Ok(())
    })?;
    let back = running(&machine, "babeld")?;
    ensure!(back == runs, "vanilla was {runs}, and is {back}");
    ensure!(sums(&machine, "babeld")? == conf, "vanilla's configuration changed");
    machine.until("test $(pidof babeld | wc -w) = 1", SOON)?;

    // Both in one run of apt: installed, upgraded, and the overlay removed alone.
    apt(&machine, "purge babeld libb2-1 libgomp1")?;
    let left = differences(&bare, &listing(&machine)?, &[]);
    ensure!(left.is_empty(), "left after purge:\n{}", left.join("\n"));
    install_all(&machine, &[&debs[..], std::slice::from_ref(&releases.older)].concat())?;
    answers(&machine, "babeld-mesh").context("installed with vanilla")?;
    let conf = sums(&machine, "babeld")?;
    let folder = tempfile::tempdir()?;
    let deb = debs.iter().find(|deb| deb.display().to_string().contains("babeld"));
    let newer = newer_vanilla(deb.context("no babeld")?, "etc/default/babeld", folder.path())?;
    install(&machine, &[&newer, &releases.newer])?;
    answers(&machine, "babeld-mesh").context("upgraded with vanilla")?;
    nothing_deleted_runs(&machine).context("upgraded with vanilla")?;
    ensure!(state(&machine, "babeld")?.ends_with("~newer"), "vanilla was not upgraded");
    let vanillas = sums(&machine, "babeld")?;
    ensure!(vanillas != conf, "vanilla's new configuration was not taken");
    apt(&machine, "remove babeld-mesh")?;
    ensure!(sums(&machine, "babeld")? == vanillas, "vanilla's configuration changed");
    // Debian's babeld without interfaces starts, says so and ends well.
    let back = running(&machine, "babeld")?;
    ensure!(back == "active enabled exited", "vanilla is {back}");

    // Vanilla upgraded alone below the overlay: what runs is the new program.
    install(&machine, &[&releases.newer])?;
    answers(&machine, "babeld-mesh")?;
    install_all(&machine, &debs)?;
    answers(&machine, "babeld-mesh").context("vanilla downgraded alone")?;
    nothing_deleted_runs(&machine).context("vanilla downgraded alone")
}

#[test]
fn lab_two_babeld_nodes_exchange_routes() -> Result<()> {
    let Some(fleet) = Fleet::new("routes")? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let debs = vanilla(&["babeld"])?;
    let mut machines = Vec::new();
    for (number, name) in [(1, "a"), (2, "b")] {
        let copy = copy_of("babeld-mesh", &folder.path().join(name))?;
        let announce = format!("announce=10.99.{number}.0/24");
        let ours = build(&copy, &["interfaces=eth0", &announce], &folder.path().join(name))?;
        let machine = boot(&fleet, name)?;
        // A network behind the host.
        machine.must(&format!(
            "ip link add lan0 type bridge && ip link set lan0 up && \
             ip address add 10.99.{number}.1/24 dev lan0"
        ))?;
        install_all(&machine, &[&debs[..], &[ours]].concat())?;
        machines.push(machine);
    }
    for (machine, number) in machines.iter().zip([2, 1]) {
        answers(machine, "babeld-mesh")?;
        // The kernel's own table, and only what babeld put there.
        machine.until(
            &format!("ip route show proto babel | grep -E '^10\\.99\\.{number}\\.0/24 via '"),
            SOON,
        )?;
    }
    for (machine, other) in [(&machines[0], &machines[1]), (&machines[1], &machines[0])] {
        let mac = other.must("cat /sys/class/net/eth0/address")?;
        let bytes: Vec<u8> = mac
            .trim()
            .split(':')
            .map(|byte| u8::from_str_radix(byte, 16))
            .collect::<Result<_, _>>()?;
        let last = bytes[5].clamp(1, 254);
        let address = format!("10.{}.{}.{last}", bytes[3], bytes[4]);
        machine.until(&format!("ping -c 1 -W 1 {address}"), SOON)?;
    }
    // Who leaves says so, and takes the way along.
    machines[1].must("systemctl stop babeld-mesh")?;
    machines[0].until("! ip route show proto babel | grep -q '^10.99.2.0/24 via '", SOON)?;
    let left = machines[1].must("ip route show proto babel; ls /run/babeld-mesh 2>&1 || :")?;
    ensure!(!left.contains("10.99.1.0"), "it left behind: {left}");
    // Checks that cannot fail would say nothing.
    let asked = machines[1].sh("cd /root && stead recipe check babeld-mesh")?;
    ensure!(asked.status.code() == Some(3), "{}{}", asked.stdout, asked.stderr);
    for check in ["running", "answers", "one-babeld", "has-address"] {
        ensure!(asked.stdout.contains(&format!("fail    {check}: ")), "{}", asked.stdout);
    }
    Ok(())
}

#[test]
fn lab_yggdrasil_lives_and_two_nodes_find_each_other() -> Result<()> {
    let Some(fleet) = Fleet::new("yggdrasil")? else { return Ok(()) };
    let releases = releases("yggdrasil-mesh", &[], "node.conf")?;
    let debs = vanilla(&["yggdrasil"])?;
    let (a, b) = (boot(&fleet, "a")?, boot(&fleet, "b")?);
    for machine in [&a, &b] {
        install_all(machine, &debs)?;
    }
    install(&b, &[&releases.newer])?;
    answers(&b, "yggdrasil-mesh")?;
    let address = |machine: &Machine| -> Result<String> {
        let said =
            machine.until("ip -6 -oneline address show dev ygg0 scope global | grep .", SOON)?;
        let words: Vec<&str> = said.split_whitespace().collect();
        Ok(words[3].split('/').next().unwrap_or_default().to_owned())
    };
    let of_b = address(&b)?;
    let of_a = std::cell::RefCell::new(String::new());
    Life {
        package: "yggdrasil-mesh",
        older: &releases.older,
        newer: &releases.newer,
        conffile: "/etc/yggdrasil-mesh/node.conf",
        edit: "# mine",
        unit: "yggdrasil-mesh.service",
        upgraded: Upgraded::Restarted,
        removed: Removed::Stopped,
        stays: &[],
    }
    .live(&a, |a, moment| {
        // Neither an upgrade nor a removal costs the key, and with it the address.
        let address = address(a)?;
        if moment != "installed" {
            ensure!(*of_a.borrow() == address, "{moment}: another address: {address}");
        }
        of_a.replace(address);
        a.until(&format!("ping -c 1 -W 1 {of_b}"), SOON)?;
        Ok(())
    })?;
    ensure!(*of_a.borrow() != of_b, "both have one key");
    Ok(())
}

#[test]
fn lab_a_static_site_lives_beside_nginx_own_page() -> Result<()> {
    let Some(fleet) = Fleet::new("site")? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let copy = copy_of("static-site", folder.path())?;
    let settings = ["server_name=our.example.org"];
    let older = build(&copy, &settings, &folder.path().join("older"))?;
    next_revision(&copy)?;
    change(&copy, "site/index.html", "It works.", "It works still.")?;
    change(&copy, "server.conf", "# Edit freely", "# The second release.\n# Edit freely")?;
    let newer = build(&copy, &settings, &folder.path().join("newer"))?;
    let machine = boot(&fleet, "a")?;
    machine.must("systemctl is-active nginx")?;
    Life {
        package: "static-site",
        older: &older,
        newer: &newer,
        conffile: "/etc/nginx/sites-available/static-site",
        edit: "# mine",
        unit: "nginx.service",
        upgraded: Upgraded::Reloaded,
        removed: Removed::GoesOn,
        stays: &[],
    }
    .live(&machine, |machine, moment| {
        let page = get(machine, "our.example.org")?;
        let new = ["upgraded", "installed again"].contains(&moment);
        ensure!(page.contains("It works still.") == new, "{moment}: {page}");
        // Whoever asks by another name gets what was there before.
        ensure!(get(machine, "localhost")?.contains("Welcome to nginx!"), "nginx's page is gone");
        Ok(())
    })?;
    ensure!(get(&machine, "our.example.org")?.contains("Welcome to nginx!"), "the site is there");
    Ok(())
}

/// A page by a name, with what every Debian has.
fn get(machine: &Machine, name: &str) -> Result<String> {
    machine.must(&format!(
        "bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; \
         printf \"GET / HTTP/1.0\\r\\nHost: {name}\\r\\n\\r\\n\" >&3; cat <&3'"
    ))
}

#[test]
fn lab_postgresql_lives_with_its_settings_and_without() -> Result<()> {
    let Some(fleet) = Fleet::new("postgresql")? else { return Ok(()) };
    let releases = releases("postgresql-server", &["memory=256"], "settings.conf")?;
    let machine = boot(&fleet, "a")?;
    let ask = "runuser -u postgres -- psql -XAtd postgres -c";
    machine.until(&format!("{ask} 'SELECT 1'"), SOON)?;
    machine.must(&format!("{ask} 'CREATE TABLE kept AS SELECT 7 AS number'"))?;
    let buffers = |machine: &Machine| machine.until(&format!("{ask} 'SHOW shared_buffers'"), SOON);
    Life {
        package: "postgresql-server",
        older: &releases.older,
        newer: &releases.newer,
        conffile: "/etc/postgresql-server/settings.conf",
        edit: "# mine",
        unit: "postgresql@15-main.service",
        upgraded: Upgraded::Restarted,
        removed: Removed::GoesOn,
        stays: &[],
    }
    .live(&machine, |machine, moment| {
        let buffers = buffers(machine)?;
        ensure!(buffers.trim() == "64MB", "{moment}: {buffers}");
        Ok(())
    })?;
    ensure!(buffers(&machine)?.trim() == "128MB", "the settings stay in force after purge");
    let kept = machine.must(&format!("{ask} 'SELECT number FROM kept'"))?;
    ensure!(kept.trim() == "7", "the data is gone: {kept}");
    Ok(())
}

#[test]
fn lab_a_node_exporter_lives_on_loopback() -> Result<()> {
    let Some(fleet) = Fleet::new("exporter")? else { return Ok(()) };
    let releases = releases("node-exporter", &[], "recipe.toml")?;
    let machine = boot(&fleet, "a")?;
    install_all(&machine, &vanilla(&["prometheus-node-exporter"])?)?;
    let listens = "ss -Hltn 'sport = :9100 or sport = :9200' | awk '{ print $4 }'";
    let anybody = machine.until(&format!("{listens} | grep ."), SOON)?;
    ensure!(anybody.trim() == "*:9100", "vanilla listens on {anybody}");
    Life {
        package: "node-exporter",
        older: &releases.older,
        newer: &releases.newer,
        conffile: "/etc/default/node-exporter",
        edit: "# mine",
        unit: "prometheus-node-exporter.service",
        upgraded: Upgraded::Restarted,
        removed: Removed::GoesOn,
        stays: &[],
    }
    .live(&machine, |machine, moment| {
        let address = machine.must(listens)?;
        ensure!(address.trim() == "127.0.0.1:9100", "{moment}: it listens on {address}");
        Ok(())
    })?;
    let anybody = machine.until(&format!("{listens} | grep ."), SOON)?;
    ensure!(anybody.trim() == "*:9100", "vanilla listens on {anybody}");
    Ok(())
}

/// Another package's conffile, and an overlay that takes its place.
const TOY: &str = r#"name = "toy-ours"
summary = "Our configuration of a toy"
version = "1"
[source]
debian = "toy"
[package]
overlays = "toy"
[[files]]
path = "/etc/toy-ours/toy.conf"
content = "ours\n"
[[files]]
path = "/etc/toy.conf"
link = "/etc/toy-ours/toy.conf"
diverts = true
[[checks]]
name = "ours"
file = "/etc/toy.conf"
contains = "ours"
"#;

#[test]
fn lab_a_diverted_conffile_comes_back_with_its_edit() -> Result<()> {
    let Some(fleet) = Fleet::new("divert")? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let recipe = folder.path().join("toy-ours");
    std::fs::create_dir(&recipe)?;
    std::fs::write(recipe.join("recipe.toml"), TOY)?;
    let ours = build(&recipe, &[], &folder.path().join("older"))?;
    next_revision(&recipe)?;
    let ours_next = build(&recipe, &[], &folder.path().join("newer"))?;
    let (toy, toy_next) = (toy(folder.path(), 1)?, toy(folder.path(), 2)?);
    let machine = boot(&fleet, "a")?;
    let bare = listing(&machine)?;
    let vanilla = |machine: &Machine| machine.must("cat /etc/toy.conf; stat -c %F /etc/toy.conf");

    // Edited by hand, then overlaid; vanilla is upgraded below; the overlay goes.
    install(&machine, &[&toy])?;
    machine.must("echo edited >>/etc/toy.conf")?;
    let edited = vanilla(&machine)?;
    install(&machine, &[&ours])?;
    answers(&machine, "toy-ours")?;
    install(&machine, &[&ours_next, &toy_next])?;
    answers(&machine, "toy-ours")?;
    apt(&machine, "remove toy-ours")?;
    ensure!(vanilla(&machine)? == edited, "vanilla's edit is gone: {}", vanilla(&machine)?);
    apt(&machine, "purge toy toy-ours")?;
    // dpkg itself offers the other version beside an edited file, by the name it had then.
    let left = differences(&bare, &listing(&machine)?, &["/etc/toy.conf.distrib.dpkg-dist"]);
    ensure!(left.is_empty(), "left after purge:\n{}", left.join("\n"));

    // Both in one run, as nobody has edited: vanilla's new text comes back.
    install(&machine, &[&ours, &toy])?;
    answers(&machine, "toy-ours")?;
    install(&machine, &[&ours_next, &toy_next])?;
    answers(&machine, "toy-ours")?;
    apt(&machine, "remove toy-ours")?;
    let back = vanilla(&machine)?;
    ensure!(back == "vanilla 2\nregular file\n", "vanilla's file is {back}");
    Ok(())
}

fn toy(folder: &Path, version: u32) -> Result<PathBuf> {
    let tree = folder.join(format!("toy-{version}"));
    for inner in ["DEBIAN", "etc"] {
        std::fs::create_dir_all(tree.join(inner))?;
    }
    let control = format!(
        "Package: toy\nVersion: {version}\nArchitecture: all\n\
         Maintainer: us <us@example.org>\nDescription: a toy\n"
    );
    std::fs::write(tree.join("DEBIAN/control"), control)?;
    std::fs::write(tree.join("DEBIAN/conffiles"), "/etc/toy.conf\n")?;
    std::fs::write(tree.join("etc/toy.conf"), format!("vanilla {version}\n"))?;
    let deb = folder.join(format!("toy_{version}_all.deb"));
    let mut command = Command::new("dpkg-deb");
    command.args(["--root-owner-group", "--build"]).args([&tree, &deb]);
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(deb)
}
