//! Rules about `[database]`, `[backup]`, `[upgrade]`, `[maintenance]` and `[drill]`.
//!
//! Leaves out whether a backup can be restored, which the drill shows.

use std::path::Path;

use crate::recipe::care::{Engine, Keep};
use crate::recipe::lint::scope::Scope;
use crate::recipe::nearest::nearest;

/// Judges how the data is taken care of.
pub fn judge(scope: &mut Scope<'_>) {
    database(scope);
    backup(scope);
    let recipe = scope.recipe;
    for (number, step) in recipe.upgrade.steps.iter().enumerate() {
        command(scope, &format!("upgrade.steps[{number}]"), step);
    }
    if let Some(maintenance) = &recipe.maintenance {
        scope.path("maintenance.flag", &maintenance.flag);
    }
    let Some(drill) = &recipe.drill else { return };
    for (number, name) in drill.checks.iter().enumerate() {
        let known = || recipe.checks.iter().map(|check| check.name.as_str());
        if !known().any(|known| known == name) {
            let hint = match nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add `[[checks]]` with `name = \"{name}\"`"),
            };
            let message = format!("the recipe has no check `{name}`");
            scope.fault(&format!("drill.checks[{number}]"), &message, &hint);
        }
    }
    for (key, list) in [("prepare", &drill.prepare), ("assertions", &drill.assertions)] {
        for (number, text) in list.iter().enumerate() {
            command(scope, &format!("drill.{key}[{number}]"), text);
        }
    }
    if recipe.backup.is_none() {
        let message = "a drill restores a backup, and there is none";
        scope.fault("drill", message, "add `[backup]`");
    }
}

fn command(scope: &mut Scope<'_>, key: &str, text: &str) {
    if text.trim().is_empty() {
        scope.fault(key, "the command is empty", "leave it out");
    } else if text.contains('\0') {
        scope.fault(key, "the command has a zero byte", "leave it out");
    }
}

fn database(scope: &mut Scope<'_>) {
    let recipe = scope.recipe;
    let Some(database) = &recipe.database else { return };
    if recipe.backup.is_none() {
        let hint = "add `[backup]`: the database is taken without being named there";
        scope.warn("database", "the database is in no backup", hint);
    }
    if database.engine == Engine::Sqlite {
        scope.path("database.name", &database.name);
        for (key, there) in [
            ("owner", database.owner.is_some()),
            ("locale", database.locale.is_some()),
            ("extensions", !database.extensions.is_empty()),
        ] {
            if there {
                let message = format!("`{key}` is PostgreSQL's, this is SQLite");
                scope.fault(&format!("database.{key}"), &message, "leave it out");
            }
        }
        stray(scope, &database.name);
        return;
    }
    identifier(scope, "database.name", &database.name);
    if let Some(owner) = &database.owner {
        identifier(scope, "database.owner", owner);
    } else if recipe.package.user.is_none() {
        let hint = "add `user` under `[package]`, who then logs in without a password";
        scope.fault("database", "nobody is there to own the database", hint);
    }
    for (number, name) in database.extensions.iter().enumerate() {
        // `uuid-ossp` is one.
        let plain = name.replace('-', "_");
        identifier(scope, &format!("database.extensions[{number}]"), &plain);
    }
    for (number, table) in database.verify.iter().enumerate() {
        for part in table.splitn(2, '.') {
            identifier(scope, &format!("database.verify[{number}]"), part);
        }
    }
    if let Some(locale) = &database.locale {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
        if locale.is_empty() || !locale.chars().all(plain) {
            let message = format!("`{locale}` is no locale");
            scope.fault("database.locale", &message, "write as `C` or `C.UTF-8`");
        }
    }
}

/// What lies beside a SQLite database belongs to it, so its folder has to come back as a whole.
fn stray(scope: &mut Scope<'_>, name: &str) {
    let Some(backup) = &scope.recipe.backup else { return };
    let Some(folder) =
        Path::new(name).parent().filter(|_| name.starts_with('/') && !name.contains("{{"))
    else {
        return;
    };
    if !backup.paths.iter().any(|path| path.contains("{{") || folder.starts_with(path)) {
        let message = "no path of `[backup]` holds the database's folder";
        let hint = format!("add `{}` to `paths`, or nothing restores it", folder.display());
        scope.warn("database.name", message, &hint);
    }
}

/// A name that PostgreSQL takes without quotes, in lower case.
fn identifier(scope: &mut Scope<'_>, key: &str, name: &str) {
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_');
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
    if !first || name.len() > 63 || !name.bytes().all(plain) {
        let message = format!("`{name}` is no name for PostgreSQL");
        scope.fault(key, &message, "take `a–z`, `0–9`, `_` and `-`, the first a letter");
    }
}

fn backup(scope: &mut Scope<'_>) {
    let recipe = scope.recipe;
    let Some(backup) = &recipe.backup else { return };
    for (number, path) in backup.paths.iter().enumerate() {
        scope.path(&format!("backup.paths[{number}]"), path);
    }
    if backup.paths.is_empty() && recipe.database.is_none() {
        let hint = "name paths, or leave `[backup]` out";
        scope.fault("backup", "the backup takes nothing", hint);
    }
    for (number, unit) in backup.quiesce.iter().enumerate() {
        let key = format!("backup.quiesce[{number}]");
        if scope.unit_name(&key, unit) {
            known_unit(scope, &key, unit);
        }
    }
    if backup.period_hours == 0 {
        let message = "the backup runs every 0 hours";
        scope.fault("backup.period_hours", message, "write `24` for once a day");
    }
    let Keep { hourly, daily, weekly, monthly, yearly } = backup.keep;
    if [hourly, daily, weekly, monthly, yearly] == [0; 5] {
        scope.fault("backup.keep", "no backup is kept", "leave `keep` out for the usual numbers");
    }
}

/// A unit of this recipe, or of the vanilla package, which cannot be seen from here.
fn known_unit(scope: &mut Scope<'_>, key: &str, unit: &str) {
    let recipe = scope.recipe;
    let depends = !recipe.package.depends.is_empty();
    let known = || recipe.units.iter().map(|unit| unit.name.as_str());
    if scope.vanilla() || known().any(|known| known == unit) {
        return;
    }
    let message = format!("the recipe has no unit `{unit}`");
    match nearest(unit, known()) {
        Some(near) => scope.fault(key, &message, &format!("did you mean `{near}`?")),
        None if depends => {}
        None => scope.fault(key, &message, "add it as `[[units]]`"),
    }
}
