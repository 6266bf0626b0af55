//! The house's rules about its own source, where a test can hold them.
//!
//! Leaves out what rustfmt and clippy already see.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// No source file is longer.
const LONGEST_FILE: usize = 600;
/// ARCHITECTURE.md is read in one sitting.
const LONGEST_ARCHITECTURE: usize = 250;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/stead").to_owned()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(|entry| entry.expect("readable").path()) {
        if entry.is_dir() && !entry.ends_with("target") {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|end| end == "rs") {
            found.push(entry);
        }
    }
}

fn all_sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    sources(&root().join("crates"), &mut found);
    found.sort();
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("text"))).collect()
}

fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn every_file_says_what_it_is_for_and_stays_short() {
    let mut faults = Vec::new();
    for (path, text) in all_sources() {
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            faults.push(format!("{}: {lines} lines, {LONGEST_FILE} are allowed", short(&path)));
        }
        if !text.starts_with("//! ") {
            faults.push(format!("{}: does not open with `//!`", short(&path)));
        }
        if path.ends_with("mod.rs") {
            faults.push(format!("{}: write `foo.rs` beside `foo/`", short(&path)));
        }
    }
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("readable");
    let lines = architecture.lines().count();
    if lines > LONGEST_ARCHITECTURE {
        faults.push(format!("ARCHITECTURE.md: {lines} lines, {LONGEST_ARCHITECTURE} are allowed"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The arrows that ARCHITECTURE.md lists, one line `room → room, room` each.
fn listed_arrows(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let block = text.split("```arrows\n").nth(1).and_then(|rest| rest.split("```").next());
    block
        .expect("ARCHITECTURE.md has a block ```arrows")
        .lines()
        .map(|line| {
            let (from, to) = line.split_once('→').expect("an arrow in each line");
            let to = to.split(',').map(str::trim).filter(|room| !room.is_empty() && *room != "–");
            (from.trim().to_owned(), to.map(str::to_owned).collect())
        })
        .collect()
}

#[test]
fn arrows_between_crates_are_those_of_the_architecture() {
    let listed = listed_arrows(&fs::read_to_string(root().join("ARCHITECTURE.md")).expect("text"));
    let mut built: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let rooms: Vec<String> = fs::read_dir(root().join("crates"))
        .expect("crates")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    for room in &rooms {
        let manifest = fs::read_to_string(root().join("crates").join(room).join("Cargo.toml"));
        let manifest: toml::Table = manifest.expect("readable").parse().expect("valid");
        let uses = manifest.get("dependencies").and_then(toml::Value::as_table);
        let uses = uses.map(|table| table.keys().filter(|key| rooms.contains(key)).cloned());
        built.insert(room.clone(), uses.into_iter().flatten().collect());
    }
    assert_eq!(listed, built, "left: ARCHITECTURE.md; right: the manifests");
}

/// `crates/host/src/units/timer.rs` is `["units", "timer"]`; a crate's root is empty.
fn module(path: &Path, source: &Path) -> Vec<String> {
    let mut parts: Vec<String> = path
        .strip_prefix(source)
        .expect("below src")
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if matches!(parts.last().map(String::as_str), Some("lib" | "main")) && parts.len() == 1 {
        parts.clear();
    }
    parts
}

/// The `crate::…` paths of a file, each a list of names, groups in braces opened.
fn crate_paths(text: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for rest in text.split("crate::").skip(1) {
        open(rest, Vec::new(), &mut paths);
    }
    paths
}

/// Reads `a::b::{c, d::E}` after a `crate::`; returns what follows it.
fn open<'a>(mut rest: &'a str, mut path: Vec<String>, paths: &mut Vec<Vec<String>>) -> &'a str {
    loop {
        if let Some(mut group) = rest.strip_prefix('{') {
            loop {
                group = open(group.trim_start(), path.clone(), paths).trim_start();
                match group.strip_prefix(',') {
                    Some(next) => group = next,
                    None => return group.strip_prefix('}').unwrap_or(group),
                }
            }
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end == 0 {
            return rest;
        }
        path.push(rest[..end].to_owned());
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(next) => rest = next,
            None => {
                paths.push(path);
                return rest;
            }
        }
    }
}

#[test]
fn no_module_imports_its_parent_and_none_go_in_circles() {
    let mut faults = Vec::new();
    for room in fs::read_dir(root().join("crates")).expect("crates") {
        let source = room.expect("readable").path().join("src");
        let mut files = Vec::new();
        sources(&source, &mut files);
        let modules: BTreeSet<Vec<String>> =
            files.iter().map(|path| module(path, &source)).collect();
        let mut arrows: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
        for path in &files {
            let text = fs::read_to_string(path).expect("text");
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let me = module(path, &source);
            if code.lines().any(|line| line.trim_start().starts_with("use super::")) {
                faults.push(format!("{}: `use super::`; write `crate::`", short(path)));
            }
            if code.lines().any(|line| line.starts_with("use ") && line.ends_with("::*;")) {
                faults.push(format!("{}: a glob import", short(path)));
            }
            let spoken: Vec<&str> =
                code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            for names in crate_paths(&spoken.join("\n")) {
                let home = (0..=names.len())
                    .rev()
                    .map(|end| names[..end].to_vec())
                    .find(|prefix| modules.contains(prefix));
                let Some(home) = home.filter(|home| *home != me) else { continue };
                if me.starts_with(&home) {
                    faults.push(format!(
                        "{}: imports its parent `{}`",
                        short(path),
                        names.join("::")
                    ));
                }
                arrows.entry(me.clone()).or_default().insert(home);
            }
        }
        if let Some(circle) = circle(&arrows) {
            let names: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
            faults.push(format!("{}: a circle: {}", short(&source), names.join(" → ")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A way from a module back to itself, if there is one.
fn circle(arrows: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Option<Vec<Vec<String>>> {
    fn visit(
        at: &Vec<String>,
        arrows: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
        way: &mut Vec<Vec<String>>,
        done: &mut BTreeSet<Vec<String>>,
    ) -> Option<Vec<Vec<String>>> {
        if let Some(start) = way.iter().position(|module| module == at) {
            return Some(way[start..].to_vec());
        }
        if !done.insert(at.clone()) {
            return None;
        }
        way.push(at.clone());
        for next in arrows.get(at).into_iter().flatten() {
            if let Some(found) = visit(next, arrows, way, done) {
                return Some(found);
            }
        }
        way.pop();
        None
    }
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|module| visit(module, arrows, &mut Vec::new(), &mut done))
}

#[test]
fn the_rules_see_what_they_look_for() {
    assert_eq!(
        crate_paths("use crate::{a::B, c::{d, E}};\nlet x = crate::f::g();"),
        [vec!["a", "B"], vec!["c", "d"], vec!["c", "E"], vec!["f", "g"]]
    );
    let arrows = |pairs: &[(&str, &str)]| {
        let mut map: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
        for (from, to) in pairs {
            map.entry(vec![(*from).to_owned()]).or_default().insert(vec![(*to).to_owned()]);
        }
        map
    };
    assert!(circle(&arrows(&[("a", "b"), ("b", "c"), ("c", "b")])).is_some());
    assert!(circle(&arrows(&[("a", "b"), ("a", "c"), ("b", "c")])).is_none());
    assert_eq!(listed_arrows("x\n```arrows\na → b, c\nb → –\n```\n")["a"].len(), 2);
}
