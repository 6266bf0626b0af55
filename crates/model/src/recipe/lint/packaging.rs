//! Rules about `[package]`.
//!
//! Leaves out files and units.

use crate::recipe::lint::scope::{FOREIGN_USERS, Scope, USER_HINT, is_package, is_user};
use crate::recipe::lint::sources::ARCHITECTURES;
use crate::recipe::path::absolute;
use crate::recipe::source::Kind;

/// Directories that belong to many, though they have more than one part.
const SHARED: [&str; 22] = [
    "/var/lib",
    "/var/log",
    "/var/cache",
    "/var/spool",
    "/var/www",
    "/var/mail",
    "/var/tmp",
    "/var/backups",
    "/var/opt",
    "/var/local",
    "/var/lib/dpkg",
    "/var/lib/apt",
    "/var/lib/systemd",
    "/etc/systemd",
    "/etc/nginx",
    "/etc/apt",
    "/var/lib/postgresql",
    "/srv/www",
    "/home/root",
    "/etc/default",
    "/var/lib/stead",
    "/etc/ssl",
];
/// Trees in which no data belongs.
const NO_DATA: [&str; 13] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/boot",
    "/dev",
    "/proc",
    "/sys",
    "/run",
    "/tmp",
    "/root",
    "/lost+found",
];

/// Judges the package's table.
pub fn judge(scope: &mut Scope<'_>) {
    architectures(scope);
    let package = &scope.recipe.package;
    let section = &package.section;
    if section.is_empty() || !section.bytes().all(|b| b.is_ascii_lowercase() || b"-/".contains(&b))
    {
        let message = format!("`{section}` is no section of Debian");
        scope.fault("package.section", &message, "write as `net`, `web` or `admin`");
    }
    if let Some(maintainer) = &package.maintainer {
        let address = maintainer.strip_suffix('>').and_then(|text| text.split_once(" <"));
        let good = address.is_some_and(|(name, address)| {
            !name.trim().is_empty() && address.contains('@') && !address.contains([' ', '<', '>'])
        });
        if !good || maintainer.contains(char::is_control) {
            let message = format!("`{maintainer}` is no maintainer");
            scope.fault("package.maintainer", &message, "write `Name <address@example.org>`");
        }
    }
    for (name, list) in [
        ("depends", &package.depends),
        ("pre_depends", &package.pre_depends),
        ("recommends", &package.recommends),
        ("suggests", &package.suggests),
        ("conflicts", &package.conflicts),
        ("breaks", &package.breaks),
        ("replaces", &package.replaces),
        ("provides", &package.provides),
    ] {
        for (number, text) in list.iter().enumerate() {
            if let Err(wrong) = relation(text) {
                let key = format!("package.{name}[{number}]");
                scope.fault(&key, &format!("`{text}` {wrong}"), "write as `nginx (>= 1.18)`");
            }
        }
    }
    user(scope);
    directories(scope);
    overlay(scope);
    for (number, path) in package.conffiles.iter().enumerate() {
        let key = format!("package.conffiles[{number}]");
        if scope.path(&key, path) && !path.starts_with("/etc/") {
            let message = format!("the conffile `{path}` is not under `/etc`");
            scope.warn(&key, &message, "people look for what they may edit under `/etc`");
        }
        if scope.recipe.files.iter().any(|file| file.path == *path) {
            let message = format!("`{path}` is one of the recipe's own files");
            scope.fault(&key, &message, "leave it out: below `/etc` it is a conffile already");
        } else if matches!(scope.recipe.source.kind(), Ok(Kind::Debian { .. })) {
            let message = format!("nothing brings the conffile `{path}`");
            scope.fault(&key, &message, "write it as `[[files]]`");
        }
    }
}

fn architectures(scope: &mut Scope<'_>) {
    let architectures = &scope.recipe.package.architectures;
    if architectures.is_empty() {
        let hint = "write `[\"all\"]` or leave it out";
        scope.fault("package.architectures", "the package is for no architecture", hint);
    }
    for (number, one) in architectures.iter().enumerate() {
        let key = format!("package.architectures[{number}]");
        if one == "all" && architectures.len() > 1 {
            let message = "`all` is said beside other architectures";
            scope.fault(&key, message, "`all` is for packages without binaries; leave one out");
        } else if one != "all" && !ARCHITECTURES.contains(&one.as_str()) {
            let message = format!("`{one}` is no architecture that is built for");
            let hint = match one.as_str() {
                "x86_64" | "x86-64" | "x64" => "Debian calls it `amd64`".to_owned(),
                "aarch64" => "Debian calls it `arm64`".to_owned(),
                "armv7" | "armv7l" | "arm" => "Debian calls it `armhf`".to_owned(),
                _ => format!("there are: all, {}", ARCHITECTURES.join(", ")),
            };
            scope.fault(&key, &message, &hint);
        } else if architectures[..number].contains(one) {
            scope.fault(&key, &format!("`{one}` is said twice"), "leave one out");
        }
    }
}

fn user(scope: &mut Scope<'_>) {
    let package = &scope.recipe.package;
    match &package.user {
        Some(user) if !is_user(user) => {
            scope.fault("package.user", &format!("`{user}` is no name of a user"), USER_HINT);
        }
        Some(user) if FOREIGN_USERS.contains(&user.as_str()) => {
            let message = format!("the user `{user}` is not this recipe's: purge would remove it");
            scope.fault("package.user", &message, &format!("call it `{}`", scope.recipe.name));
        }
        None if !package.groups.is_empty() => {
            let hint = format!("add `user = \"{}\"`", scope.recipe.name);
            scope.fault("package.groups", "nobody is there to join the groups", &hint);
        }
        _ => {}
    }
    for (number, group) in package.groups.iter().enumerate() {
        if !is_user(group) {
            let key = format!("package.groups[{number}]");
            scope.fault(&key, &format!("`{group}` is no name of a group"), USER_HINT);
        }
    }
    if let Some(home) = &package.home {
        scope.path("package.home", home);
        if package.user.is_none() {
            let hint = "add `user`, or leave `home` out";
            scope.fault("package.home", "there is a home but no user", hint);
        }
    }
}

/// Purge deletes a directory with all it holds, so it must be the service's own.
fn directories(scope: &mut Scope<'_>) {
    let directories = &scope.recipe.package.directories;
    for (number, directory) in directories.iter().enumerate() {
        let at = format!("package.directories[{number}]");
        let path = &directory.path;
        let key = format!("{at}.path");
        scope.mode(&format!("{at}.mode"), directory.mode.as_ref());
        scope.owner(&format!("{at}.owner"), directory.owner.as_ref());
        scope.owner(&format!("{at}.group"), directory.group.as_ref());
        if !scope.path(&key, path) {
            continue;
        }
        let within = |top: &&str| path == *top || path.starts_with(&format!("{top}/"));
        let hint = format!("take `/var/lib/{}`", scope.recipe.name);
        if let Some(top) = NO_DATA.iter().find(|top| within(top)) {
            scope.fault(&key, &format!("data does not belong under `{top}`"), &hint);
        } else if path.matches('/').count() < 2 || SHARED.contains(&path.as_str()) {
            let message =
                format!("`{path}` is not this service's alone, and purge deletes it whole");
            scope.fault(&key, &message, &hint);
        }
        if directories[..number].iter().any(|other| other.path == *path) {
            scope.fault(&key, &format!("`{path}` is there twice"), "leave one out");
        }
    }
}

fn overlay(scope: &mut Scope<'_>) {
    let package = &scope.recipe.package;
    if let Some(overlays) = &package.overlays
        && (!is_package(overlays) || *overlays == scope.recipe.name)
    {
        let message = format!("`{overlays}` is no other Debian package");
        scope.fault("package.overlays", &message, "name the vanilla package, as `nginx`");
    }
    for (number, path) in package.watches.iter().enumerate() {
        if let Err(wrong) = absolute(path) {
            let key = format!("package.watches[{number}]");
            let hint = "name a file of the other package, as `/usr/sbin/babeld`";
            scope.fault(&key, &format!("`{path}` {wrong}"), hint);
        }
    }
    if package.overlays.is_none() && !package.holds.is_empty() {
        let hint = "add `overlays = \"PACKAGE\"`";
        scope.fault("package.holds", "`holds` needs the package whose units they are", hint);
    }
    for (name, list) in
        [("holds", &package.holds), ("restarts", &package.restarts), ("reloads", &package.reloads)]
    {
        for (number, unit) in list.iter().enumerate() {
            let key = format!("package.{name}[{number}]");
            if scope.unit_name(&key, unit)
                && scope.recipe.units.iter().any(|own| own.name == *unit && !own.drop_in)
            {
                let message = format!("`{unit}` is this package's own unit");
                scope.fault(&key, &message, "leave it out: `on_upgrade` of the unit says it");
            }
        }
    }
}

/// Reads `a (>= 1) | b [amd64]` as Debian's policy has it (7.1).
fn relation(text: &str) -> Result<(), &'static str> {
    if text.contains(',') {
        return Err("has a comma: each relation is a text of its own");
    }
    text.split('|').try_for_each(|one| alternative(one.trim()))
}

fn alternative(text: &str) -> Result<(), &'static str> {
    let end = text.find([' ', '(', '[', ':']).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    if !is_package(name) {
        return Err("names no package");
    }
    if let Some(after) = rest.strip_prefix(':') {
        let end = after.find([' ', '(', '[']).unwrap_or(after.len());
        if !after[..end].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') || end == 0 {
            return Err("has no architecture after its `:`");
        }
        rest = &after[end..];
    }
    rest = rest.trim_start();
    if let Some(after) = rest.strip_prefix('(') {
        let (inner, after) = after.split_once(')').ok_or("has a `(` without its `)`")?;
        let signs = inner.find(|c| !"<>=".contains(c)).unwrap_or(inner.len());
        let (sign, version) = inner.split_at(signs);
        if !["<<", "<=", "=", ">=", ">>"].contains(&sign) {
            return Err("compares with something else than `<<`, `<=`, `=`, `>=`, `>>`");
        }
        let version = version.trim();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".+-~:".contains(&b);
        if version.is_empty() || !version.bytes().all(plain) {
            return Err("has no version that Debian orders");
        }
        rest = after.trim_start();
    }
    if let Some(after) = rest.strip_prefix('[') {
        rest = after.split_once(']').ok_or("has a `[` without its `]`")?.1.trim_start();
    }
    if rest.is_empty() { Ok(()) } else { Err("has something behind it that is no relation") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_are_those_of_a_control_file() {
        for good in ["nginx", "nginx (>= 1.18)", "a1 | b2", "python3:any (>= 3.11~) [amd64]"] {
            assert_eq!(relation(good), Ok(()), "{good}");
        }
        for bad in
            ["", "N", "nginx >= 1", "nginx (1.18)", "nginx (>= )", "aa, bb", "aa |", "aa (= 1"]
        {
            assert!(relation(bad).is_err(), "{bad}");
        }
    }
}
