//! A recipe laid out for one architecture, as far as the command line asks for it.
//!
//! Leaves out the archive, which is `stead build`'s.

use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;
use deb::fetch::Cache;
use deb::progress::Progress;
use deb::provenance::Provenance;
use deb::source;
use model::layout::{Content, Entry, Layout, Origin, Payload, lay_out};
use model::recipe::lines::FILE;
use model::recipe::source::Kind;
use model::recipe::values::Values;

use crate::named::{self, Named};
use crate::output;

/// For which architecture.
#[derive(Debug, Args)]
pub struct Arch {
    /// For this architecture [default: this machine's, or `all`]
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<String>,
}

impl Arch {
    /// The one that is asked for, else the one that fits here, else the recipe's first.
    pub fn of(&self, named: &Named) -> String {
        let there = &named.read.recipe.package.architectures;
        let here = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "arm" => "armhf",
            "x86" => "i386",
            other => other,
        };
        let fits = ["all", here].into_iter().find(|one| there.iter().any(|it| it == one));
        let first = || there.first().map_or("all", String::as_str);
        self.arch.clone().unwrap_or_else(|| fits.unwrap_or_else(first).to_owned())
    }
}

/// Whether the source's files are known without fetching anything.
pub fn at_hand(named: &Named) -> bool {
    matches!(named.read.recipe.source.kind(), Ok(Kind::Debian { .. } | Kind::Files { .. }))
}

/// Brings the source's files; `work` has to outlive the payload.
pub fn payload(named: &Named, architecture: &str, work: &Path) -> anyhow::Result<Payload> {
    let recipe = &named.read.recipe;
    let cache = Cache::open(Cache::default_folder())?;
    let brought = source::bring(recipe, &named.folder, architecture, &cache, work, &Said);
    brought.with_context(|| format!("cannot bring the source of {}", recipe.name))
}

/// Lays the recipe out. Faults are said on stderr.
pub fn layout(
    named: &Named,
    values: &Values,
    payload: &Payload,
    architecture: &str,
) -> anyhow::Result<Layout> {
    let laid = lay_out(&named.read, &named.folder, values, payload, architecture);
    laid.or_else(|faults| {
        for fault in &faults {
            output::say(&named::shown(&named.folder.place, &named.folder, fault));
        }
        bail!("{} cannot be laid out for {architecture}", named.read.recipe.name)
    })
}

/// As [`layout`], with the file that says where the package comes from.
pub fn whole(
    named: &Named,
    values: &Values,
    payload: &Payload,
    architecture: &str,
) -> anyhow::Result<Layout> {
    let mut layout = layout(named, values, payload, architecture)?;
    let settings = values.iter().map(|(name, value)| {
        Ok::<_, serde_json::Error>((name.to_owned(), serde_json::to_value(value)?))
    });
    let provenance = Provenance::of(
        &layout,
        &named.read.recipe.name,
        &named.folder,
        settings.collect::<Result<_, _>>()?,
        payload.fetched.clone(),
    );
    layout.entries.push(Entry {
        path: provenance.path(),
        content: Content::Text(provenance.json()),
        mode: 0o644,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        conffile: false,
        from: Origin { file: FILE.to_owned(), line: named.read.lines.of("name") },
    });
    layout.entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(layout)
}

/// Says each step on stderr.
struct Said;

impl Progress for Said {
    fn step(&self, text: &str) {
        output::say(text);
    }
}
