//! What purge leaves behind: data, and users.
//!
//! Leaves out what the package's own files are, which dpkg removes, and links of units, which are
//! `service`'s.

use std::collections::BTreeMap;

use crate::lint::facts::Facts;
use crate::lint::finding::{Finding, Rule};
use crate::lint::walk::Run;

const INSTALL: &[&str] = &["configure", ""];
const PREINST_INSTALL: &[&str] = &["install"];
const REMOVE: &[&str] = &["remove"];
const PURGE: &[&str] = &["purge"];

pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, (file, line)) in data(facts) {
        if removals(facts).any(|run| takes(run, &path)) {
            continue;
        }
        let message = format!("`{path}` is made, and purge leaves it behind");
        let hint = format!("in postrm, if `$1` is `purge`: `rm -rf {path}`");
        findings.push(Finding::new(Rule::DataLeft, &file, line, message, hint));
    }
    for (script, run, user) in users(facts) {
        let gone = removals(facts).any(|run| {
            matches!(run.program(), "deluser" | "userdel" | "delgroup" | "groupdel")
                && run.operands().any(|word| word == user || word.contains('$'))
        });
        if !gone {
            let message = format!("the user `{user}` is made, and purge leaves it behind");
            let hint = format!("in postrm, if `$1` is `purge`: `userdel {user}`");
            findings.push(Finding::new(Rule::UserLeft, script, Some(run.line), message, hint));
        }
    }
    findings
}

fn installs(facts: &Facts) -> impl Iterator<Item = (&'static str, &Run)> {
    let postinst = facts.when("postinst", INSTALL).map(|run| ("postinst", run));
    postinst.chain(facts.when("preinst", PREINST_INSTALL).map(|run| ("preinst", run)))
}

fn removals(facts: &Facts) -> impl Iterator<Item = &Run> {
    let prerm = facts.when("prerm", REMOVE);
    prerm.chain(facts.when("postrm", REMOVE)).chain(facts.when("postrm", PURGE))
}

/// Folders and files of the service's data, and what makes them.
fn data(facts: &Facts) -> BTreeMap<String, (String, Option<u32>)> {
    let mut made: BTreeMap<String, (String, Option<u32>)> = BTreeMap::new();
    for (script, run) in installs(facts) {
        let folders: Vec<&str> = match run.program() {
            "mkdir" => run.operands().collect(),
            "install" if run.words.iter().any(|word| word == "-d" || word.starts_with("--dir")) => {
                run.operands().collect()
            }
            "touch" => run.operands().collect(),
            _ => Vec::new(),
        };
        for path in folders.into_iter().filter(|path| is_data(path)) {
            let path = path.trim_end_matches('/').to_owned();
            made.entry(path).or_insert((script.to_owned(), Some(run.line)));
        }
    }
    for unit in facts.units.values() {
        for (key, folder) in [
            ("StateDirectory", "/var/lib"),
            ("LogsDirectory", "/var/log"),
            ("CacheDirectory", "/var/cache"),
        ] {
            for name in unit.words(key).filter(|name| !name.contains(['%', '$'])) {
                let name = name.split(':').next().unwrap_or(name);
                made.entry(format!("{folder}/{name}")).or_insert((unit.path.clone(), None));
            }
        }
    }
    // A path below another goes with it, and what dpkg put there goes with dpkg if nobody wrote
    // into it.
    let shipped = |path: &str| facts.deb.entries.iter().any(|entry| entry.path == path);
    let paths: Vec<String> = made.keys().cloned().collect();
    // Several packages of one service share its folder; the one they depend on purges it.
    let shared = |path: &str| {
        let service = path.split('/').nth(3).unwrap_or_default();
        let common = format!("{service}-common");
        let relations = ["Depends", "Pre-Depends"].map(|name| facts.deb.field(name));
        relations.iter().any(|relations| {
            relations.split([',', '|']).any(|one| one.split_whitespace().next() == Some(&common))
        })
    };
    made.retain(|path, _| {
        !shipped(path)
            && !shared(path)
            && !paths
                .iter()
                .any(|other| path.strip_prefix(other).is_some_and(|rest| rest.starts_with('/')))
    });
    made
}

/// Below a folder of data, and known in whole.
fn is_data(path: &str) -> bool {
    let ours = ["/var/lib/", "/var/log/", "/var/spool/", "/var/cache/", "/srv/", "/opt/", "/home/"];
    let shared = ["/var/lib/systemd", "/var/lib/dpkg", "/var/lib/private", "/var/log/journal"];
    ours.iter().any(|folder| path.starts_with(folder) && path.len() > folder.len())
        && !shared.iter().any(|folder| path.starts_with(folder))
        && !path.contains(['$', '`', '*', '{'])
}

/// Whether a command deletes this path, or one above it, or one below.
fn takes(run: &Run, path: &str) -> bool {
    let deletes = match run.program() {
        "rm" | "rmdir" | "unlink" => true,
        "find" => run.words.iter().any(|word| word == "-delete" || word == "rm"),
        "deluser" | "userdel" => {
            run.words.iter().any(|word| word == "-r" || word.starts_with("--remove"))
        }
        _ => false,
    };
    let home = matches!(run.program(), "deluser" | "userdel");
    deletes
        && (home
            || run.operands().any(|word| {
                // `cd /; rm -rf var/log/x` is done as well.
                let word = word.split('*').next().unwrap_or(word).trim_end_matches('/');
                let whole = format!("/{}", word.trim_start_matches('/'));
                let word = if word.contains('/') { whole.as_str() } else { word };
                // What the script computes may be it.
                word.starts_with('$')
                    || word.starts_with('/')
                        && word.len() > "/var/lib".len()
                        && (path.starts_with(word) || word.starts_with(path))
                    || word.starts_with("/srv") && path.starts_with(word)
            }))
}

/// System users that scripts make.
fn users(facts: &Facts) -> Vec<(&'static str, &Run, String)> {
    let mut users: Vec<(&'static str, &Run, String)> = Vec::new();
    for (script, run) in installs(facts) {
        if !matches!(run.program(), "adduser" | "useradd") {
            continue;
        }
        // `adduser user group` adds to a group, and makes nobody.
        let valued = [
            "--home",
            "--shell",
            "--gecos",
            "--comment",
            "--group",
            "--ingroup",
            "--gid",
            "--uid",
            "-d",
            "-s",
            "-c",
            "-g",
            "-u",
            "-G",
            "-b",
            "--home-dir",
            "--firstuid",
            "--lastuid",
            "--groups",
        ];
        let mut words = run.words.iter().skip(1).peekable();
        let mut names = Vec::new();
        while let Some(word) = words.next() {
            // adduser's `--group` takes no value.
            let value = !(word == "--group" && run.program() == "adduser");
            if value && valued.contains(&word.as_str()) {
                words.next();
            } else if !word.starts_with('-') && !word.contains(['>', '<']) {
                names.push(word);
            }
        }
        if let [name] = names.as_slice()
            && !name.contains(['$', '`'])
            && !users.iter().any(|(_, _, known)| known == *name)
        {
            users.push((script, run, (*name).clone()));
        }
    }
    users
}
