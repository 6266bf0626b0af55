//! Rules about what is there but has no use: files of the folder, settings.
//!
//! Leaves out what is used wrongly.

use crate::recipe::fault::Fault;
use crate::recipe::lines::FILE;
use crate::recipe::lint::scope::Scope;
use crate::recipe::template::has_word;

/// Files that are for people, or for git.
const FOR_PEOPLE: [&str; 9] = [
    "readme",
    "license",
    "licence",
    "copying",
    "changelog",
    "notes",
    "authors",
    ".gitignore",
    ".gitattributes",
];
/// Endings of what editors and systems leave behind.
const LITTER: [&str; 6] = ["~", ".swp", ".orig", ".rej", ".DS_Store", "Thumbs.db"];

/// Judges what is left when everything else was used.
pub fn judge(scope: &mut Scope<'_>) {
    files(scope);
    settings(scope);
}

fn files(scope: &mut Scope<'_>) {
    let recipe = scope.recipe;
    let mut named: Vec<&str> = Vec::new();
    named.extend(
        recipe
            .files
            .iter()
            .flat_map(|file| [&file.template, &file.copy])
            .flatten()
            .map(String::as_str),
    );
    named.extend(
        recipe
            .units
            .iter()
            .flat_map(|unit| [&unit.template, &unit.copy])
            .flatten()
            .map(String::as_str),
    );
    named.extend(
        [&recipe.source.lock, &recipe.source.files].into_iter().flatten().map(String::as_str),
    );
    let used = |name: &str| {
        named.iter().any(|one| {
            let one = one.trim_end_matches('/');
            one == name || name.strip_prefix(one).is_some_and(|rest| rest.starts_with('/'))
        })
    };
    // A command may use a file too, and a lock has the file it was made from beside it.
    let text = scope.folder.files.get(FILE).map(|bytes| String::from_utf8_lossy(bytes));
    let text = text.unwrap_or_default();
    let source = ["package.json", "requirements.in", "pyproject.toml"];
    for name in scope.folder.files.keys() {
        let base = name.rsplit('/').next().unwrap_or(name);
        let for_people = FOR_PEOPLE.iter().any(|word| base.to_lowercase().starts_with(word));
        let beside = recipe.source.lock.is_some() && source.contains(&base);
        if LITTER.iter().any(|ending| base.ends_with(ending)) {
            let fault = Fault::new(name, 0, 0, "an editor or a system left this file behind");
            scope.put(fault.hint("delete it: the package would carry it").warning());
        } else if name != FILE && !used(name) && !for_people && !beside && !text.contains(base) {
            let fault = Fault::new(name, 0, 0, "nothing in recipe.toml uses this file");
            scope.put(fault.hint("name it by `template` or `copy`, or delete it").warning());
        }
    }
}

fn settings(scope: &mut Scope<'_>) {
    let recipe = scope.recipe;
    if recipe.settings.is_empty() {
        return;
    }
    let mut texts: Vec<&str> = Vec::new();
    for bytes in scope.folder.files.iter().filter(|(name, _)| *name != FILE).map(|(_, bytes)| bytes)
    {
        texts.extend(std::str::from_utf8(bytes).ok());
    }
    texts.extend(
        recipe
            .files
            .iter()
            .flat_map(|file| [&file.content, &file.when])
            .flatten()
            .map(String::as_str),
    );
    texts.extend(recipe.units.iter().filter_map(|unit| unit.content.as_deref()));
    for check in &recipe.checks {
        let asked = [
            &check.http,
            &check.tcp,
            &check.command,
            &check.file,
            &check.certificate,
            &check.query,
            &check.contains,
        ];
        texts.extend(asked.into_iter().flatten().map(String::as_str));
    }
    for name in recipe.settings.keys() {
        if !texts.iter().any(|text| has_word(text, name)) {
            let hint = format!("write `{{{{ {name} }}}}` in a template, or leave it out");
            scope.warn(
                &format!("settings.{name}"),
                &format!("nothing uses the setting `{name}`"),
                &hint,
            );
        }
    }
}
