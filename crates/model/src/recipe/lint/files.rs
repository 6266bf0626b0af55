//! Rules about `[[files]]`.
//!
//! Leaves out units, which have tables of their own.

use std::collections::BTreeMap;

use crate::recipe::file::File;
use crate::recipe::lint::scope::{Parts, Scope};
use crate::recipe::nearest::nearest;
use crate::recipe::path;
use crate::recipe::setting::Kind;

/// Trees that are no package's.
const NOT_OURS: [&str; 9] =
    ["/dev", "/proc", "/sys", "/run", "/tmp", "/var/tmp", "/var/run", "/root", "/boot"];
/// Links into `/usr` on every Debian since bookworm.
const MERGED: [&str; 4] = ["/bin", "/sbin", "/lib", "/lib64"];

/// Judges every file.
pub fn judge(scope: &mut Scope<'_>) {
    let recipe = scope.recipe;
    let mut paths: BTreeMap<&str, String> = BTreeMap::new();
    for (number, file) in recipe.files.iter().enumerate() {
        let at = format!("files[{number}]");
        place(scope, &at, file);
        content(scope, &at, file);
        rights(scope, &at, file);
        when(scope, &at, file);
        if let Some(first) = paths.get(file.path.as_str()) {
            let line = scope.read.lines.of(first);
            let message = format!("`{}` is there twice, first in line {line}", file.path);
            scope.fault(
                &format!("{at}.path"),
                &message,
                "leave one out, or choose with Jinja's `if`",
            );
        } else {
            paths.insert(&file.path, at);
        }
    }
    for (number, directory) in recipe.package.directories.iter().enumerate() {
        if let Some(first) = paths.get(directory.path.as_str()) {
            let line = scope.read.lines.of(first);
            let message = format!("`{}` is a file too, in line {line}", directory.path);
            scope.fault(&format!("package.directories[{number}].path"), &message, "leave one out");
        }
    }
}

fn place(scope: &mut Scope<'_>, at: &str, file: &File) {
    let key = format!("{at}.path");
    let name = &scope.recipe.name;
    let path = &file.path;
    if path.contains("{{") {
        let message = format!("`{path}`: a path is no template");
        scope.fault(&key, &message, "a package has the same files wherever it is installed");
        return;
    }
    if !scope.path(&key, path) {
        return;
    }
    let within = |top: &str| *path == top || path.starts_with(&format!("{top}/"));
    if let Some(top) = NOT_OURS.iter().find(|top| within(top)) {
        let hint = match *top {
            "/run" | "/var/run" => "`RuntimeDirectory=` of the unit makes a directory there",
            _ => "packages bring files under `/etc`, `/usr` and `/var/lib`",
        };
        scope.fault(&key, &format!("`{path}`: no package brings files under `{top}`"), hint);
    } else if MERGED.iter().any(|top| within(top)) {
        let message = format!("`{path}` is reached through a link, which dpkg forbids");
        scope.fault(&key, &message, &format!("write `/usr{path}`"));
    } else if within("/usr/local") || within("/home") {
        let message = format!("`{path}` lies where people put their own files");
        scope.warn(&key, &message, &format!("write `/usr/lib/{name}/…` or `/usr/bin/…`"));
    } else if within(&format!("/etc/{name}/secrets")) {
        let message = format!("`{path}` lies where the host keeps the secrets");
        scope.fault(&key, &message, "write `secret = true` at a setting instead");
    } else if ["/etc/systemd/system", "/usr/lib/systemd/system"].iter().any(|top| within(top))
        && file.link.is_none()
    {
        let message = format!("`{path}` would be neither enabled nor restarted");
        scope.warn(&key, &message, "write it as `[[units]]`");
    }
    if file.diverts && scope.recipe.package.overlays.is_none() {
        let message = "`diverts` needs the package whose file it is";
        scope.fault(&format!("{at}.diverts"), message, "add `overlays = \"…\"` under `[package]`");
    }
}

fn content(scope: &mut Scope<'_>, at: &str, file: &File) {
    let given: Vec<&str> = [
        ("template", file.template.is_some()),
        ("copy", file.copy.is_some()),
        ("content", file.content.is_some()),
        ("link", file.link.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, there)| there.then_some(key))
    .collect();
    match given[..] {
        [] => {
            let message = format!("nothing says what is in `{}`", file.path);
            scope.fault(at, &message, "add `template`, `copy`, `content` or `link`");
            return;
        }
        [_] => {}
        _ => {
            let message = format!("`{}` has {}: it takes one of them", file.path, given.join(", "));
            scope.fault(&format!("{at}.{}", given[1]), &message, "leave the others out");
            return;
        }
    }
    if let Some(target) = &file.link {
        let key = format!("{at}.link");
        let relative = !target.starts_with('/');
        if relative && (target.is_empty() || target.contains(char::is_control)) {
            scope.fault(&key, &format!("`{target}` is nothing to link to"), "write a path");
        } else if !relative {
            scope.path(&key, target);
        }
        return;
    }
    if let Some(folder) = file.copy.as_ref().map(|name| name.trim_end_matches('/')) {
        let below = format!("{folder}/");
        let mut names = scope.folder.files.keys().filter(|name| name.starts_with(&below));
        let bad = names.clone().find(|name| path::relative(name).is_err()).cloned();
        if names.next().is_some() {
            if let Some(bad) = bad {
                let message = format!("`{bad}` cannot be the name of an installed file");
                scope.fault(
                    &format!("{at}.copy"),
                    &message,
                    "take letters, digits and `._-+@:~=,%`",
                );
            }
            return;
        }
    }
    let (template, copy, content) =
        (file.template.as_ref(), file.copy.as_ref(), file.content.as_ref());
    scope.text(at, &Parts { template, copy, content });
}

fn rights(scope: &mut Scope<'_>, at: &str, file: &File) {
    scope.mode(&format!("{at}.mode"), file.mode.as_ref());
    scope.owner(&format!("{at}.owner"), file.owner.as_ref());
    scope.owner(&format!("{at}.group"), file.group.as_ref());
    if file.link.is_some() {
        for (key, there) in [
            ("mode", file.mode.is_some()),
            ("owner", file.owner.is_some()),
            ("group", file.group.is_some()),
        ] {
            if there {
                let message = format!("a link has no {key} of its own");
                scope.fault(&format!("{at}.{key}"), &message, "leave it out");
            }
        }
        if file.conffile == Some(true) {
            let message = "dpkg takes no link for a conffile";
            scope.fault(&format!("{at}.conffile"), message, "leave it out");
        }
    } else if file.conffile == Some(true) && !file.path.starts_with("/etc/") {
        let message = format!("the conffile `{}` is not under `/etc`", file.path);
        let hint = "people look for what they may edit under `/etc`";
        scope.warn(&format!("{at}.conffile"), &message, hint);
    }
}

fn when(scope: &mut Scope<'_>, at: &str, file: &File) {
    let Some(when) = &file.when else { return };
    let key = format!("{at}.when");
    let settings = &scope.recipe.settings;
    match settings.get(when) {
        Some(setting) if setting.kind == Kind::Boolean && !setting.secret => {}
        Some(_) => {
            let message = format!("the setting `{when}` is neither true nor false");
            scope.fault(&key, &message, &format!("write `type = \"boolean\"` at `{when}`"));
        }
        None => {
            let hint = match nearest(when, settings.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add `[settings.{when}]` with `type = \"boolean\"`"),
            };
            scope.fault(&key, &format!("`{when}` is no setting"), &hint);
        }
    }
}
