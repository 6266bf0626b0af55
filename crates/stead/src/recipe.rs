//! `stead recipe`: new, lint, show, explain, check, list, schema.
//!
//! Leaves out building, which is `stead build`'s.

mod check;
mod explain;
mod laid;
mod new;
mod script;
mod show;

use clap::{Args, Subcommand};
use deb::recipe_folder;
use model::cookbook;
use model::recipe::fault::Fault;
use model::recipe::lines::FILE;
use model::text::counted;
use node::home::Address;
use serde::Serialize;

use crate::flags::{Json, Set};
use crate::{named, output};

/// The recipe has faults.
const FAULTY: u8 = 1;

/// Write, judge and read recipes: one folder each, from which packages are built.
///
/// A recipe is named by the path of its folder, by its name in the plan's `recipes/`, or by its
/// name in stead's own cookbook, in this order.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
    stead recipe list                 what there is\n  \
    stead recipe new hello            begin one\n  \
    stead recipe show node-exporter   what one recipe does\n  \
    stead recipe explain chat         all that its package would install and run\n  \
    stead recipe lint recipes/chat    what is wrong with it, each with its line\n  \
    stead recipe check node-exporter  does it do what it should, on this machine?")]
pub enum Recipe {
    New(new::New),
    Lint(Lint),
    Show(Show),
    Explain(explain::Explain),
    Script(script::Script),
    Check(check::Check),
    /// List the recipes of the plan and of the cookbook
    List(Json),
    /// Print the JSON Schema of recipe.toml, for editors that complete and check
    Schema,
}

/// Tell all that is wrong with recipes, each with file, line and the way out.
///
/// Without a name it judges the recipe in the working folder, else all of the plan's. Exits 1 if
/// there are faults; warnings alone are none.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead recipe lint                 here, or all of the plan's\n  \
    stead recipe lint recipes/chat    one folder\n  \
    stead recipe lint --json chat | jq '.[].message'")]
pub struct Lint {
    /// Folders or names of recipes
    #[arg(value_name = "RECIPE")]
    pub recipes: Vec<String>,

    #[command(flatten)]
    pub json: Json,
}

/// Print what a recipe is and does, for a person.
#[derive(Debug, Args)]
pub struct Show {
    /// A folder or a name
    pub recipe: String,

    #[command(flatten)]
    pub set: Set,

    #[command(flatten)]
    pub json: Json,
}

/// A recipe of a list, as `--json` shows it.
#[derive(Serialize)]
struct Listed {
    name: String,
    /// `plan` or `cookbook`.
    from: &'static str,
    version: Option<String>,
    summary: Option<String>,
    faults: usize,
}

/// A fault and whose it is, as `--json` shows it.
#[derive(Serialize)]
struct Judged {
    recipe: String,
    #[serde(flatten)]
    fault: Fault,
}

pub async fn run(address: &Address, command: &Recipe) -> anyhow::Result<u8> {
    match command {
        Recipe::New(arguments) => new::run(address, arguments),
        Recipe::Lint(arguments) => lint(address, arguments),
        Recipe::Show(arguments) => {
            let named = named::recipe(address, &arguments.recipe)?;
            // To read a recipe nothing has to be chosen yet.
            let chosen = !arguments.set.pairs.is_empty();
            let values = chosen.then(|| named::values(&named, &arguments.set)).transpose()?;
            show::run(&named, values.as_ref(), arguments.json.json)
        }
        Recipe::Check(arguments) => check::run(address, arguments).await,
        Recipe::Explain(arguments) => explain::run(address, arguments),
        Recipe::Script(arguments) => script::run(address, arguments),
        Recipe::List(json) => list(address, json.json),
        Recipe::Schema => output::json(model::recipe::schema::schema()).map(|()| 0),
    }
}

fn lint(address: &Address, arguments: &Lint) -> anyhow::Result<u8> {
    let recipes =
        if arguments.recipes.is_empty() { here(address)? } else { arguments.recipes.clone() };
    let mut judged = Vec::new();
    for recipe in &recipes {
        let folder = named::folder(address, recipe)?;
        for fault in named::judge(&folder).1 {
            if !arguments.json.json {
                output::print(&format!("{}\n", named::shown(recipe, &folder, &fault)))?;
            }
            judged.push(Judged { recipe: recipe.clone(), fault });
        }
    }
    let warnings = judged.iter().filter(|one| one.fault.warning).count();
    let faults = judged.len() - warnings;
    if arguments.json.json {
        output::json(&judged)?;
    } else {
        output::say(&format!(
            "{}, {} in {}",
            counted(u32::try_from(faults)?, "fault"),
            counted(u32::try_from(warnings)?, "warning"),
            counted(u32::try_from(recipes.len())?, "recipe"),
        ));
    }
    Ok(if faults > 0 { FAULTY } else { 0 })
}

/// The recipe in the working folder, else all of the plan's.
fn here(address: &Address) -> anyhow::Result<Vec<String>> {
    if std::path::Path::new(FILE).exists() {
        return Ok(vec![".".to_owned()]);
    }
    let names = recipe_folder::plan_names(named::plan(address)?.as_deref());
    if names.is_empty() {
        anyhow::bail!("there is no recipe here and none in a plan: name one, or a folder");
    }
    Ok(names)
}

fn list(address: &Address, json: bool) -> anyhow::Result<u8> {
    let plan = named::plan(address)?;
    let own = recipe_folder::plan_names(plan.as_deref());
    let built_in = cookbook::names().into_iter().map(str::to_owned);
    let built_in = built_in.filter(|name| !own.contains(name)).map(|name| (name, "cookbook"));
    let own = own.iter().map(|name| (name.clone(), "plan"));
    let mut listed: Vec<Listed> = Vec::new();
    for (name, from) in own.chain(built_in) {
        let (read, faults) = named::judge(&recipe_folder::find(&name, plan.as_deref())?);
        let recipe = read.map(|read| read.recipe);
        listed.push(Listed {
            name,
            from,
            version: recipe.as_ref().map(|recipe| recipe.package_version()),
            summary: recipe.map(|recipe| recipe.summary),
            faults: faults.iter().filter(|fault| !fault.warning).count(),
        });
    }
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    if json {
        output::json(&listed)?;
        return Ok(0);
    }
    let width = |text: fn(&Listed) -> usize| listed.iter().map(text).max().unwrap_or(0);
    let names = width(|one| one.name.chars().count());
    let versions = width(|one| one.version.as_deref().unwrap_or("-").chars().count());
    for one in &listed {
        let version = one.version.as_deref().unwrap_or("-");
        let said = match (&one.summary, one.faults) {
            (Some(summary), 0) => summary.clone(),
            _ => format!(
                "{}: `stead recipe lint {}`",
                counted(u32::try_from(one.faults)?, "fault"),
                one.name
            ),
        };
        let (name, from) = (&one.name, one.from);
        let line = format!("{name:names$}  {version:versions$}  {from:8}  {said}");
        output::print(&format!("{}\n", output::tame(&line)))?;
    }
    Ok(0)
}
