//! Recipes become packages in a folder: all of them, or none.
//!
//! Leaves out where recipes and settings come from, and repositories.

mod claims;
mod error;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use model::layout::{self, Fetched, Layout};
use model::recipe::folder::Folder;
use model::recipe::reading::Read;
use model::recipe::values::Values;
use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
use serde::Serialize;

pub use crate::build::error::Error;

use crate::archive;
use crate::build::claims::Claimant;
use crate::fetch::Cache;
use crate::progress::Progress;
use crate::provenance::Provenance;
use crate::source;

/// A recipe that shall become packages, with what was chosen for it.
#[derive(Clone, Debug)]
pub struct Order {
    pub read: Read,
    pub folder: Folder,
    pub values: Values,
}

/// A package that is to be built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Planned {
    pub package: String,
    pub version: String,
    pub architecture: String,
    /// The file's name: `chat_1.0-1_all.deb`.
    pub file: String,
    /// Where the recipe is: `recipes/chat`, `cookbook:synapse`.
    pub recipe: String,
    #[serde(skip)]
    order: usize,
}

/// A package that was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Built {
    pub path: PathBuf,
    pub package: String,
    pub version: String,
    pub architecture: String,
    /// Hexadecimal.
    pub sha256: String,
    /// The file's size.
    pub bytes: u64,
}

/// A package that waits to be written.
struct Laid {
    planned: Planned,
    layout: Layout,
    fetched: Vec<Fetched>,
}

/// Tells which packages an order gives. No architectures mean all that each recipe has; a recipe
/// that is for `all` serves every architecture.
///
/// # Errors
/// If a recipe does not have an architecture, or two recipes are for one package.
pub fn plan(orders: &[Order], architectures: &[String]) -> Result<Vec<Planned>, Error> {
    let mut planned: Vec<Planned> = Vec::new();
    for (index, order) in orders.iter().enumerate() {
        let recipe = &order.read.recipe;
        let version = recipe.package_version();
        for architecture in chosen(&recipe.name, &recipe.package.architectures, architectures)? {
            let plain = version.split_once(':').map_or(version.as_str(), |(_, plain)| plain);
            let file = format!("{}_{plain}_{architecture}.deb", recipe.name);
            if let Some(other) = planned.iter().find(|other| other.file == file) {
                return Err(Error::SamePackage {
                    package: recipe.name.clone(),
                    one: other.recipe.clone(),
                    other: order.folder.place.clone(),
                });
            }
            planned.push(Planned {
                package: recipe.name.clone(),
                version: version.clone(),
                architecture,
                file,
                recipe: order.folder.place.clone(),
                order: index,
            });
        }
    }
    Ok(planned)
}

fn chosen(recipe: &str, has: &[String], asked: &[String]) -> Result<Vec<String>, Error> {
    let mut chosen: Vec<String> = Vec::new();
    if asked.is_empty() {
        chosen.extend(has.iter().cloned());
    }
    for architecture in asked {
        let found = has.iter().find(|one| *one == architecture);
        match found.or_else(|| has.iter().find(|one| *one == "all")) {
            Some(one) if !chosen.contains(one) => chosen.push(one.clone()),
            Some(_) => {}
            // Asked for beside others, it stands for recipes that are for it.
            None if architecture == "all" && asked.len() > 1 => {}
            None => {
                return Err(Error::Architecture {
                    recipe: recipe.to_owned(),
                    architecture: architecture.clone(),
                    has: has.join(", "),
                });
            }
        }
    }
    Ok(chosen)
}

/// Builds what [`plan`] tells into `out`, at most `jobs` packages at once.
///
/// Everything is brought and laid out, then held against each other, then written beside `out`'s
/// files; only when all are whole do they get their names.
///
/// # Errors
/// Whatever is wrong with one of them; `out` is then as it was.
pub fn build(
    orders: &[Order],
    architectures: &[String],
    out: &Path,
    cache: &Cache,
    jobs: usize,
    progress: &dyn Progress,
) -> Result<Vec<Built>, Error> {
    let planned = plan(orders, architectures)?;
    let work = tempfile::Builder::new().prefix("stead-build-").tempdir();
    let work = work.map_err(|source| Error::Work { path: std::env::temp_dir(), source })?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs.max(1)).build();
    let pool = pool.map_err(|source| Error::Threads { source })?;
    let total = planned.len() as u64 * 2;
    let done = AtomicU64::new(0);
    let finished = || progress.count(done.fetch_add(1, Ordering::Relaxed) + 1, total);

    let laid: Vec<Laid> = pool.install(|| {
        planned
            .par_iter()
            .map(|planned| {
                let laid = lay_out(orders, planned, cache, work.path(), progress);
                finished();
                laid
            })
            .collect::<Result<_, _>>()
    })?;
    let claimants: Vec<Claimant> = laid
        .iter()
        .map(|laid| Claimant {
            layout: &laid.layout,
            diverted: diverted(&orders[laid.planned.order]),
        })
        .collect();
    claims::hold(&claimants)?;

    let failed = |source| Error::Out { path: out.to_owned(), source };
    fs::create_dir_all(out).map_err(failed)?;
    // Beside the packages, so that a rename is enough.
    let stage = tempfile::Builder::new().prefix(".stead-build-").tempdir_in(out).map_err(failed)?;
    let built: Vec<Built> = pool.install(|| {
        laid.par_iter()
            .map(|laid| {
                let built = write(orders, laid, stage.path(), out, progress);
                finished();
                built
            })
            .collect::<Result<_, _>>()
    })?;
    for (laid, built) in laid.iter().zip(&built) {
        fs::rename(stage.path().join(&laid.planned.file), &built.path).map_err(failed)?;
    }
    Ok(built)
}

fn lay_out(
    orders: &[Order],
    planned: &Planned,
    cache: &Cache,
    work: &Path,
    progress: &dyn Progress,
) -> Result<Laid, Error> {
    let order = &orders[planned.order];
    let Planned { package, version, architecture, .. } = planned;
    progress.step(&format!("bringing what {package} {version} for {architecture} is made of"));
    let work = work.join(format!("{}-{architecture}", planned.order));
    let payload =
        source::bring(&order.read.recipe, &order.folder, architecture, cache, &work, progress)
            .map_err(|source| Error::Source {
                package: package.clone(),
                source: Box::new(source),
            })?;
    let layout = layout::lay_out(&order.read, &order.folder, &order.values, &payload, architecture)
        .map_err(|faults| Error::Faults {
            package: package.clone(),
            place: order.folder.place.clone(),
            faults,
        })?;
    Ok(Laid { planned: planned.clone(), layout, fetched: payload.fetched })
}

fn write(
    orders: &[Order],
    laid: &Laid,
    stage: &Path,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Built, Error> {
    let order = &orders[laid.planned.order];
    let Planned { package, version, architecture, file, .. } = &laid.planned;
    progress.step(&format!("packing {package} {version} for {architecture}"));
    let provenance = Provenance::of(
        &laid.layout,
        &order.read.recipe.name,
        &order.folder,
        settings(&order.values),
        laid.fetched.clone(),
    );
    let written = archive::write(&laid.layout, &provenance, &stage.join(file))
        .map_err(|source| Error::Package { source: Box::new(source) })?;
    Ok(Built {
        path: out.join(file),
        package: package.clone(),
        version: version.clone(),
        architecture: architecture.clone(),
        sha256: written.sha256,
        bytes: written.bytes,
    })
}

fn settings(values: &Values) -> BTreeMap<String, serde_json::Value> {
    let json = |value| serde_json::to_value(value).expect("a text, number, truth or list");
    values.iter().map(|(name, value)| (name.to_owned(), json(value))).collect()
}

/// Paths that the recipe takes from the vanilla package by `dpkg-divert`.
fn diverted(order: &Order) -> Vec<String> {
    let files = order.read.recipe.files.iter();
    files.filter(|file| file.diverts).map(|file| file.path.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn an_architecture_that_a_recipe_does_not_have_is_named_with_those_it_has() {
        let chosen = |has: &[&str], asked: &[&str]| chosen("chat", &text(has), &text(asked));
        assert_eq!(
            chosen(&["amd64", "arm64"], &["armhf"]).expect_err("not had").to_string(),
            "chat is not built for armhf; it is for amd64, arm64"
        );
        assert_eq!(
            chosen(&["amd64"], &["all"]).expect_err("not had").to_string(),
            "chat is not built for all; it is for amd64"
        );
        let all = ["amd64", "arm64", "armhf", "all"];
        assert_eq!(chosen(&["all"], &all).expect("serves all"), ["all"]);
        assert_eq!(chosen(&["arm64", "amd64", "armhf"], &all).expect("had"), all[..3]);
        assert_eq!(chosen(&["arm64", "amd64"], &[]).expect("had"), ["arm64", "amd64"]);
    }
}
