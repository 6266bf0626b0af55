//! Disk images: a small Debian as `mmdebstrap` makes it, and one more for each set of packages.
//! They are made once, cached, and never changed by a machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::command::{self, Input};
use crate::place;

/// Grows whenever an image made by this file would differ from one made before.
const RECIPE: u32 = 1;
const SUITE: &str = "bookworm";
const LIMIT: Duration = Duration::from_secs(1200);

/// What every machine has: the least that behaves as an installed Debian server.
const BASE: &str = "systemd,systemd-sysv,systemd-timesyncd,dbus,libpam-systemd,iproute2,\
                    iputils-ping,procps,kmod,netbase,ca-certificates,tzdata";

/// A cached root folder with a set of packages installed.
#[derive(Debug, Clone)]
pub struct Image {
    root: PathBuf,
}

impl Image {
    /// Gives the image with these packages, and makes it first when there is none.
    ///
    /// Packages come from the Debian mirror, with this machine's apt proxy, recommended ones too.
    /// Several processes may ask at once: one makes it, the others wait.
    pub fn with(packages: &[&str]) -> Result<Self> {
        let packages: BTreeSet<&str> = packages.iter().copied().collect();
        for package in &packages {
            ensure!(is_name(package), "`{package}` is no name of a Debian package");
        }
        let folder = place::cache()?.join("images");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make `{}`", folder.display()))?;
        let name = name(&packages);
        let root = folder.join(&name);
        if root.is_dir() {
            return Ok(Self { root });
        }
        let base = if packages.is_empty() { None } else { Some(Self::with(&[])?) };
        let _lock = place::lock(&folder.join(format!("{name}.lock")))?;
        if root.is_dir() {
            return Ok(Self { root });
        }
        let start = Instant::now();
        eprintln!("lab: making the image `{name}`");
        let new = folder.join(format!(".{name}.new"));
        place::remove(&new)?;
        match base {
            None => bootstrap(&new)?,
            Some(base) => {
                copy(&base.root, &new)?;
                install(&new, &packages)?;
            }
        }
        fs::rename(&new, &root)
            .with_context(|| format!("cannot put the image at `{}`", root.display()))?;
        eprintln!("lab: made `{name}` in {:.0} s", start.elapsed().as_secs_f64());
        Ok(Self { root })
    }

    /// The root folder; whoever changes it changes every machine to come.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

/// Copies a root folder, sharing blocks where the file system can.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("cp");
    command.args(["--archive", "--reflink=auto"]).arg(from).arg(to);
    command::must(&mut command, Input::Nothing, LIMIT)?;
    Ok(())
}

fn bootstrap(root: &Path) -> Result<()> {
    let mut command = Command::new("mmdebstrap");
    command
        .args(["--variant=minbase", "--format=directory", "--skip=cleanup/apt/lists"])
        .arg(format!("--include={BASE}"));
    if let Some(proxy) = proxy()? {
        command.arg(format!("--aptopt=Acquire::http::Proxy \"{proxy}\""));
    }
    command.args(["--quiet", SUITE]).arg(root);
    command::must(&mut command, Input::Nothing, LIMIT).context("cannot make the base image")?;
    // The proxy is of use while an image is made; a machine reaches nobody.
    remove_file(&root.join("etc/apt/apt.conf.d/99mmdebstrap"))?;
    fs::write(root.join("etc/resolv.conf"), "# A machine of the lab has no name server.\n")?;
    fs::write(root.join("etc/machine-id"), "")?;
    Ok(())
}

fn install(root: &Path, packages: &BTreeSet<&str>) -> Result<()> {
    let policy = root.join("usr/sbin/policy-rc.d");
    fs::write(&policy, "#!/bin/sh\nexit 101\n")?;
    fs::set_permissions(&policy, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let mut command = Command::new("systemd-nspawn");
    command
        .args(["--quiet", "--register=no", "--keep-unit", "--pipe", "--settings=no"])
        .args(["--resolv-conf=replace-host", "--timezone=off", "--link-journal=no"])
        .args(["--setenv=DEBIAN_FRONTEND=noninteractive", "--setenv=LC_ALL=C.UTF-8"])
        .arg(format!("--machine=stead-lab-{}", &place::random()?[..12]))
        .arg(format!("--directory={}", root.display()));
    for name in ["http_proxy", "no_proxy"] {
        if std::env::var_os(name).is_some() {
            command.arg(format!("--setenv={name}"));
        }
    }
    command.args(["apt-get", "--quiet", "--yes", "--option=Acquire::Retries=3"]);
    if let Some(proxy) = proxy()? {
        command.arg(format!("--option=Acquire::http::Proxy={proxy}"));
    }
    command.arg("install").args(packages);
    let installed = command::must(&mut command, Input::Nothing, LIMIT);
    installed.with_context(|| format!("cannot install {packages:?}"))?;
    remove_file(&policy)?;
    let archives = root.join("var/cache/apt/archives");
    for entry in fs::read_dir(&archives)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            remove_file(&path)?;
        }
    }
    fs::write(root.join("etc/resolv.conf"), "# A machine of the lab has no name server.\n")?;
    Ok(())
}

/// The proxy that this machine's own apt is set up with.
pub(crate) fn proxy() -> Result<Option<String>> {
    let mut command = Command::new("apt-config");
    command.args(["shell", "PROXY", "Acquire::http::Proxy"]);
    let said = command::run(&mut command, Input::Nothing, LIMIT)?.text().stdout;
    let value = said.trim().strip_prefix("PROXY=").map(|value| value.trim_matches('\''));
    Ok(value.filter(|value| !value.is_empty()).map(str::to_owned))
}

fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

/// Debian Policy 5.6.7: at least two of these characters, the first a letter or a digit.
pub(crate) fn is_name(text: &str) -> bool {
    let of = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() >= 2 && text.starts_with(of) && text.chars().all(|c| of(c) || "+-.".contains(c))
}

fn name(packages: &BTreeSet<&str>) -> String {
    let mut name = format!("{SUITE}-{RECIPE}");
    for package in packages {
        name.push('_');
        name.push_str(package);
    }
    shortened(name)
}

/// A folder's name: readable, and for a long list of packages shortened by a hash (FNV-1a).
pub(crate) fn shortened(mut name: String) -> String {
    if name.len() > 100 {
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        name.truncate(80);
        name.push_str(&format!("_{hash:016x}"));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_by_its_set_of_packages() {
        let one = name(&["b", "a", "b"].into_iter().collect());
        assert_eq!(one, format!("bookworm-{RECIPE}_a_b"));
        let many: Vec<String> = (0..99).map(|number| format!("package{number}")).collect();
        let long = name(&many.iter().map(String::as_str).collect());
        let other = name(&many[..98].iter().map(String::as_str).collect());
        assert!(long.len() < 100 && long != other);
    }

    #[test]
    fn an_option_is_no_package() {
        assert!(is_name("libc6") && is_name("g++") && is_name("python3.11"));
        assert!(!is_name("--help") && !is_name("") && !is_name("a b") && !is_name("../x"));
    }
}
