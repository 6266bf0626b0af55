//! The fields of the control file, in the order in which dpkg writes them.
//!
//! Leaves out `Installed-Size`, which the archive's writer knows.

use crate::layout::package::Payload;
use crate::recipe::care::Engine;
use crate::recipe::fault::Fault;
use crate::recipe::reading::Read;

/// Who answers for a package whose recipe does not say it.
const NOBODY: &str = "whoever built it <root@localhost>";

/// All fields that have a value.
pub fn fields(
    read: &Read,
    payload: &Payload,
    architecture: &str,
    faults: &mut Vec<Fault>,
) -> Vec<(String, String)> {
    let recipe = &read.recipe;
    let package = &recipe.package;
    let (pre_depends, depends) = needed(read, payload);
    let maintainer = package.maintainer.clone().unwrap_or_else(|| NOBODY.to_owned());
    let list = |relations: &[String]| relations.join(", ");
    let fields = [
        ("Package", "name", recipe.name.clone()),
        ("Version", "version", recipe.package_version()),
        ("Architecture", "package.architectures", architecture.to_owned()),
        ("Maintainer", "package.maintainer", maintainer),
        ("Pre-Depends", "package.pre_depends", list(&pre_depends)),
        ("Depends", "package.depends", list(&depends)),
        ("Recommends", "package.recommends", list(&package.recommends)),
        ("Suggests", "package.suggests", list(&package.suggests)),
        ("Conflicts", "package.conflicts", list(&package.conflicts)),
        ("Breaks", "package.breaks", list(&package.breaks)),
        ("Replaces", "package.replaces", list(&package.replaces)),
        ("Provides", "package.provides", list(&package.provides)),
        ("Section", "package.section", package.section.clone()),
        ("Priority", "package", "optional".to_owned()),
        ("Homepage", "homepage", recipe.homepage.clone().unwrap_or_default()),
    ];
    let mut lines = Vec::new();
    for (field, key, value) in fields {
        if value.chars().any(char::is_control) {
            faults.push(read.lines.fault(key, &format!("`{key}` takes one line")));
        } else if !value.is_empty() {
            lines.push((field.to_owned(), value));
        }
    }
    if recipe.summary.chars().any(char::is_control) {
        faults.push(read.lines.fault("summary", "`summary` takes one line"));
    }
    lines.push(("Description".to_owned(), description(read)));
    lines
}

/// `Pre-Depends` and `Depends`: what the recipe says, and what follows from it.
fn needed(read: &Read, payload: &Payload) -> (Vec<String>, Vec<String>) {
    let recipe = &read.recipe;
    let package = &recipe.package;
    let mut pre_depends = package.pre_depends.clone();
    let mut depends = package.depends.clone();
    if let Some(vanilla) = package.overlays.as_deref() {
        // Unpacked first, its files can be moved aside, and its units be held.
        if !names(&pre_depends, vanilla) {
            let own = depends.iter().position(|relation| name(relation) == vanilla);
            pre_depends.push(own.map_or_else(|| vanilla.to_owned(), |at| depends.remove(at)));
        }
    }
    let database = recipe.database.as_ref().is_some_and(|of| of.engine == Engine::Postgresql);
    let implied = payload
        .depends
        .iter()
        .map(String::as_str)
        .chain(recipe.source.debian.as_deref())
        .chain(package.user.as_ref().map(|_| "passwd"))
        .chain(database.then_some("postgresql"));
    for relation in implied {
        let of = name(relation);
        let versioned = relation.contains('(');
        let there = |list: &[String]| {
            if versioned { list.iter().any(|one| one == relation) } else { names(list, of) }
        };
        if !there(&pre_depends) && !there(&depends) {
            depends.push(relation.to_owned());
        }
    }
    (pre_depends, depends)
}

/// Whether one of the relations is about the package, `postgresql-15` standing for `postgresql`.
fn names(relations: &[String], package: &str) -> bool {
    relations.iter().flat_map(|relation| relation.split('|')).any(|relation| {
        let one = name(relation);
        one == package || (package == "postgresql" && one.starts_with("postgresql-"))
    })
}

/// The package that a relation begins with.
fn name(relation: &str) -> &str {
    let relation = relation.trim();
    let end = relation.find(|c: char| c.is_whitespace() || "(:|[".contains(c));
    &relation[..end.unwrap_or(relation.len())]
}

/// The summary, then the text: each line after a blank, an empty one as a point.
fn description(read: &Read) -> String {
    let mut text = read.recipe.summary.clone();
    for line in read.recipe.description.as_deref().unwrap_or_default().trim().lines() {
        let line: String = line.trim_end().chars().filter(|c| !c.is_control()).collect();
        // A line that begins with a point would be one of another meaning.
        text.push_str(if line.starts_with('.') { "\n  " } else { "\n " });
        text.push_str(if line.is_empty() { "." } else { &line });
    }
    text
}
