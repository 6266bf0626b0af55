//! `stead repo pool`: packages of other repositories, verified.
//!
//! Leaves out where a plan names its sources.

use std::path::PathBuf;

use clap::Args;
use deb::fetch::Cache;
use deb::pool::{Wish, gather};
use deb::repository::Repository;
use deb::upstream::{self, DEBIAN_KEYRING, Keyring, Upstream};
use jiff::Timestamp;

use crate::flags::Json;
use crate::output;
use crate::repo::told;
use crate::step_bar::StepBar;

/// Add packages of another repository, after verifying its signature, index and sums.
///
/// Without --from it reads what this machine's apt reads for the suite, else deb.debian.org.
/// `stead repo list --json` tells where each package came from, and which keyring vouched for it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead repo pool /srv/mesh --suite bookworm --dependencies babeld\n  \
    stead repo pool /srv/mesh --from http://deb.debian.org/debian --suite trixie \\\n      \
    --keyring /usr/share/keyrings/debian-archive-keyring.gpg prometheus-node-exporter")]
pub struct Pool {
    /// The repository
    pub folder: PathBuf,

    /// Names of packages
    #[arg(required = true, value_name = "PACKAGE")]
    pub packages: Vec<String>,

    /// The other repository: the folder that holds `dists`, by http, https or file
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,

    /// Its suite [default: the first of ours]
    #[arg(long)]
    pub suite: Option<String>,

    /// Its components, separated by commas; with --from
    #[arg(long, value_delimiter = ',', default_value = "main")]
    pub component: Vec<String>,

    /// The keys that may have signed it; with --from
    #[arg(long, value_name = "FILE", default_value = DEBIAN_KEYRING)]
    pub keyring: PathBuf,

    /// Only these architectures, separated by commas [default: all of ours]
    #[arg(long, value_delimiter = ',')]
    pub arch: Vec<String>,

    /// All that they need too, down to what every Debian has
    #[arg(long)]
    pub dependencies: bool,

    /// Our suites to add them to [default: the one of the same name, else all]
    #[arg(long, value_delimiter = ',', value_name = "SUITE")]
    pub into: Vec<String>,

    /// Where fetched files are kept
    #[arg(long, value_name = "FOLDER")]
    pub cache: Option<PathBuf>,

    #[command(flatten)]
    pub json: Json,
}

pub fn run(arguments: &Pool) -> anyhow::Result<u8> {
    let repository = Repository::open(&arguments.folder)?;
    let ours = &repository.settings;
    let architectures =
        if arguments.arch.is_empty() { &ours.architectures } else { &arguments.arch }.clone();
    let suite = arguments.suite.as_ref().unwrap_or(&ours.suites[0]).clone();
    let upstreams = match &arguments.from {
        Some(base) => vec![Upstream {
            base: base.clone(),
            suite: suite.clone(),
            components: arguments.component.clone(),
            architectures: architectures.clone(),
            keyring: Keyring::Files(vec![arguments.keyring.clone()]),
        }],
        None => upstream::for_release(&suite, &architectures)?,
    };
    let into = match () {
        () if !arguments.into.is_empty() => arguments.into.clone(),
        () if ours.suites.contains(&suite) => vec![suite],
        () => Vec::new(),
    };
    let cache = Cache::open(arguments.cache.clone().unwrap_or_else(Cache::default_folder))?;
    let wish = Wish {
        upstreams,
        architectures,
        packages: arguments.packages.clone(),
        dependencies: arguments.dependencies,
    };
    let steps = StepBar::new();
    let gathered = gather(&wish, &cache, Timestamp::now(), &steps)?;
    let answer = repository.add(&gathered.packages, &into, &steps)?;
    drop(steps);
    for warning in &gathered.warnings {
        output::say(&format!("warning: {warning}"));
    }
    told::added(&answer, &arguments.folder, false, arguments.json.json)
}
