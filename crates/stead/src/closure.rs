//! `stead closure`: what must be fetched so that some packages can be installed.
//!
//! Leaves out fetching it, which is `stead medium`'s and `stead repo`'s.

use clap::Args;
use deb::closure::{Options, because};
use deb::fetch::Cache;
use deb::index::compact::Column;
use deb::selection::{self, By, Selection};
use deb::upstream::{self, Offer, Verified};
use jiff::Timestamp;
use model::text::{self, counted, printable};
use serde::Serialize;

use crate::flags::Json;
use crate::output;
use crate::step_bar::StepBar;

/// Debian's stable release, for machines that are no Debian.
const STABLE: &str = "trixie";

/// Print what must be fetched so that packages can be installed on a machine that has none.
///
/// Reads the repositories of this machine's apt if they are of the release, else Debian's own;
/// each is verified by its signature. Answers as apt would, and asks apt itself where it has a
/// doubt. Nothing is installed, and nothing but indexes is fetched.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead closure git                                  for a machine like this one\n  \
    stead closure git nginx-light --for arm64,armhf    for others\n  \
    stead closure postgresql --release trixie --recommends\n  \
    stead closure git --offline --json | jq '.[].packages[].name'")]
pub struct Closure {
    /// Packages, as NAME or NAME=VERSION
    #[arg(value_name = "PACKAGE", required = true)]
    pub packages: Vec<String>,

    /// The Debian release [default: this machine's, else trixie]
    #[arg(long, value_name = "NAME")]
    pub release: Option<String>,

    /// Architectures, with commas [default: this machine's]
    #[arg(long = "for", value_name = "ARCHITECTURES", value_delimiter = ',')]
    pub architectures: Vec<String>,

    /// Take in what is recommended, too
    #[arg(long)]
    pub recommends: bool,

    /// Take in what every Debian has, too: essential and required packages
    #[arg(long)]
    pub base: bool,

    /// Use the indexes that were fetched last
    #[arg(long)]
    pub offline: bool,

    #[command(flatten)]
    pub json: Json,
}

/// The closure for one architecture, as `--json` prints it.
#[derive(Debug, Serialize)]
struct View {
    release: String,
    architecture: String,
    /// `closure`, `apt`, or `doubtful closure` where there was no apt to ask.
    by: &'static str,
    doubts: Vec<String>,
    /// To be fetched, in bytes.
    bytes: u64,
    /// As the packages estimate it, in KiB.
    installed_kib: u64,
    packages: Vec<Package>,
}

#[derive(Debug, Serialize)]
struct Package {
    name: String,
    version: String,
    architecture: String,
    bytes: u64,
    installed_kib: u64,
    sha256: String,
    url: String,
    /// Why it is there: `git depends on perl`.
    because: String,
}

pub fn run(arguments: &Closure) -> anyhow::Result<u8> {
    let release = match &arguments.release {
        Some(release) => release.clone(),
        None => own_release().unwrap_or_else(|| STABLE.to_owned()),
    };
    let architectures = if arguments.architectures.is_empty() {
        vec![own_architecture().to_owned()]
    } else {
        arguments.architectures.clone()
    };
    let steps = StepBar::new();
    let cache = Cache::open(Cache::default_folder())?.offline(arguments.offline);
    let mut suites = Vec::new();
    for upstream in upstream::for_release(&release, &architectures)? {
        suites.push(upstream.refresh(&cache, Timestamp::now(), &steps)?);
    }
    let roots: Vec<&str> = arguments.packages.iter().map(String::as_str).collect();
    let options = Options { recommends: arguments.recommends, base: arguments.base };
    let mut views = Vec::new();
    for architecture in &architectures {
        let offer = Offer::of(&suites, architecture, &cache, &steps)?;
        let selection = selection::select(&offer, &suites, &roots, options)?;
        views.push(view(&release, architecture, &offer, &selection));
    }
    drop(steps);
    warn(&suites);
    if arguments.json.json {
        output::json(&views)?;
        return Ok(0);
    }
    for view in &views {
        for doubt in &view.doubts {
            let then = if view.by == "apt" { "apt was asked" } else { "no apt could be asked" };
            output::say(&output::tame(&format!("in doubt, so {then}: {doubt}")));
        }
        output::print(&shown(view))?;
    }
    Ok(0)
}

fn warn(suites: &[Verified]) {
    for warning in suites.iter().flat_map(|suite| &suite.warnings) {
        output::say(&output::tame(&format!("warning: {warning}")));
    }
}

fn view(release: &str, architecture: &str, offer: &Offer<'_>, selection: &Selection) -> View {
    let index = &offer.index;
    let packages: Vec<Package> = selection
        .packages
        .iter()
        .map(|chosen| {
            let id = chosen.package;
            Package {
                name: index.name(id).to_owned(),
                version: index.version(id).to_owned(),
                architecture: index.get(id, Column::Architecture).to_owned(),
                bytes: index.number(id, Column::Size),
                installed_kib: index.number(id, Column::InstalledSize),
                sha256: index.get(id, Column::Sha256).to_owned(),
                url: offer.url(id),
                because: because(index, chosen.cause),
            }
        })
        .collect();
    let (by, doubts) = match &selection.by {
        By::Closure => ("closure", Vec::new()),
        By::DoubtfulClosure(doubts) => ("doubtful closure", doubts.clone()),
        By::Apt(doubts) => ("apt", doubts.clone()),
    };
    View {
        release: release.to_owned(),
        architecture: architecture.to_owned(),
        by,
        doubts,
        bytes: packages.iter().map(|package| package.bytes).sum(),
        installed_kib: packages.iter().map(|package| package.installed_kib).sum(),
        packages,
    }
}

fn shown(view: &View) -> String {
    let mut rows = String::new();
    let widest = |text: fn(&Package) -> &str| {
        view.packages.iter().map(|it| text(it).chars().count()).max().unwrap_or(0).min(40)
    };
    let (name, version) = (widest(|it| &it.name), widest(|it| &it.version));
    for package in &view.packages {
        rows.push_str(&format!(
            "{:name$}  {:version$}  {:>9}  {}\n",
            printable(&package.name, 100),
            printable(&package.version, 100),
            text::bytes(package.bytes),
            printable(&package.because, 200),
        ));
    }
    format!(
        "{rows}{} for {} on {}: {} to fetch, {} installed\n",
        counted(view.packages.len() as u32, "package"),
        printable(&view.release, 50),
        printable(&view.architecture, 50),
        text::bytes(view.bytes),
        text::bytes(view.installed_kib * 1024),
    )
}

/// os-release(5): the code name, if this machine is a Debian.
fn own_release() -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").ok()?;
    let get = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(line.trim_matches('"').to_owned())
    };
    (get("ID").as_deref() == Some("debian")).then(|| get("VERSION_CODENAME"))?
}

/// What Debian calls the architecture that this program was built for.
fn own_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "armhf",
        "x86" => "i386",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closure_is_shown_with_sizes_and_reasons() {
        let package = |name: &str, bytes, because: &str| Package {
            name: name.to_owned(),
            version: "1.0-1".to_owned(),
            architecture: "arm64".to_owned(),
            bytes,
            installed_kib: 2,
            sha256: String::new(),
            url: String::new(),
            because: because.to_owned(),
        };
        let view = View {
            release: "bookworm".to_owned(),
            architecture: "arm64".to_owned(),
            by: "closure",
            doubts: Vec::new(),
            bytes: 1234,
            installed_kib: 4,
            packages: vec![
                package("git", 1000, "asked for"),
                package("perl", 234, "git depends on perl"),
            ],
        };
        insta::assert_snapshot!(shown(&view), @r"
        git   1.0-1     1000 B  asked for
        perl  1.0-1      234 B  git depends on perl
        2 packages for bookworm on arm64: 1.2 KiB to fetch, 4.0 KiB installed
        ");
    }
}
