//! `stead recipe check`: asks this machine whether a recipe's service does what it should.
//!
//! Leaves out the checks that every machine answers, which are `stead check`'s.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;
use deb::provenance::{FOLDER, Provenance};
use deb::recipe_folder;
use jiff::Timestamp;
use model::recipe::question::{self, judge, questions};
use model::recipe::template;
use model::recipe::values::{self, Values};
use model::report::{Counts, Report};
use model::verdict::Finding;
use node::home::Address;

use crate::check::exit_code;
use crate::flags::{Json, Set};
use crate::named::{self, Named};
use crate::{output, report_text};

/// Where packages made by stead keep their recipes.
const RECIPES: &str = "/usr/share/stead/recipes";

/// Ask this machine a recipe's own checks: does the service do what it should?
///
/// The name of an installed package stands for the recipe and the settings that it was made of;
/// any other name or folder is as for `stead recipe show`. An answer is pass, fail, or unknown: it
/// could not be asked, and says why. Names in addresses stand for this machine, so that no check
/// leaves it. Some checks need root. Exits 3 if a check fails.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead recipe check babeld-mesh             of the installed package\n  \
    stead recipe check recipes/chat --set port=8080\n  \
    stead recipe check --json chat | jq '.findings[] | select(.verdict != \"pass\")'")]
pub struct Check {
    /// An installed package, a folder or a name
    pub recipe: String,

    #[command(flatten)]
    pub set: Set,

    #[command(flatten)]
    pub json: Json,
}

pub async fn run(address: &Address, arguments: &Check) -> anyhow::Result<u8> {
    let (named, values) = match installed(&arguments.recipe)? {
        Some((named, settings)) => {
            let values = resolve(&named, settings, &arguments.set)?;
            (named, values)
        }
        None => {
            let named = named::recipe(address, &arguments.recipe)?;
            let values = named::values(&named, &arguments.set)?;
            (named, values)
        }
    };
    let recipe = &named.read.recipe;
    let render =
        |text: &str| template::render(text, recipe, &values).map_err(|error| error.to_string());
    let asked = questions(recipe, render)?;
    if asked.is_empty() {
        output::say(&output::tame(&format!("{} has no checks", recipe.name)));
    }
    let report = ask(asked).await?;
    if arguments.json.json {
        output::json(&report)?;
    } else {
        output::print(&report_text::report(&report, true))?;
    }
    Ok(exit_code(&report))
}

/// Asks all questions at once and puts the answers in their order.
async fn ask(asked: Vec<question::Question>) -> anyhow::Result<Report> {
    let answers: Vec<_> = asked
        .into_iter()
        .map(|question| {
            tokio::spawn(async move {
                let answer = host::probe::ask(&question).await;
                judge(&question, &answer, Timestamp::now())
            })
        })
        .collect();
    let mut findings: Vec<Finding> = Vec::new();
    for answer in answers {
        findings.push(answer.await.context("a check broke off; a defect of stead")?);
    }
    Ok(Report { at: Timestamp::now(), counts: Counts::of(&findings), findings })
}

/// The recipe and the settings of an installed package of this name.
fn installed(name: &str) -> anyhow::Result<Option<(Named, BTreeMap<String, toml::Value>)>> {
    if name.contains('/') || name.starts_with('.') {
        return Ok(None);
    }
    let provenance = Path::new(FOLDER).join(format!("{name}.json"));
    let folder = Path::new(RECIPES).join(name);
    if !provenance.is_file() || !folder.is_dir() {
        return Ok(None);
    }
    let failed = || format!("cannot read `{}`", provenance.display());
    let text = fs::read_to_string(&provenance).with_context(failed)?;
    let provenance: Provenance = serde_json::from_str(&text).with_context(failed)?;
    let folder = recipe_folder::read(&folder)?;
    let (read, faults) = named::judge(&folder);
    // The package was built of it: only a newer stead could refuse what an older one took.
    let Some(read) = read else {
        for fault in &faults {
            output::say(&named::shown(name, &folder, fault));
        }
        bail!("the recipe of the installed package {name} cannot be read")
    };
    let mut settings = BTreeMap::new();
    for (name, value) in provenance.settings {
        let value = toml::Value::try_from(value).with_context(failed)?;
        settings.insert(name, value);
    }
    Ok(Some((Named { read, folder }, settings)))
}

/// What the package was built with, unless chosen otherwise now.
fn resolve(
    named: &Named,
    mut settings: BTreeMap<String, toml::Value>,
    set: &Set,
) -> anyhow::Result<Values> {
    let resolved = values::given(&set.pairs).and_then(|given| {
        settings.extend(given);
        Values::resolve(&named.read.recipe, &settings)
    });
    match resolved {
        Ok(values) => Ok(values),
        Err(faults) => {
            for fault in &faults {
                output::say(&fault.to_string());
            }
            bail!("the settings of {} have faults", named.read.recipe.name)
        }
    }
}
