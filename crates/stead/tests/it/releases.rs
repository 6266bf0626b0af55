//! Releases of the cookbook's services, the one it has and older ones by locks of their own, so
//! that tests upgrade from one real release to another.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::lifecycle::copy_of;

/// The architecture of this machine, which is the lab's.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// Builds the release that the cookbook has; gives the .deb.
///
/// Packing takes a minute, so that it is kept for the other tests of this program: until the
/// program or the recipe changes.
pub fn newer(recipe: &str, settings: &[&str]) -> Result<PathBuf> {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
    fs::create_dir_all(&kept)?;
    let lock = File::create(kept.join(format!("{recipe}.lock")))?;
    lock.lock()?;
    let made = mark(recipe, settings)?;
    let folder = kept.join(recipe);
    if fs::read_to_string(folder.join("made")).is_ok_and(|before| before == made) {
        return only(&folder.join("packages"));
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let deb = build(&copy_of(recipe, &folder.join("recipe"))?, settings, &folder.join("packages"))?;
    fs::write(folder.join("made"), made)?;
    Ok(deb)
}

/// What a package is made of and by, in a text that differs when that differs.
fn mark(recipe: &str, settings: &[&str]) -> Result<String> {
    let program = fs::metadata(env!("CARGO_BIN_EXE_stead"))?;
    let mut mark = format!("{settings:?} {:?} {}", program.modified()?, program.len());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/cookbook").join(recipe);
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    for path in files.into_iter().filter(|path| path.is_file()) {
        mark += &format!("\n{}\n{}", path.display(), fs::read_to_string(&path)?);
    }
    Ok(mark)
}

/// Builds an older release, by the lock that was kept of it; gives the .deb.
pub fn older(
    recipe: &str,
    version: &str,
    lock: &str,
    settings: &[&str],
    folder: &Path,
) -> Result<PathBuf> {
    let copy = copy_of(recipe, &folder.join("older"))?;
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/releases");
    let from = kept.join(format!("{recipe}-{version}")).join(lock);
    fs::copy(&from, copy.join(lock)).with_context(|| format!("no `{}`", from.display()))?;
    let text = fs::read_to_string(copy.join("recipe.toml"))?;
    let lines = text.lines().map(|line| match line.starts_with("version = ") {
        true => format!("version = \"{version}\""),
        false => line.to_owned(),
    });
    fs::write(copy.join("recipe.toml"), lines.collect::<Vec<_>>().join("\n") + "\n")?;
    build(&copy, settings, &folder.join("older-packages"))
}

fn build(recipe: &Path, settings: &[&str], into: &Path) -> Result<PathBuf> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stead"));
    command.args(["build", "--arch", ARCHITECTURE, "--out"]).arg(into).arg(recipe);
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "stead build {}: {said}", recipe.display());
    only(into)
}

fn only(folder: &Path) -> Result<PathBuf> {
    let made = fs::read_dir(folder)?.next().context("stead build made nothing")?;
    Ok(made?.path())
}
