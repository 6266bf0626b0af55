//! The recipe that is named on the command line: found, read, judged, its faults said.
//!
//! Leaves out what is done with it.

use std::path::PathBuf;

use anyhow::bail;
use commons::plan_folder::PlanFolder;
use deb::recipe_folder;
use model::recipe::definition::Recipe;
use model::recipe::fault::Fault;
use model::recipe::folder::Folder;
use model::recipe::lint::lint;
use model::recipe::reading::Read;
use model::recipe::values::Values;
use model::text::counted;
use node::home::Address;

use crate::flags::Set;
use crate::output;

/// A recipe without faults, and its folder.
pub struct Named {
    pub read: Read,
    pub folder: Folder,
}

/// The plan's folder, if there is a plan.
pub fn plan(address: &Address) -> anyhow::Result<Option<PathBuf>> {
    address.named_is_there()?;
    // Who has no home has no plan in it either.
    Ok(address.plan_path().ok().filter(|path| PlanFolder::open(path).is_some()))
}

/// The folder that is named: a path, else a recipe of the plan, else one of the cookbook.
pub fn folder(address: &Address, named: &str) -> anyhow::Result<Folder> {
    Ok(recipe_folder::find(named, plan(address)?.as_deref())?)
}

/// Finds a recipe and reads it. Faults and warnings are said on stderr.
///
/// # Errors
/// If there is none, or it has faults.
pub fn recipe(address: &Address, named: &str) -> anyhow::Result<Named> {
    let folder = folder(address, named)?;
    let (read, faults) = judge(&folder);
    for fault in &faults {
        output::say(&shown(named, &folder, fault));
    }
    match read {
        Some(read) if faults.iter().all(|fault| fault.warning) => Ok(Named { read, folder }),
        _ => {
            let count = faults.iter().filter(|fault| !fault.warning).count();
            bail!("{named} has {}", counted(u32::try_from(count)?, "fault"))
        }
    }
}

/// The values of a recipe's settings, as chosen. Faults are said on stderr.
///
/// # Errors
/// If a setting is unknown, missing, or not of its type.
pub fn values(named: &Named, set: &Set) -> anyhow::Result<Values> {
    let given = model::recipe::values::given(&set.pairs);
    match given.and_then(|given| Values::resolve(&named.read.recipe, &given)) {
        Ok(values) => Ok(values),
        Err(faults) => {
            for fault in &faults {
                output::say(&fault.to_string());
            }
            bail!("the settings of {} have faults", named.read.recipe.name)
        }
    }
}

/// All that is wrong with a folder, and the recipe if it could be read.
pub fn judge(folder: &Folder) -> (Option<Read>, Vec<Fault>) {
    match Recipe::parse(folder) {
        Ok(read) => {
            let faults = lint(&read, folder);
            (Some(read), faults)
        }
        Err(faults) => (None, faults),
    }
}

/// A fault with the path that an editor can open: `recipes/chat/recipe.toml:3: …`.
pub fn shown(named: &str, folder: &Folder, fault: &Fault) -> String {
    let named = named.trim_end_matches('/');
    match named {
        "." => fault.to_string(),
        _ if folder.place.starts_with("cookbook:") => {
            output::tame(&format!("{}/{fault}", folder.place))
        }
        _ if std::path::Path::new(named).is_dir() => output::tame(&format!("{named}/{fault}")),
        _ => output::tame(&format!("{}/{fault}", folder.place)),
    }
}
