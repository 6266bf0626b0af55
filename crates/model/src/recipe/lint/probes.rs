//! Rules about `[[checks]]`.
//!
//! Leaves out asking them.

use crate::recipe::lint::scope::Scope;
use crate::recipe::nearest::nearest;
use crate::recipe::probe::Check;
use crate::recipe::setting::Kind;
use crate::recipe::values::Value;

/// Judges every check.
pub fn judge(scope: &mut Scope<'_>) {
    let recipe = scope.recipe;
    if recipe.checks.is_empty() {
        let hint = "add `[[checks]]`: an upgrade is only as safe as what is asked after it";
        let fault = scope.read.lines.fault("name", "nothing asks whether the service works");
        scope.put(fault.hint(hint).warning());
    }
    for (number, check) in recipe.checks.iter().enumerate() {
        let at = format!("checks[{number}]");
        name(scope, &at, check, &recipe.checks[..number]);
        question(scope, &at, check);
    }
}

fn name(scope: &mut Scope<'_>, at: &str, check: &Check, before: &[Check]) {
    let name = &check.name;
    let key = format!("{at}.name");
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.is_empty() {
        scope.fault(at, "the check has no name", "add `name = \"answers\"`");
    } else if name.len() > 64 || !name.bytes().all(plain) {
        let message = format!("`{name}` is no name of a check");
        scope.fault(&key, &message, "take `a–z`, `0–9` and `-`: `answers`");
    } else if before.iter().any(|other| other.name == *name) {
        scope.fault(&key, &format!("the check `{name}` is there twice"), "give it another name");
    }
}

fn question(scope: &mut Scope<'_>, at: &str, check: &Check) {
    let kinds = [
        ("http", &check.http),
        ("tcp", &check.tcp),
        ("command", &check.command),
        ("file", &check.file),
        ("unit", &check.unit),
        ("certificate", &check.certificate),
        ("query", &check.query),
    ];
    let given: Vec<(&str, &String)> =
        kinds.iter().filter_map(|(kind, what)| what.as_ref().map(|what| (*kind, what))).collect();
    let (kind, what) = match given[..] {
        [] => {
            let names: Vec<String> = kinds.iter().map(|(kind, _)| format!("`{kind}`")).collect();
            let message = format!("the check `{}` asks nothing", check.name);
            scope.fault(at, &message, &format!("add one of {}", names.join(", ")));
            return;
        }
        [(kind, what)] => (kind, what),
        _ => {
            let message = format!("the check `{}` asks more than one thing", check.name);
            let hint = "make each a `[[checks]]` of its own";
            scope.fault(&format!("{at}.{}", given[1].0), &message, hint);
            return;
        }
    };
    for (key, there, kinds) in [
        ("status", check.status.is_some(), &["http"][..]),
        ("contains", check.contains.is_some(), &["http", "command", "file"]),
    ] {
        if there && !kinds.contains(&kind) {
            let message = format!("`{key}` does not go with `{kind}`");
            scope.fault(&format!("{at}.{key}"), &message, "leave it out");
        }
    }
    if check.status.is_some_and(|status| !(100..=599).contains(&status)) {
        scope.fault(&format!("{at}.status"), "HTTP has no such status", "write 100 to 599");
    }
    if check.seconds == Some(0) {
        scope.fault(&format!("{at}.seconds"), "nothing answers in 0 seconds", "write `10`");
    }
    let key = format!("{at}.{kind}");
    let Some(text) = scope.fill(&key, what) else { return };
    if let Some(contains) = &check.contains {
        scope.fill(&format!("{at}.contains"), contains);
    }
    if text.trim().is_empty() {
        scope.fault(&key, &format!("`{kind}` is empty"), "");
        return;
    }
    match kind {
        "http" => http(scope, &key, what, &text),
        "tcp" | "certificate" => address(scope, &key, what, &text),
        "file" => drop(scope.path(&key, &text)),
        "unit" => unit(scope, &key, &text),
        "query" if scope.recipe.database.is_none() => {
            scope.fault(&key, "there is no database to query", "add `[database]`");
        }
        _ => {}
    }
}

fn http(scope: &mut Scope<'_>, key: &str, written: &str, url: &str) {
    let rest = url.strip_prefix("http://").or(url.strip_prefix("https://"));
    let Some(rest) = rest.filter(|rest| rest.bytes().all(|b| b.is_ascii_graphic())) else {
        let message = format!("`{url}` is no web address");
        scope.fault(key, &message, "write as `http://127.0.0.1:{{ port }}/`");
        return;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match port_of(host) {
        Some(port) => literal(scope, key, written, port),
        None if host.ends_with(']') || !host.contains(':') => {}
        None => {
            let message = format!("`{host}` has no port from 1 to 65535");
            scope.fault(key, &message, "write as `127.0.0.1:8080`");
        }
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let here = ["localhost", "[::1]", "[::]"].contains(&name) || name.starts_with("127.");
    if !here && !written.contains("{{") {
        let message = format!("`{name}` is not the host itself");
        let hint = "a check asks its own host, as `http://127.0.0.1:…`, also without network";
        scope.warn(key, &message, hint);
    }
}

fn address(scope: &mut Scope<'_>, key: &str, written: &str, text: &str) {
    match port_of(text) {
        Some(port) if !text.contains(['/', ' ']) => literal(scope, key, written, port),
        _ => {
            let message = format!("`{text}` is no `address:port`");
            scope.fault(key, &message, "write as `127.0.0.1:{{ port }}`");
        }
    }
}

fn port_of(host: &str) -> Option<u16> {
    let (name, port) = host.rsplit_once(':')?;
    port.parse().ok().filter(|port| *port > 0 && !name.is_empty())
}

/// A port that a setting has too: whoever sets it would make the check fail.
fn literal(scope: &mut Scope<'_>, key: &str, written: &str, port: u16) {
    if !written.contains(&format!(":{port}")) {
        return;
    }
    let settings = scope.recipe.settings.iter();
    let same = settings
        .filter(|(_, setting)| setting.kind == Kind::Port)
        .find(|(name, _)| scope.values.get(name) == Some(&Value::Integer(i64::from(port))));
    if let Some((name, _)) = same {
        let message =
            format!("the port {port} is that of the setting `{name}`, but stays as it is");
        let hint = format!("write `{{{{ {name} }}}}` for it");
        scope.warn(key, &message, &hint);
    }
}

fn unit(scope: &mut Scope<'_>, key: &str, name: &str) {
    if !scope.unit_name(key, name) {
        return;
    }
    let recipe = scope.recipe;
    let known = || recipe.units.iter().map(|unit| unit.name.as_str());
    if known().any(|known| known == name) {
        return;
    }
    if let Some(near) = nearest(name, known()) {
        let message = format!("the recipe has no unit `{name}`");
        // It may be the vanilla package's.
        if !scope.vanilla() {
            scope.fault(key, &message, &format!("did you mean `{near}`?"));
        }
    }
}
