//! The packages of the recipes that a medium shall carry.
//!
//! Leaves out Debian's packages.

use std::path::Path;

use anyhow::{Context, bail};
use deb::archive;
use deb::fetch::Cache;
use deb::medium::choice::Built;
use deb::progress::Progress;
use deb::provenance::Provenance;
use deb::source;
use model::layout::lay_out;
use model::recipe::folder::Folder;
use node::home::Address;

use crate::flags::Set;
use crate::named;
use crate::output;

/// What was built, and from what.
pub struct Recipes {
    pub built: Vec<Built>,
    /// By the recipe's name.
    pub folders: Vec<(String, Folder)>,
}

/// Builds each recipe for each architecture into `work`; `set` holds `recipe.name=value`.
pub fn build(
    address: &Address,
    names: &[String],
    set: &[String],
    architectures: &[String],
    cache: &Cache,
    work: &Path,
    progress: &dyn Progress,
) -> anyhow::Result<Recipes> {
    let mut recipes = Recipes { built: Vec::new(), folders: Vec::new() };
    let mut used = vec![false; set.len()];
    for name in names {
        let named = named::recipe(address, name)?;
        let recipe = &named.read.recipe;
        let prefix = format!("{}.", recipe.name);
        let mut pairs = Vec::new();
        for (given, used) in set.iter().zip(&mut used) {
            if let Some(pair) = given.strip_prefix(&prefix) {
                pairs.push(pair.to_owned());
                *used = true;
            }
        }
        let values = named::values(&named, &Set { pairs })?;
        let own = &recipe.package.architectures;
        let wanted: Vec<&String> =
            own.iter().filter(|one| *one == "all" || architectures.contains(one)).collect();
        if let Some(missing) =
            architectures.iter().find(|one| !own.iter().any(|it| it == "all" || it == *one))
        {
            bail!("the recipe {} is not for {missing}, but for {}", recipe.name, own.join(", "));
        }
        for architecture in wanted {
            progress.step(&format!("building {} for {architecture}", recipe.name));
            let folder = work.join(format!("{}-{architecture}", recipe.name));
            let payload =
                source::bring(recipe, &named.folder, architecture, cache, &folder, progress)
                    .with_context(|| format!("cannot bring the source of {}", recipe.name))?;
            let laid = lay_out(&named.read, &named.folder, &values, &payload, architecture);
            let layout = laid.or_else(|faults| {
                for fault in &faults {
                    output::say(&named::shown(name, &named.folder, fault));
                }
                bail!("{} cannot be laid out for {architecture}", recipe.name)
            })?;
            let settings = values.iter().map(|(name, value)| {
                Ok::<_, serde_json::Error>((name.to_owned(), serde_json::to_value(value)?))
            });
            let provenance = Provenance::of(
                &layout,
                &recipe.name,
                &named.folder,
                settings.collect::<Result<_, _>>()?,
                payload.fetched.clone(),
            );
            let deb =
                work.join(format!("{}_{}_{architecture}.deb", layout.package, layout.version));
            archive::write(&layout, &provenance, &deb)?;
            recipes.built.push(Built::read(&deb)?);
        }
        recipes.folders.push((recipe.name.clone(), named.folder));
    }
    if let Some((given, _)) = set.iter().zip(&used).find(|(_, used)| !**used) {
        bail!("`{given}` is for none of the recipes: write RECIPE.NAME=VALUE");
    }
    Ok(recipes)
}
