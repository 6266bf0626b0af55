//! Rules about `[[units]]` and their texts.
//!
//! Leaves out what only systemd itself can judge.

use std::collections::{BTreeMap, BTreeSet};

use crate::recipe::fault::Fault;
use crate::recipe::lint::scope::{FOREIGN_USERS, Parts, Scope, Text};
use crate::recipe::unit::Unit;

/// Judges every unit.
pub fn judge(scope: &mut Scope<'_>) {
    let recipe = scope.recipe;
    let mut names = BTreeSet::new();
    let files: BTreeMap<&str, usize> = recipe
        .files
        .iter()
        .enumerate()
        .map(|(number, file)| (file.path.as_str(), number))
        .collect();
    for (number, unit) in recipe.units.iter().enumerate() {
        let at = format!("units[{number}]");
        let named = scope.unit_name(&format!("{at}.name"), &unit.name);
        if !names.insert((&unit.name, unit.drop_in)) {
            let message = format!("the unit `{}` is there twice", unit.name);
            scope.fault(&format!("{at}.name"), &message, "leave one out");
        }
        if let Some(file) = files.get(format!("/usr/lib/systemd/system/{}", unit.name).as_str()) {
            let line = scope.read.lines.of(&format!("files[{file}]"));
            let message = format!("`{}` is a file too, in line {line}", unit.name);
            scope.fault(&format!("{at}.name"), &message, "leave the file out");
        }
        if unit.drop_in && !scope.vanilla() {
            let message = format!("`{}` drops into a unit of no package", unit.name);
            let hint = "add `overlays = \"PACKAGE\"` under `[package]`";
            scope.fault(&format!("{at}.drop_in"), &message, hint);
        }
        if let Some(text) = text(scope, &at, unit)
            && named
        {
            let sections = sections(scope, &text);
            judge_text(scope, &at, unit, &text, &sections);
        }
    }
}

fn text(scope: &mut Scope<'_>, at: &str, unit: &Unit) -> Option<Text> {
    let given: Vec<&str> = [
        ("template", unit.template.is_some()),
        ("copy", unit.copy.is_some()),
        ("content", unit.content.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, there)| there.then_some(key))
    .collect();
    match given[..] {
        [] => {
            let message = format!("nothing says what is in `{}`", unit.name);
            scope.fault(at, &message, "add `template`, `copy` or `content`");
            None
        }
        [_] => {
            let (template, copy, content) =
                (unit.template.as_ref(), unit.copy.as_ref(), unit.content.as_ref());
            scope.text(at, &Parts { template, copy, content })
        }
        _ => {
            let message = format!("`{}` has {}: it takes one of them", unit.name, given.join(", "));
            scope.fault(&format!("{at}.{}", given[1]), &message, "leave the others out");
            None
        }
    }
}

/// The sections with their keys and values; what systemd would ignore is a fault.
fn sections(scope: &mut Scope<'_>, text: &Text) -> BTreeMap<String, Vec<(String, String)>> {
    let mut sections: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut section: Option<String> = None;
    let mut goes_on = false;
    for (number, line) in text.text.lines().enumerate() {
        let line = line.trim();
        let before = std::mem::replace(&mut goes_on, line.ends_with('\\'));
        if before || line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let place = |message: &str| Fault::new(&text.file, text.line(number), 1, message);
        if let Some(name) = line.strip_prefix('[') {
            let name = name.trim_end_matches(']').to_owned();
            sections.entry(name.clone()).or_default();
            section = Some(name);
        } else if let Some((key, value)) = line.split_once('=') {
            match &section {
                Some(name) => {
                    let pair = (key.trim().to_owned(), value.trim().to_owned());
                    sections.entry(name.clone()).or_default().push(pair);
                }
                None => scope.put(
                    place("systemd ignores what stands before the first `[Section]`")
                        .hint("begin with `[Unit]` or `[Service]`"),
                ),
            }
        } else {
            scope.put(
                place(&format!("systemd ignores the line `{line}`"))
                    .hint("a line is `[Section]`, `Key=value` or a `#` comment"),
            );
        }
    }
    sections
}

fn judge_text(
    scope: &mut Scope<'_>,
    at: &str,
    unit: &Unit,
    text: &Text,
    sections: &BTreeMap<String, Vec<(String, String)>>,
) {
    let name = &unit.name;
    let (stem, suffix) = name.rsplit_once('.').unwrap_or((name, ""));
    let place = |message: &str| Fault::new(&text.file, text.first, 1, message);
    let install = sections.get("Install").is_some_and(|keys| !keys.is_empty());
    let starter = starter(scope, stem).filter(|_| suffix == "service");
    if unit.drop_in {
        if install {
            let hint = "leave `[Install]` out: the vanilla package enables its unit";
            scope.put(place(&format!("the drop-in for `{name}` has `[Install]`")).hint(hint));
        }
        return;
    }
    if unit.enable && !install {
        let hint = match (&starter, suffix) {
            (Some(starter), _) => {
                format!("`{starter}` starts it: write `enable = false` and `start = false`")
            }
            (None, "timer") => "add `[Install]` and `WantedBy=timers.target`".to_owned(),
            (None, "socket") => "add `[Install]` and `WantedBy=sockets.target`".to_owned(),
            _ => "add `[Install]` and `WantedBy=multi-user.target`, or write `enable = false`"
                .to_owned(),
        };
        let message = format!("`{name}` has no `[Install]`, so it cannot start at boot");
        scope.put(place(&message).hint(&hint));
    } else if !unit.enable && unit.start && starter.is_some() {
        let message = format!("`{name}` runs at each installation, though a unit starts it");
        scope.warn(at, &message, "write `start = false`");
    }
    if stem.ends_with('@') && (unit.enable || unit.start) {
        let message = format!("`{name}` is a pattern, of which none can be started");
        scope.fault(at, &message, "write `enable = false` and `start = false`");
    }
    let all = |section: &str, key: &str| -> Vec<String> {
        let keys = sections.get(section).into_iter().flatten();
        keys.filter(|(name, _)| name == key).map(|(_, value)| value.clone()).collect()
    };
    if suffix == "service" {
        if !sections.contains_key("Service") {
            let message = format!("`{name}` has no `[Service]`");
            scope.put(place(&message).hint("add `[Service]` and `ExecStart=/usr/bin/…`"));
        } else if all("Service", "ExecStart").is_empty()
            && all("Service", "Type").last().is_none_or(|kind| kind != "oneshot")
        {
            let message = format!("`{name}` has no `ExecStart=`");
            scope.put(place(&message).hint("say which program runs: `ExecStart=/usr/bin/…`"));
        }
        user(scope, unit, text, all("Service", "User").last());
    }
    if suffix == "timer" {
        let wanted = all("Timer", "Unit").pop().unwrap_or_else(|| format!("{stem}.service"));
        if !scope.vanilla() && !scope.recipe.units.iter().any(|other| other.name == wanted) {
            let message = format!("`{name}` starts `{wanted}`, which the recipe does not have");
            scope.put(place(&message).hint("add it as `[[units]]`").warning());
        }
        if !sections.contains_key("Timer") {
            let message = format!("`{name}` has no `[Timer]`");
            scope.put(place(&message).hint("add `[Timer]` and `OnCalendar=daily`"));
        }
    }
    if suffix == "socket" && !sections.contains_key("Socket") {
        let message = format!("`{name}` has no `[Socket]`");
        scope.put(place(&message).hint("add `[Socket]` and `ListenStream=…`"));
    }
}

/// A unit of the recipe that starts the service of this stem.
fn starter(scope: &Scope<'_>, stem: &str) -> Option<String> {
    let names = ["timer", "socket", "path"].map(|suffix| format!("{stem}.{suffix}"));
    let unit = scope.recipe.units.iter().find(|unit| names.contains(&unit.name));
    unit.map(|unit| unit.name.clone())
}

fn user(scope: &mut Scope<'_>, unit: &Unit, text: &Text, user: Option<&String>) {
    let own = scope.recipe.package.user.as_deref();
    let name = &unit.name;
    let place = |message: &str| Fault::new(&text.file, text.first, 1, message);
    match user.map(String::as_str) {
        Some(user)
            if Some(user) == own
                || scope.vanilla()
                || FOREIGN_USERS.contains(&user)
                || user.contains('%') => {}
        Some(user) => {
            let message = format!("`{name}` runs as `{user}`, whom nobody makes");
            let hint = match own {
                Some(own) => format!("write `User={own}`, or `User={{{{ user }}}}`"),
                None => format!("add `user = \"{user}\"` under `[package]`"),
            };
            let made = text.text.contains("DynamicUser=");
            if !made {
                scope.put(place(&message).hint(&hint));
            }
        }
        // What a timer starts now and then may well be root's.
        None if unit.enable && own.is_some() && !text.text.contains("DynamicUser=") => {
            let message = format!("`{name}` runs as root, though the recipe has a user");
            scope.put(
                place(&message)
                    .hint("add `User={{ user }}` under `[Service]`, or `User=root`")
                    .warning(),
            );
        }
        None => {}
    }
}
