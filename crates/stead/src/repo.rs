//! `stead repo`: a folder of packages that apt reads.
//!
//! Leaves out building packages, which is `stead build`'s.

mod listing;
mod pool;
mod serve;
mod told;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use deb::repository::{How, Incoming, Publication, Removed, Repository, Settings};
use jiff::Timestamp;
use model::text::counted;

use crate::flags::Json;
use crate::output;
use crate::step_bar::StepBar;

/// Keep packages in a signed repository that apt reads, from a web server, a stick, or this node.
///
/// `public/` inside the folder is what clients see; the key and the manifest lie beside it. What
/// is added or removed is seen after `publish`, by everybody at one moment. Every version stays
/// until it is sealed, so that a host can go back to it without a network.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
    stead repo init /srv/mesh --suite bookworm,trixie --arch amd64,arm64\n  \
    stead repo add /srv/mesh out/*.deb\n  \
    stead repo publish /srv/mesh\n  \
    stead repo verify /srv/mesh")]
pub enum Repo {
    Init(Init),
    Add(Add),
    Remove(Remove),
    Seal(Seal),
    Pool(pool::Pool),
    Publish(Publish),
    /// Read everything that is served; tell what was changed, is missing, or belongs to nothing
    ///
    /// Exits 1 if something is wrong.
    Verify(listing::Reading),
    /// List every package, its suites, where it came from, and whether it may go
    List(listing::Reading),
    Serve(serve::Serve),
}

/// Make a repository, with a new Ed25519 key that signs it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead repo init /srv/mesh                                  for this machine's release\n  \
    stead repo init /srv/mesh --suite bookworm,trixie --arch amd64,arm64,armhf \\\n      \
    --url http://packages.example.org")]
pub struct Init {
    /// The folder; it is made
    pub folder: PathBuf,

    /// What clients see as its origin [default: the folder's name]
    #[arg(long)]
    pub name: Option<String>,

    /// Debian releases, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "bookworm")]
    pub suite: Vec<String>,

    /// Architectures, separated by commas; packages for all are in each
    #[arg(long, value_delimiter = ',', default_value = "amd64,arm64,armhf")]
    pub arch: Vec<String>,

    /// Where clients will reach public/ [default: the folder itself]
    #[arg(long)]
    pub url: Option<String>,

    /// Say what would be made, and make nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Copy packages into the pool; nothing is added if one of them is refused.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead repo add /srv/mesh out/*.deb                    for every suite\n  \
    stead repo add /srv/mesh --suite trixie chat_2-1_all.deb")]
pub struct Add {
    /// The repository
    pub folder: PathBuf,

    /// Packages
    #[arg(required = true, value_name = "FILE.deb")]
    pub packages: Vec<PathBuf>,

    /// Only these suites, separated by commas
    #[arg(long, value_delimiter = ',')]
    pub suite: Vec<String>,

    /// Publish as well
    #[arg(long)]
    pub publish: bool,

    #[command(flatten)]
    pub json: Json,
}

/// Take packages out of the next publication; their files go some publications later.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead repo remove /srv/mesh chat            its sealed versions\n  \
    stead repo remove /srv/mesh chat=1.2-1      this version, sealed or not\n  \
    stead repo remove /srv/mesh --sealed        every sealed version that a newer one replaces")]
pub struct Remove {
    /// The repository
    pub folder: PathBuf,

    /// `NAME=VERSION`, or `NAME` for its sealed versions
    #[arg(value_name = "PACKAGE", required_unless_present = "sealed")]
    pub packages: Vec<String>,

    /// Every sealed version that a newer one replaces
    #[arg(long, conflicts_with = "packages")]
    pub sealed: bool,

    #[command(flatten)]
    pub json: Json,
}

/// Say that nobody will go back to a version any more: from now on it may be removed.
#[derive(Debug, Args)]
pub struct Seal {
    /// The repository
    pub folder: PathBuf,
    pub package: String,
    pub version: String,
}

/// Show clients what is in the repository now; if it fails, they see what they saw before.
///
/// The Release files get the time of $SOURCE_DATE_EPOCH if that is set: the same packages and
/// time give the same files.
#[derive(Debug, Args)]
pub struct Publish {
    /// The repository
    pub folder: PathBuf,

    /// Packages.xz as well: smaller, and slow to make
    #[arg(long)]
    pub xz: bool,

    /// Read every package again, not those alone whose files look changed
    #[arg(long)]
    pub rescan: bool,

    #[command(flatten)]
    pub json: Json,
}

pub async fn run(command: &Repo) -> anyhow::Result<u8> {
    match command {
        Repo::Init(arguments) => init(arguments),
        Repo::Add(arguments) => add(arguments),
        Repo::Remove(arguments) => remove(arguments),
        Repo::Seal(arguments) => seal(arguments),
        Repo::Pool(arguments) => pool::run(arguments),
        Repo::Publish(arguments) => publish(arguments),
        Repo::Verify(arguments) => listing::verify(arguments),
        Repo::List(arguments) => listing::list(arguments),
        Repo::Serve(arguments) => serve::run(arguments).await,
    }
}

fn init(arguments: &Init) -> anyhow::Result<u8> {
    let Init { folder, name, suite, arch, url, dry_run } = arguments;
    let name = match name {
        Some(name) => name.clone(),
        None => std::path::absolute(folder)?
            .file_name()
            .context("the folder has no name: give one with --name")?
            .to_string_lossy()
            .into_owned(),
    };
    let settings =
        Settings { name, suites: suite.clone(), architectures: arch.clone(), url: url.clone() };
    settings.check()?;
    if *dry_run {
        let text = format!(
            "would make {}: repository.toml, key.secret (mode 0600), manifest, public/\n\
             would publish it without packages for {} on {}\nnothing was made\n",
            folder.display(),
            suite.join(", "),
            arch.join(", ")
        );
        output::print(&text)?;
        return Ok(0);
    }
    let repository = Repository::init(folder, settings, now()?, &StepBar::new())?;
    output::print(&format!(
        "Made the repository `{}` in {}.\nIts key, which only you can read, is {}.\n",
        repository.settings.name,
        folder.display(),
        repository.key()?.fingerprint()
    ))?;
    output::say(&format!(
        "Clients copy {}/{}.sources to /etc/apt/sources.list.d/; the key is in it.",
        repository.public().display(),
        repository.settings.name
    ));
    Ok(0)
}

fn add(arguments: &Add) -> anyhow::Result<u8> {
    let repository = Repository::open(&arguments.folder)?;
    let incoming: Vec<Incoming> = arguments
        .packages
        .iter()
        .map(|path| Incoming { path: path.clone(), origin: None })
        .collect();
    let answer = repository.add(&incoming, &arguments.suite, &StepBar::new())?;
    if arguments.publish {
        repository.publish(how(false, false)?, &StepBar::new())?;
    }
    told::added(&answer, &arguments.folder, arguments.publish, arguments.json.json)
}

fn remove(arguments: &Remove) -> anyhow::Result<u8> {
    let repository = Repository::open(&arguments.folder)?;
    let answer: Removed = if arguments.sealed {
        repository.prune()?
    } else {
        repository.remove(&arguments.packages)?
    };
    if arguments.json.json {
        output::json(&answer)?;
        return Ok(0);
    }
    output::print(&told::keys("removed", &answer.removed))?;
    output::print(&told::keys("kept, not sealed:", &answer.kept))?;
    if !answer.removed.is_empty() {
        let folder = arguments.folder.display();
        output::say(&format!("Clients see it until `stead repo publish {folder}`."));
    }
    Ok(0)
}

fn seal(arguments: &Seal) -> anyhow::Result<u8> {
    let repository = Repository::open(&arguments.folder)?;
    output::print(&told::keys(
        "sealed",
        &repository.seal(&arguments.package, &arguments.version)?,
    ))?;
    Ok(0)
}

fn publish(arguments: &Publish) -> anyhow::Result<u8> {
    let repository = Repository::open(&arguments.folder)?;
    let how = how(arguments.xz, arguments.rescan)?;
    let done: Publication = repository.publish(how, &StepBar::new())?;
    if arguments.json.json {
        output::json(&done)?;
        return Ok(0);
    }
    for suite in &done.suites {
        let count = counted(suite.packages as u64, "package");
        output::print(&format!("published {}: {count}\n", suite.suite))?;
    }
    for path in &done.deleted {
        output::print(&format!("deleted {path}, which no index names any more\n"))?;
    }
    Ok(0)
}

fn how(xz: bool, rescan: bool) -> anyhow::Result<How> {
    Ok(How { at: now()?, xz, rescan })
}

/// The time of a publication: reproducible-builds.org's variable, else the clock.
fn now() -> anyhow::Result<Timestamp> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text
            .parse()
            .ok()
            .and_then(|second| Timestamp::from_second(second).ok())
            .context("SOURCE_DATE_EPOCH is no number of seconds since 1970"),
        Err(_) => Ok(Timestamp::now()),
    }
}
