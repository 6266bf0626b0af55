//! A medium: made here, then carried to a machine that reaches nobody and believes it is two years
//! ago.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::{Fleet, Machine};

const STEAD: &str = env!("CARGO_BIN_EXE_stead");
const LIMIT: Duration = Duration::from_secs(300);
/// The release itself, without what moves while a test runs.
pub const MIRROR: &str = "--mirror=http://deb.debian.org/debian";
const TWO_YEARS: i64 = 2 * 365 * 86_400;
/// Where the machine sees it: a blank in the path, as sticks have.
const INSTALL: &str = "sh '/media/a stick/install'";

/// systemctl waits by systemd's event loop, which fails in a shifted clock; see `lab::Spec::clock`.
const SYSTEMCTL: &str = "#!/bin/sh\nexec env -u LD_PRELOAD /bin/systemctl \"$@\"\n";

/// Steps the pretended clock of the lab where the real `date` would step the machine's, which is
/// that of every machine here.
const DATE: &str = "#!/bin/sh\ncase \" $* \" in\n*' -s '*)\n\
    for word; do case $word in @*) to=${word#@} ;; esac; done\n\
    echo $((to - $(env -u LD_PRELOAD date +%s))) | sed 's/^[0-9]/+&/' >/run/clock ;;\n\
    *) exec /bin/date \"$@\" ;;\nesac\n";

fn stead(arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(STEAD).args(arguments).output()?)
}

pub fn must(arguments: &[&str]) -> Result<String> {
    let output = stead(arguments)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "stead {arguments:?}: {said}");
    Ok(String::from_utf8(output.stdout)?)
}

/// This program without what only a debugger needs: a tenth of its size, packed in a tenth of the
/// time.
pub fn stripped(work: &Path) -> Result<PathBuf> {
    let program = work.join("stead");
    let status = Command::new("strip").arg("-o").arg(&program).arg(STEAD).status();
    ensure!(status.context("cannot run `strip`")?.success());
    Ok(program)
}

/// The file below a folder whose name begins so.
pub fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|it| it.to_string_lossy().starts_with(name)) {
                return Ok(path);
            }
        }
    }
    anyhow::bail!("no {name}* below {}", folder.display())
}

/// Exchanges a file for one of the same size.
fn tamper(path: &Path) -> Result<Vec<u8>> {
    let whole = fs::read(path)?;
    let mut other = whole.clone();
    let middle = other.len() / 2;
    other[middle] ^= 1;
    fs::write(path, other)?;
    Ok(whole)
}

/// The file that is not the signed one is named, both by the machine and by `stead medium verify`,
/// and nothing is installed.
fn refused(machine: &Machine, medium: &Path, path: &Path, by_machine: &str) -> Result<()> {
    let whole = tamper(path)?;
    let inside = path.strip_prefix(medium)?.to_string_lossy().into_owned();
    let output = machine.sh_within(&format!("{INSTALL} --yes"), LIMIT)?;
    ensure!(!output.success(), "{inside}: {output:?}");
    let expected = by_machine.replace("PATH", &format!("/media/a stick/{inside}"));
    ensure!(output.stderr.contains(&expected), "{inside}: {}", output.stderr);
    let verified = stead(&["medium", "verify", &medium.to_string_lossy()])?;
    let said = String::from_utf8_lossy(&verified.stdout).into_owned()
        + &String::from_utf8_lossy(&verified.stderr);
    ensure!(verified.status.code() == Some(1) && said.contains(&inside), "{inside}: {said}");
    ensure!(!machine.sh("dpkg-query -W babeld")?.success(), "{inside}: something was installed");
    fs::write(path, whole)?;
    Ok(())
}

/// What a machine's own apt is set up with, and knows.
fn apts_own(machine: &Machine) -> Result<String> {
    machine.must("find /etc/apt /var/lib/apt/lists -type f -exec sha256sum {} + | sort")
}

#[test]
fn lab_a_sealed_machine_two_years_in_the_past_is_installed_from_a_medium() -> Result<()> {
    let Some(fleet) = Fleet::new("medium")? else { return Ok(()) };
    let work = tempfile::tempdir()?;
    let medium = work.path().join("my stick");
    let program = format!("amd64={}", stripped(work.path())?.display());
    let key = work.path().join("key").display().to_string();
    let place = medium.display().to_string();
    let make = |with: &str| {
        must(&["medium", "make", "--with", with, "--stead", &program, "--key", &key, &place])
    };
    let made = make("babeld-mesh,static-site,sl")?;
    assert!(made.contains("apt installs all of it from this medium alone."), "{made}");
    let key_sum = made.lines().last().context("a sum")?.trim().to_owned();
    let verified = must(&["medium", "verify", "--key", &key_sum, &place])?;
    assert!(verified.starts_with("The medium is whole: "), "{verified}");

    // The second run removes what is no longer wanted, and copies little.
    let again = make("babeld-mesh,static-site")?;
    assert!(find(&medium.join("debian/pool"), "sl_").is_err(), "{again}");
    must(&["medium", "verify", &place])?;

    let machine = fleet.machine("sealed").no_network().clock(-TWO_YEARS);
    let machine = machine.bind_ro(&medium, "/media/a stick").boot()?;
    machine.write("/usr/local/sbin/systemctl", SYSTEMCTL)?;
    machine.must("chmod +x /usr/local/sbin/systemctl")?;
    // A wire with two ends on this machine: a mesh needs one, and it leads nowhere.
    machine.must(
        "ip link add wire type veth peer name end && ip link set wire up && ip link set end up",
    )?;
    let before = apts_own(&machine)?;

    // Every file that is not the signed one is named, and nothing is installed.
    let changed = "PATH' is not the file that was signed";
    refused(&machine, &medium, &find(&medium.join("debian/pool"), "nginx_")?, changed)?;
    refused(&machine, &medium, &medium.join("debian/dists/bookworm/InRelease"), changed)?;
    let index = medium.join("debian/dists/bookworm/main/binary-amd64/Packages.gz");
    refused(&machine, &medium, &index, changed)?;
    refused(&machine, &medium, &medium.join("medium.list"), changed)?;
    let sums = "PATH' is not good";
    refused(&machine, &medium, &medium.join("SHA256SUMS"), sums)?;
    // The script itself cannot notice that it was exchanged; who verifies does.
    let script = fs::read(medium.join("install"))?;
    fs::write(medium.join("install"), "#!/bin/sh\necho hello\n")?;
    let verified = stead(&["medium", "verify", &place])?;
    assert!(String::from_utf8_lossy(&verified.stdout).contains("changed: install"));
    fs::write(medium.join("install"), script)?;
    let other = machine.sh(&format!("{INSTALL} --yes --key {}", "0".repeat(64)))?;
    assert!(!other.success() && other.stderr.contains("key is another"), "{other:?}");

    machines_that_it_is_not_for(&machine)?;

    // A clock that cannot be set, as in this container, is said, and does not hinder.
    let listed = machine.must(&format!("{INSTALL} --list"))?;
    assert!(listed.contains("stead\n  babeld-mesh\n  static-site\n"), "{listed}");
    let dry = machine.must(&format!("{INSTALL} --dry-run static-site"))?;
    assert!(dry.contains("Inst nginx ") && dry.contains("Nothing was installed"), "{dry}");
    let output = machine.sh_within(&format!("{INSTALL} --yes static-site"), LIMIT)?;
    assert!(output.success(), "{output:?}");
    assert!(output.stdout.contains("clock is behind") && output.stdout.contains("was not set"));
    assert!(output.stdout.contains("static-site 1.0-1"), "{}", output.stdout);
    checks(&machine, "static-site")?;

    // A clock that can be set is set forward to the medium's date, and apt compares dates.
    machine.write("/opt/stubs/date", DATE)?;
    machine.must(&format!("chmod +x /opt/stubs/date; echo -{TWO_YEARS} >/run/clock"))?;
    machine.write("/etc/nginx/sites-available/static-site.note", "kept")?;
    machine.must("echo '# edited here' >>/etc/nginx/sites-available/static-site")?;
    let stepping = "unset FAKETIME; export FAKETIME_TIMESTAMP_FILE=/run/clock FAKETIME_NO_CACHE=1 \
                    PATH=/opt/stubs:$PATH";
    let output = machine.sh_within(&format!("{stepping}; {INSTALL} --yes"), LIMIT)?;
    assert!(output.success(), "{output:?}");
    assert!(output.stdout.contains("The clock was behind"), "{}", output.stdout);
    assert!(!output.stdout.contains("not set"), "{}", output.stdout);
    let off: i64 = machine.must("cat /run/clock")?.trim().parse()?;
    assert!((-3600..=0).contains(&off), "the clock was set to the medium's date, not to {off} s");
    checks(&machine, "babeld-mesh")?;
    checks(&machine, "static-site")?;
    machine.must("grep -q 'edited here' /etc/nginx/sites-available/static-site")?;

    // Once more is harmless, and the machine's own apt is as it was.
    let again = machine.must(&format!("{INSTALL} --yes"))?;
    assert!(again.contains("0 upgraded, 0 newly installed, 0 to remove"), "{again}");
    assert_eq!(apts_own(&machine)?, before);
    machine.must("test -z \"$(ls -d /tmp/stead-medium* 2>/dev/null)\"")?;
    Ok(())
}

/// A machine that the medium has nothing for is told so in plain words.
fn machines_that_it_is_not_for(machine: &Machine) -> Result<()> {
    let says = |program: &str, word: &str| {
        machine.write(&format!("/opt/other/{program}"), format!("#!/bin/sh\necho {word}\n"))?;
        machine.must(&format!("chmod +x /opt/other/{program}"))
    };
    let refusal = || -> Result<String> {
        let output = machine.sh(&format!("PATH=/opt/other:$PATH {INSTALL} --yes"))?;
        ensure!(!output.success(), "{output:?}");
        Ok(output.stderr)
    };
    says("dpkg", "armhf")?;
    says("uname", "armv7l")?;
    let said = refusal()?;
    assert!(said.contains("nothing for Debian bookworm on armhf"), "{said}");
    assert!(said.contains("it has: bookworm on amd64"), "{said}");
    says("uname", "armv6l")?;
    let said = refusal()?;
    assert!(said.contains("ARMv6") && said.contains("armhf is for ARMv7"), "{said}");
    machine.must(
        "rm -r /opt/other; cp /etc/os-release /root/; sed -i s/bookworm/trixie/ /etc/os-release",
    )?;
    let said = refusal()?;
    assert!(said.contains("nothing for Debian trixie on amd64"), "{said}");
    machine.must("cat /root/os-release >/etc/os-release")?;
    Ok(())
}

/// The service's own checks, asked by the stead that came with it.
fn checks(machine: &Machine, package: &str) -> Result<()> {
    machine.until(&format!("stead recipe check {package}"), Duration::from_secs(30))?;
    Ok(())
}

#[test]
fn lab_a_medium_survives_kills_a_full_disk_and_becomes_an_image() -> Result<()> {
    // It mounts a small disk, as the lab does.
    let Some(_) = Fleet::new("copies")? else { return Ok(()) };
    let work = tempfile::tempdir()?;
    let at = |name: &str| work.path().join(name).display().to_string();
    let key = format!("--key={}", at("key"));
    // A medium is itself a Debian repository: the others are made from it, without a network.
    let first = at("first");
    must(&["medium", "make", "--without-stead", "--with=jq,sl", MIRROR, &key, &first])?;
    let mirror = format!("--mirror=file://{first}/debian");
    let keyring = format!("--keyring={first}/key.gpg");
    let from_first = |with: &'static str, place: String| {
        let mut command = Command::new(STEAD);
        command.args(["medium", "make", "--without-stead", "--json", with]);
        command.args([&key, &mirror, &keyring, &place]).env("XDG_CACHE_HOME", at("cache"));
        command
    };

    // Killed again and again, it goes on, and what is there in the end is whole.
    let second = at("second");
    let mut whole = false;
    for hundredths in [1, 3, 6, 10, 15, 20, 30, 40] {
        let mut command = from_first("--with=jq,sl", second.clone());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        // Not a wait for something: a moment at random to be killed at.
        std::thread::sleep(Duration::from_millis(hundredths * 10));
        child.kill()?;
        whole |= child.wait()?.success();
    }
    eprintln!("one run was done before it was killed: {whole}");
    let output = from_first("--with=jq,sl", second.clone()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    must(&["medium", "verify", &second])?;

    // Where there is too little room nothing is begun; with more, it is done.
    let small = at("small");
    fs::create_dir(&small)?;
    let mount = |options: &str| -> Result<()> {
        let mut command = Command::new("mount");
        let status = command.args(["-t", "tmpfs", "-o", options, "tmpfs", &small]).status()?;
        ensure!(status.success(), "cannot mount a small disk");
        Ok(())
    };
    mount("size=2m")?;
    let place = format!("{small}/stead");
    let full = from_first("--with=jq,sl", place.clone()).output()?;
    let grown = mount("remount,size=200m");
    let done = from_first("--with=jq,sl", place.clone()).output()?;
    let verified = must(&["medium", "verify", &place]);
    Command::new("umount").arg(&small).status()?;
    grown?;
    let said = String::from_utf8_lossy(&full.stderr);
    assert!(!full.status.success() && said.contains("bytes are needed"), "{said}");
    assert!(said.contains("hint: what was fetched stays in the cache"), "{said}");
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    verified?;

    // Images of both kinds hold the same, and one that is damaged is told.
    for (name, more) in [("ext4.img", None), ("fat.img", Some("--fat"))] {
        let mut command = from_first("--with=jq", at(name));
        let output = command.args(more).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let verified = must(&["medium", "verify", &at(name)])?;
        assert!(verified.starts_with("The medium is whole: "), "{name}: {verified}");
    }
    let occupied = from_first("--with=jq", at("")).output()?;
    assert!(String::from_utf8_lossy(&occupied.stderr).contains("neither empty nor a medium"));
    Ok(())
}

/// What a foreign processor's programs say, run by qemu from nothing but the medium's packages.
#[test]
fn lab_media_for_arm_hold_programs_that_run_there() -> Result<()> {
    let Some(_) = Fleet::new("arm")? else { return Ok(()) };
    let work = tempfile::tempdir()?;
    let place = work.path().join("stick");
    let key = format!("--key={}", work.path().join("key").display());
    let made = must(&[
        "medium",
        "make",
        "--without-stead",
        "--with=jq",
        "--for=arm64,armhf",
        "--release=bookworm,trixie",
        MIRROR,
        &key,
        &place.to_string_lossy(),
    ])?;
    assert!(made.contains("apt installs all of it from this medium alone."), "{made}");
    let description = deb::medium::verify::description(&place)?;
    assert_eq!(description.offers.len(), 4);
    let mut programs = 0;
    for package in &description.packages {
        let path = place.join(&package.path);
        deb::archive::visit(&path, &mut |item, content| {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            if let Some(machine) = deb::elf::machine(&*bytes) {
                programs += 1;
                assert!(machine.fits(&package.architecture), "{}: {machine}", item.path);
            }
            Ok(())
        })?;
    }
    assert!(programs > 20, "{programs} ELF files");
    for (architecture, qemu) in [("arm64", "qemu-aarch64-static"), ("armhf", "qemu-arm-static")] {
        for release in ["bookworm", "trixie"] {
            let root = work.path().join(format!("{release}-{architecture}"));
            fs::create_dir(&root)?;
            let list = apt_list(&place, release, architecture)?;
            for path in list {
                let status = Command::new("dpkg-deb").arg("-x").arg(path).arg(&root).status()?;
                ensure!(status.success(), "cannot unpack a package");
            }
            // Where all is below /usr, the link to it is not of these packages.
            if !root.join("lib").exists() {
                std::os::unix::fs::symlink("usr/lib", root.join("lib"))?;
            }
            // Inside of the root, so that no path of this machine is seen for the medium's.
            let found = Command::new("which").arg(qemu).output()?;
            let program = String::from_utf8(found.stdout)?;
            fs::copy(program.trim(), root.join("qemu"))
                .with_context(|| format!("`{qemu}` is not installed"))?;
            let output = Command::new("chroot")
                .arg(&root)
                .args(["/qemu", "/usr/bin/jq"])
                .args(["-n", "--arg", "a", "40", "($a | tonumber) + 2"])
                .output()
                .with_context(|| format!("cannot run `{qemu}`"))?;
            assert_eq!(String::from_utf8_lossy(&output.stdout), "42\n", "{output:?}");
        }
    }
    Ok(())
}

/// The packages that the medium's index has for a release on an architecture.
fn apt_list(place: &Path, release: &str, architecture: &str) -> Result<Vec<PathBuf>> {
    let index =
        place.join(format!("debian/dists/{release}/main/binary-{architecture}/Packages.gz"));
    let output = Command::new("gzip").arg("-dc").arg(index).output()?;
    let text = String::from_utf8(output.stdout)?;
    let names = text.lines().filter_map(|line| line.strip_prefix("Filename: "));
    let list: Vec<PathBuf> = names.map(|name| place.join("debian").join(name)).collect();
    ensure!(!list.is_empty(), "no package for {release} on {architecture}");
    Ok(list)
}
