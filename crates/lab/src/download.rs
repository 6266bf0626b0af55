//! Debian packages fetched ahead for machines that reach nobody.
//! What a test does with them is the test's own business.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::command::{self, Input};
use crate::image::{self, Image};
use crate::place;

const LIMIT: Duration = Duration::from_secs(600);

impl Image {
    /// Fetches what a machine of this image lacks for these packages, without recommended ones,
    /// and gives the .deb files. They are fetched once and cached.
    pub fn download(&self, packages: &[&str]) -> Result<Vec<PathBuf>> {
        let packages: BTreeSet<&str> = packages.iter().copied().collect();
        for package in &packages {
            ensure!(image::is_name(package), "`{package}` is no name of a Debian package");
        }
        let folder = place::cache()?.join("debs");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make `{}`", folder.display()))?;
        let image = self.root().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let wanted: Vec<&str> = packages.iter().copied().collect();
        let name = image::shortened(format!("{image}__{}", wanted.join("_")));
        let there = folder.join(&name);
        let _lock = place::lock(&folder.join(format!("{name}.lock")))?;
        if !there.is_dir() {
            let new = folder.join(format!(".{name}.new"));
            place::remove(&new)?;
            fs::create_dir_all(new.join("partial"))?;
            self.fetch(&new, &wanted)?;
            place::remove(&new.join("partial"))?;
            fs::rename(&new, &there)
                .with_context(|| format!("cannot put packages at `{}`", there.display()))?;
        }
        let mut debs = Vec::new();
        for entry in fs::read_dir(&there)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                debs.push(path);
            }
        }
        debs.sort();
        Ok(debs)
    }

    /// This machine's apt, with the image's sources, indexes and state, which it does not change.
    fn fetch(&self, into: &Path, packages: &[&str]) -> Result<()> {
        let root = self.root().display();
        let mut command = Command::new("apt-get");
        for option in [
            format!("Dir={root}"),
            format!("Dir::State::status={root}/var/lib/dpkg/status"),
            format!("Dir::Cache::archives={}", into.display()),
            "Dir::Cache::pkgcache=".to_owned(),
            "Dir::Cache::srcpkgcache=".to_owned(),
            "Dir::Log=/dev".to_owned(),
            "Debug::NoLocking=1".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Retries=3".to_owned(),
        ] {
            command.arg("--option").arg(option);
        }
        if let Some(proxy) = image::proxy()? {
            command.arg(format!("--option=Acquire::http::Proxy={proxy}"));
        }
        command.args(["--quiet", "--yes", "--no-install-recommends", "--download-only", "install"]);
        let fetched = command::must(command.args(packages), Input::Nothing, LIMIT);
        fetched.with_context(|| format!("cannot fetch {packages:?}"))?;
        Ok(())
    }
}
