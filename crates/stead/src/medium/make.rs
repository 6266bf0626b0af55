//! `stead medium make`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use commons::git;
use deb::fetch::Cache;
use deb::medium::choice::Built;
use deb::medium::image::Form;
use deb::medium::make::{self, Extras, Made};
use deb::medium::names;
use deb::medium::plan::{self, Figures, Mirror, Order};
use deb::medium::program::{self, Program};
use deb::medium::target::Target;
use deb::progress::Progress;
use deb::recipe_folder;
use deb::signing::Key;
use include_dir::{Dir, include_dir};
use jiff::Timestamp;
use model::recipe::folder::Folder;
use model::text::bytes;
use node::home::Address;

use crate::medium::arguments::Make;
use crate::medium::recipes;
use crate::step_bar::StepBar;
use crate::{named, output};

/// The guides, for readers without a network.
static GUIDES: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../docs/guides");
const README: &str = include_str!("../../../../README.md");

pub fn run(address: &Address, arguments: &Make) -> anyhow::Result<u8> {
    let steps = StepBar::new();
    let work = tempfile::tempdir()?;
    let cache = Cache::open(Cache::default_folder())?;
    let plan_folder = named::plan(address)?;
    let architectures = architectures(arguments);
    let asked = Asked::sort(arguments, plan_folder.as_deref())?;

    let recipes = recipes::build(
        address,
        &asked.recipes,
        &arguments.set,
        &architectures,
        &cache,
        work.path(),
        &steps,
    )?;
    let mut built = recipes.built;
    for path in &asked.packages {
        built.push(Built::read(path)?);
    }
    let mut services = asked.services;
    services.extend(built.iter().map(|one| one.package.clone()));
    services.dedup();
    for path in programs(arguments, &architectures, &cache)? {
        built.push(Built::read(&path)?);
    }
    let now = Timestamp::now();
    let order = Order {
        targets: targets(&arguments.release, &architectures),
        services,
        built,
        recommends: arguments.recommends,
        mirror: arguments
            .mirror
            .clone()
            .map(|url| Mirror { url, keyring: arguments.keyring.clone() }),
        now,
    };
    let plan = plan::plan(&order, &cache, &steps)?;
    for warning in &plan.warnings {
        output::say(&output::tame(&format!("warning: {warning}")));
    }
    let figures = plan.figures(&cache);
    if arguments.dry_run {
        drop(steps);
        match arguments.json.json {
            true => output::json(&figures)?,
            false => output::print(&(table(&figures) + "Nothing was made (--dry-run).\n"))?,
        }
        return Ok(0);
    }
    for line in table(&figures).lines() {
        steps.step(line);
    }

    let key = arguments.key.clone().map_or_else(default_key, Ok)?;
    if !key.exists() {
        Key::generate(&key, "stead medium")?;
        output::say(&format!("Made a key that signs media: {}", key.display()));
    }
    let mut files = documents();
    files.extend(recipes.folders.iter().flat_map(recipe_files));
    let bundle = bundle(plan_folder.as_deref().filter(|_| !arguments.without_plan), work.path());
    let extras = Extras {
        files,
        plan: bundle,
        recommends: arguments.recommends,
        key,
        form: if arguments.fat { Form::Fat } else { Form::Ext4 },
        now,
    };
    let made = make::make(&plan, &extras, &arguments.path, &cache, &steps)?;
    drop(steps);
    match arguments.json.json {
        true => output::json(&made)?,
        false => output::print(&told(&made, &arguments.path))?,
    }
    Ok(0)
}

/// What was asked for, by its kind.
#[derive(Default)]
struct Asked {
    recipes: Vec<String>,
    /// Debian's.
    services: Vec<String>,
    packages: Vec<PathBuf>,
}

impl Asked {
    fn sort(arguments: &Make, plan: Option<&Path>) -> anyhow::Result<Self> {
        let known = recipe_folder::names(plan);
        let mut asked = Self::default();
        for name in &arguments.with {
            if name.ends_with(".deb") {
                asked.packages.push(PathBuf::from(name));
            } else if name.contains('/') || known.contains(name) {
                asked.recipes.push(name.clone());
            } else if deb::control::is_package_name(name) {
                asked.services.push(name.clone());
            } else {
                bail!("`{name}` is neither a recipe, nor a package's name, nor a .deb file");
            }
        }
        Ok(asked)
    }
}

fn architectures(arguments: &Make) -> Vec<String> {
    let mut names = arguments.architectures.clone();
    if names.is_empty() {
        names.push(own_architecture().to_owned());
    }
    names.sort();
    names.dedup();
    names
}

fn targets(releases: &[String], architectures: &[String]) -> Vec<Target> {
    let mut targets: Vec<Target> = releases
        .iter()
        .flat_map(|release| {
            architectures.iter().map(|architecture| Target {
                release: release.clone(),
                architecture: architecture.clone(),
            })
        })
        .collect();
    targets.sort();
    targets.dedup();
    targets
}

/// Debian's name of what this program was built for.
fn own_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "armhf",
        "x86" => "i386",
        other => other,
    }
}

/// Packages of stead itself.
fn programs(
    arguments: &Make,
    architectures: &[String],
    cache: &Cache,
) -> anyhow::Result<Vec<PathBuf>> {
    if arguments.without_stead {
        return Ok(Vec::new());
    }
    let mut programs = Vec::new();
    for given in &arguments.stead {
        let (architecture, path) =
            given.split_once('=').with_context(|| format!("`{given}` is not ARCHITECTURE=FILE"))?;
        programs.push(Program { architecture: architecture.to_owned(), path: path.into() });
    }
    let own = own_architecture();
    if architectures.iter().any(|one| one == own)
        && !programs.iter().any(|one| one.architecture == own)
    {
        let path = std::env::current_exe().context("cannot find this program's own file")?;
        programs.push(Program { architecture: own.to_owned(), path });
    }
    for architecture in architectures {
        if !programs.iter().any(|one| one.architecture == *architecture) {
            output::say(&format!(
                "note: no stead for {architecture}: give one with --stead {architecture}=FILE"
            ));
        }
    }
    let folder = cache.folder().join("programs");
    let version = concat!(env!("CARGO_PKG_VERSION"), "-1");
    programs.iter().map(|program| Ok(program::pack(program, version, &folder)?)).collect()
}

/// `medium.key` in stead's own folder of data.
fn default_key() -> anyhow::Result<PathBuf> {
    let variable =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = variable("XDG_DATA_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local/share")))
        .context("there is no home for the medium's key: name its file with --key")?;
    let folder = base.join("stead");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    Ok(folder.join("medium.key"))
}

fn documents() -> Vec<(String, Vec<u8>)> {
    let guides = GUIDES.files().filter_map(|file| {
        let name = file.path().file_name()?.to_str()?;
        Some((format!("{}/guides/{name}", names::DOCS), file.contents().to_vec()))
    });
    let readme = (format!("{}/README.md", names::DOCS), README.as_bytes().to_vec());
    std::iter::once(readme).chain(guides).collect()
}

fn recipe_files((name, folder): &(String, Folder)) -> Vec<(String, Vec<u8>)> {
    let place = |path: &str| format!("{}/{name}/{path}", names::RECIPES);
    folder.files.iter().map(|(path, file)| (place(path), file.clone())).collect()
}

/// The plan with its history, if there is a plan that has one.
fn bundle(plan: Option<&Path>, work: &Path) -> Option<PathBuf> {
    let bundle = work.join(names::PLAN);
    match git::bundle(plan?, &bundle) {
        git::Outcome::Done => Some(bundle),
        git::Outcome::NoHistory(reason) => {
            output::say(&format!("note: the plan is not on the medium: {reason}"));
            None
        }
    }
}

fn table(figures: &Figures) -> String {
    let mut text = String::new();
    for target in &figures.targets {
        let names: Vec<&str> = target.services.iter().map(|one| one.name.as_str()).collect();
        text.push_str(&format!(
            "{} on {}: {} packages, {}: {}\n",
            target.release,
            target.architecture,
            target.packages,
            bytes(target.bytes),
            names.join(", ")
        ));
    }
    text.push_str(&format!(
        "In all {} packages, {}; {} to fetch.\n",
        figures.packages,
        bytes(figures.bytes),
        bytes(figures.to_fetch)
    ));
    text
}

fn told(made: &Made, path: &Path) -> String {
    let mut text = String::new();
    for offer in &made.offers {
        let names: Vec<&str> = offer.services.iter().map(|one| one.name.as_str()).collect();
        text.push_str(&format!(
            "{} on {}: {}\n",
            offer.release,
            offer.architecture,
            names.join(", ")
        ));
    }
    let judged =
        made.offers.iter().all(|offer| offer.judge == deb::medium::description::Judge::Apt);
    text.push_str(if judged {
        "apt installs all of it from this medium alone.\n"
    } else {
        "There is no apt here: only stead's own closure was checked.\n"
    });
    text.push_str(&format!(
        "{}: {} files, {}; {} written now, {} removed.\n",
        path.display(),
        made.files,
        bytes(made.bytes),
        made.synced.copied,
        made.synced.removed,
    ));
    if let Some(size) = made.image_bytes {
        text.push_str(&format!(
            "The image has {}; write it to a whole stick, as `dd if={} of=/dev/sdX bs=4M` does.\n",
            bytes(size),
            path.display()
        ));
    } else {
        text.push_str("On a target: sh install, in that folder.\n");
    }
    text.push_str(&format!(
        "The SHA-256 of its key, for who must be sure:\n  {}\n",
        made.key_sha256
    ));
    text
}
