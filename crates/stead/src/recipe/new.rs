//! `stead recipe new`: a folder to begin with.
//!
//! Leaves out what stands in it, which is `model::recipe::draft`'s.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use model::recipe::draft::{Start, draft};
use model::recipe::folder::Folder;
use node::home::Address;

use crate::{named, output};

/// A lock file is no larger, in bytes.
const LARGEST_LOCK: u64 = 16 * 1024 * 1024;

/// Write the folder of a new recipe, with comments that teach; it has no faults to begin with.
///
/// NAME is the service's, as `chat`: its folder goes to the plan's `recipes/`, or to the working
/// folder if there is no plan. NAME may also be a path, as `./chat`. Nothing is overwritten.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead recipe new hello                           files of your own, and a web server\n  \
    stead recipe new our-nginx --debian nginx-light  add to a package of Debian\n  \
    stead recipe new pub --npm ssb-server --lock package-lock.json\n  \
    stead recipe new chat --url https://example.org/chat-1.2.tar.gz --sha256 SUM\n\n\
Locks are made once, by the tools of the trade:\n  \
    npm install --package-lock-only PACKAGE\n  \
    uv pip compile --generate-hashes --python-version 3.11 requirements.in -o requirements.txt")]
pub struct New {
    /// The service's name, or a path that ends with it
    pub name: String,

    /// Add to this package of Debian
    #[arg(long, value_name = "PACKAGE", group = "source")]
    pub debian: Option<String>,

    /// Take this package of the npm registry
    #[arg(long, value_name = "PACKAGE", group = "source", requires = "lock")]
    pub npm: Option<String>,

    /// Take this package of the Python index
    #[arg(long, value_name = "PACKAGE", group = "source", requires = "lock")]
    pub pypi: Option<String>,

    /// The package-lock.json or requirements.txt that pins it; it is copied
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,

    /// The Python of the Debian release that it is for
    #[arg(long, value_name = "VERSION", default_value = "3.11")]
    pub python: String,

    /// Fetch an archive or a file
    #[arg(long, value_name = "ADDRESS", group = "source", requires = "sha256")]
    pub url: Option<String>,

    /// Its SHA-256: `sha256sum FILE` prints it
    #[arg(long, value_name = "SUM", requires = "url")]
    pub sha256: Option<String>,

    /// Take a git repository
    #[arg(long, value_name = "ADDRESS", group = "source", requires = "commit")]
    pub git: Option<String>,

    /// Its full commit: `git ls-remote ADDRESS` prints it
    #[arg(long, value_name = "COMMIT", requires = "git")]
    pub commit: Option<String>,

    /// Bring files of your own, in a folder beside recipe.toml; this is the default
    #[arg(long, group = "source")]
    pub files: bool,

    /// Print the files, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub fn run(address: &Address, arguments: &New) -> anyhow::Result<u8> {
    let (path, name) = place(address, &arguments.name)?;
    let files = draft(&name, &start(arguments)?);
    let folder = Folder {
        files: files.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes())).collect(),
        ..Folder::default()
    };
    let faults = named::judge(&folder).1;
    if !faults.is_empty() {
        for fault in &faults {
            output::say(&fault.to_string());
        }
        bail!("what was asked for would make a recipe with faults; nothing was written");
    }
    if arguments.dry_run {
        for (name, text) in &files {
            output::print(&format!("==> {}/{name} <==\n{}\n", path.display(), text.trim_end()))?;
        }
        return Ok(0);
    }
    write(&path, &files)?;
    let shown = output::tame(&path.display().to_string());
    output::print(&format!("{shown}\n"))?;
    output::say(&format!(
        "Wrote a recipe without faults. Edit {shown}/recipe.toml, then:\n  \
         stead recipe lint {shown}\n  stead recipe explain {shown}\n  stead build {shown} --out debs"
    ));
    Ok(0)
}

/// Where the folder goes, and the recipe's name.
fn place(address: &Address, named: &str) -> anyhow::Result<(PathBuf, String)> {
    let path = Path::new(named);
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.context("the name of the recipe is missing: `stead recipe new chat`")?;
    let path = match named::plan(address)? {
        Some(plan) if !named.contains('/') => plan.join("recipes").join(name),
        _ => path.to_owned(),
    };
    Ok((path, name.to_owned()))
}

fn start(arguments: &New) -> anyhow::Result<Start> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Ok(if let Some(package) = arguments.debian.clone() {
        Start::Debian { package }
    } else if let Some(package) = arguments.npm.clone() {
        Start::Npm { package, lock: lock(arguments)? }
    } else if let Some(package) = arguments.pypi.clone() {
        Start::Pypi { package, lock: lock(arguments)?, python: arguments.python.clone() }
    } else if let Some(url) = arguments.url.clone() {
        Start::Url { url, sha256: text(&arguments.sha256) }
    } else if let Some(repository) = arguments.git.clone() {
        Start::Git { repository, commit: text(&arguments.commit) }
    } else {
        Start::Files
    })
}

fn lock(arguments: &New) -> anyhow::Result<String> {
    let path = arguments.lock.as_deref().unwrap_or(Path::new(""));
    let shown = path.display();
    let size = fs::metadata(path).with_context(|| format!("cannot read the lock `{shown}`"))?.len();
    if size > LARGEST_LOCK {
        bail!("`{shown}` is too large for a lock");
    }
    fs::read_to_string(path).with_context(|| format!("cannot read the lock `{shown}`"))
}

/// Writes the folder, whole or not at all.
fn write(path: &Path, files: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let shown = path.display();
    if fs::symlink_metadata(path).is_ok() {
        bail!("`{shown}` is there already: take another name, or edit what is there");
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let staged = parent.join(format!(".{name}.new-{}", std::process::id()));
    let fill = || -> std::io::Result<()> {
        for (name, text) in files {
            let file = staged.join(name);
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(file, text)?;
        }
        fs::rename(&staged, path)
    };
    fill()
        .inspect_err(|_| drop(fs::remove_dir_all(&staged)))
        .with_context(|| format!("cannot write `{shown}`"))
}
