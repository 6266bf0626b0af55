//! `stead build`: recipes become packages.
//!
//! Leaves out repositories: `stead repo add` takes what is built here.

use std::path::PathBuf;

use clap::Args;
use deb::build::{self, Order, Planned};
use deb::fetch::Cache;
use deb::recipe_folder;
use model::recipe::lines::FILE;
use model::text::{bytes, counted};
use node::home::Address;

use crate::flags::{Json, Set};
use crate::step_bar::StepBar;
use crate::{named, output};

/// Build packages from recipes: the same recipe gives the same bytes, whoever builds it and when.
///
/// A recipe is a folder, the name of one of the plan's, or of the cookbook's. Without one it builds
/// the recipe of the working folder, else all of the plan's. What a recipe fetches is fetched once,
/// verified, and kept. Either all packages are built, or the folder stays as it was.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead build chat                                the plan's recipe, for all it is made for\n  \
    stead build synapse --set server_name=example.org\n  \
    stead build --arch amd64,arm64,armhf,all --out packages\n  \
    stead build chat --dry-run                      say what would be built\n  \
    sudo apt install ./packages/chat_1.0-1_all.deb  install what was built")]
pub struct Build {
    /// Folders or names of recipes
    #[arg(value_name = "RECIPE")]
    pub recipes: Vec<String>,

    /// Architectures, as amd64,arm64,armhf; `all` is for every machine [default: all it has]
    #[arg(long, value_name = "ARCH", value_delimiter = ',')]
    pub arch: Vec<String>,

    /// Where the packages go
    #[arg(long, value_name = "FOLDER", default_value = "packages")]
    pub out: PathBuf,

    #[command(flatten)]
    pub set: Set,

    /// How many packages are built at once [default: one per processor]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,

    /// Take only what was fetched before
    #[arg(long)]
    pub offline: bool,

    /// Say what would be built, and build nothing
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub json: Json,
}

pub fn run(address: &Address, arguments: &Build) -> anyhow::Result<u8> {
    let mut orders = Vec::new();
    for recipe in recipes(address, arguments)? {
        let named = named::recipe(address, &recipe)?;
        let values = named::values(&named, &arguments.set)?;
        orders.push(Order { read: named.read, folder: named.folder, values });
    }
    if arguments.dry_run {
        return dry(&build::plan(&orders, &arguments.arch)?, arguments);
    }
    let cache = Cache::open(Cache::default_folder())?.offline(arguments.offline);
    let jobs = arguments.jobs.map_or_else(processors, usize::from);
    let bar = StepBar::new();
    let built = build::build(&orders, &arguments.arch, &arguments.out, &cache, jobs, &bar)?;
    drop(bar);
    if arguments.json.json {
        output::json(&built)?;
        return Ok(0);
    }
    for one in &built {
        let line = format!("{}  {}  sha256:{}", one.path.display(), bytes(one.bytes), one.sha256);
        output::print(&format!("{}\n", output::tame(&line)))?;
    }
    Ok(0)
}

fn dry(planned: &[Planned], arguments: &Build) -> anyhow::Result<u8> {
    if arguments.json.json {
        output::json(&planned)?;
        return Ok(0);
    }
    for one in planned {
        let path = arguments.out.join(&one.file);
        let line = format!("would build {} from {}", path.display(), one.recipe);
        output::print(&format!("{}\n", output::tame(&line)))?;
    }
    output::say(&format!("{}, nothing built", counted(u32::try_from(planned.len())?, "package")));
    Ok(0)
}

fn recipes(address: &Address, arguments: &Build) -> anyhow::Result<Vec<String>> {
    if !arguments.recipes.is_empty() {
        return Ok(arguments.recipes.clone());
    }
    if std::path::Path::new(FILE).exists() {
        return Ok(vec![".".to_owned()]);
    }
    let names = recipe_folder::plan_names(named::plan(address)?.as_deref());
    if names.is_empty() {
        anyhow::bail!("there is no recipe here and none in a plan: name one, or a folder");
    }
    Ok(names)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
