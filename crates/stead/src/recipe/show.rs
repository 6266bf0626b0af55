//! `stead recipe show`: a recipe in a page.
//!
//! Leaves out what the package will hold and do, which is `explain`'s.

use model::recipe::definition::Recipe;
use model::recipe::file::File;
use model::recipe::lines::Lines;
use model::recipe::probe::Check;
use model::recipe::setting::Setting;
use model::recipe::source::Kind;
use model::recipe::unit::Unit;
use model::recipe::values::Values;
use serde::Serialize;

use crate::named::Named;
use crate::output;

/// A recipe as `--json` shows it.
#[derive(Serialize)]
struct Shown<'a> {
    place: &'a str,
    commit: Option<&'a str>,
    recipe: &'a Recipe,
    lines: &'a Lines,
    values: Option<&'a Values>,
}

pub fn run(named: &Named, values: Option<&Values>, json: bool) -> anyhow::Result<u8> {
    let (recipe, folder) = (&named.read.recipe, &named.folder);
    if json {
        let (place, commit) = (&folder.place[..], folder.commit.as_deref());
        output::json(&Shown { place, commit, recipe, lines: &named.read.lines, values })?;
        return Ok(0);
    }
    let commit = folder.commit.as_ref().map(|commit| format!(" at {}", &commit[..12]));
    let from = format!("{}{}", folder.place, commit.unwrap_or_default());
    output::print(&text(recipe, values, &from, output::width()))?;
    Ok(0)
}

/// The page.
fn text(recipe: &Recipe, values: Option<&Values>, from: &str, width: usize) -> String {
    let mut text = format!("{} {}: {}\n", recipe.name, recipe.package_version(), recipe.summary);
    if let Some(description) = &recipe.description {
        text.push_str(&output::wrap(description.trim(), 0, width));
    }
    text.push('\n');
    let mut part = |title: &str, lines: Vec<String>| {
        for (number, line) in lines.iter().filter(|line| !line.is_empty()).enumerate() {
            let title = if number == 0 { title } else { "" };
            text.push_str(&format!("{title:10} {line}\n"));
        }
    };
    part("from", vec![from.to_owned()]);
    part("homepage", recipe.homepage.iter().cloned().collect());
    part("license", recipe.license.iter().cloned().collect());
    part("source", vec![source(recipe)]);
    let package = &recipe.package;
    part("package", vec![format!("for {}", package.architectures.join(", "))]);
    let relations = [
        ("depends on", &package.depends),
        ("pre-depends on", &package.pre_depends),
        ("recommends", &package.recommends),
        ("suggests", &package.suggests),
        ("conflicts with", &package.conflicts),
        ("breaks", &package.breaks),
        ("replaces", &package.replaces),
        ("provides", &package.provides),
        ("keeps stopped", &package.holds),
        ("restarts its units when these change:", &package.watches),
        ("restarts", &package.restarts),
        ("reloads", &package.reloads),
    ];
    let relations = relations.iter().filter(|(_, list)| !list.is_empty());
    part("", relations.map(|(verb, list)| format!("{verb} {}", list.join(", "))).collect());
    part("overlays", package.overlays.iter().cloned().collect());
    part(
        "user",
        package.user.iter().map(|user| format!("{user}, home {}", recipe.home())).collect(),
    );
    let settings = recipe.settings.iter().map(|(name, one)| setting(name, one, values));
    part("settings", settings.collect());
    part("files", recipe.files.iter().map(file).collect());
    part("units", recipe.units.iter().map(unit).collect());
    part("data", data(recipe));
    part("checks", recipe.checks.iter().map(check).collect());
    part("upgrade", vec![format!("migrations: {}", word(&recipe.upgrade.migrations))]);
    output::tame(&text) + "\n"
}

fn source(recipe: &Recipe) -> String {
    match recipe.source.kind() {
        Ok(Kind::Debian { package }) => format!("Debian's package {package}"),
        Ok(Kind::Url { url, .. }) => format!("{url}, pinned by SHA-256"),
        Ok(Kind::UrlPerArchitecture { urls }) => {
            let names: Vec<&str> = urls.keys().map(String::as_str).collect();
            format!("an address for each of {}, pinned by SHA-256", names.join(", "))
        }
        Ok(Kind::Npm { package, lock }) => format!("npm package {package}, locked by {lock}"),
        Ok(Kind::Pypi { package, lock, python }) => {
            format!("Python package {package}, locked by {lock}, for Python {python}")
        }
        Ok(Kind::Git { repository, commit }) => format!("{repository} at {commit}"),
        Ok(Kind::Files { folder }) => format!("the recipe's own folder {folder}"),
        Err(error) => error.to_string(),
    }
}

fn setting(name: &str, setting: &Setting, values: Option<&Values>) -> String {
    let chosen = values.and_then(|values| values.get(name));
    let default = match &setting.default {
        _ if setting.secret && setting.generate => "secret, made at installation".to_owned(),
        _ if setting.secret => "secret".to_owned(),
        _ if chosen.is_some() => format!("{}, chosen: {}", word(&setting.kind), json(&chosen)),
        Some(default) => format!("{}, default {default}", word(&setting.kind)),
        None => format!("{}, has to be chosen", word(&setting.kind)),
    };
    format!("{name} ({default}): {}", setting.help.trim())
}

fn file(file: &File) -> String {
    let mut text = file.path.clone();
    let from = [("from", &file.template), ("from", &file.copy), ("links to", &file.link)];
    for (verb, source) in from {
        if let Some(source) = source {
            text.push_str(&format!(" {verb} {source}"));
        }
    }
    if let Some(when) = &file.when {
        text.push_str(&format!(", if {when}"));
    }
    if file.diverts {
        text.push_str(", in place of the vanilla package's");
    }
    text
}

fn unit(unit: &Unit) -> String {
    let mut words = Vec::new();
    if unit.drop_in {
        words.push("a drop-in".to_owned());
    } else {
        words
            .push(if unit.enable { "starts at boot" } else { "does not start at boot" }.to_owned());
        words.push(format!("upgrade: {}", word(&unit.on_upgrade)));
    }
    format!("{} ({})", unit.name, words.join(", "))
}

fn data(recipe: &Recipe) -> Vec<String> {
    let mut lines: Vec<String> =
        recipe.package.directories.iter().map(|one| one.path.clone()).collect();
    if let Some(database) = &recipe.database {
        lines.push(format!("{} database {}", word(&database.engine), database.name));
    }
    match &recipe.backup {
        Some(backup) if backup.paths.is_empty() => {
            lines.push(format!("backed up every {} h", backup.period_hours));
        }
        Some(backup) => lines.push(format!(
            "{} backed up every {} h",
            backup.paths.join(", "),
            backup.period_hours
        )),
        None if !lines.is_empty() => lines.push("no backup".to_owned()),
        None => {}
    }
    lines
}

fn check(check: &Check) -> String {
    let asked = [
        ("GET", &check.http),
        ("connects to", &check.tcp),
        ("runs", &check.command),
        ("finds", &check.file),
        ("active:", &check.unit),
        ("certificate of", &check.certificate),
        ("query", &check.query),
    ];
    let asked = asked
        .iter()
        .find_map(|(verb, what)| what.as_ref().map(|what| format!("{verb} {}", what.trim())));
    let contains = check.contains.as_ref().map(|text| format!(", which has `{text}`"));
    format!("{}: {}{}", check.name, asked.unwrap_or_default(), contains.unwrap_or_default())
}

/// A word of the recipe's own, as it stands in the file.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
