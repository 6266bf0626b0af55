//! The values that a group chose for a recipe's settings.
//!
//! Leaves out where they come from (the plan, the command line) and all secrets, which are never
//! values.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::recipe::definition::Recipe;
use crate::recipe::fault::Fault;
use crate::recipe::nearest::nearest;
use crate::recipe::path;
use crate::recipe::setting::{Kind, Setting};
use crate::text::printable;

/// The longest text of a setting, in bytes.
const LONGEST: usize = 4096;
/// The most texts in a list.
const MOST: usize = 1000;

/// One value, of its setting's type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Also a host name, a path, or a choice.
    Text(String),
    /// Also a port.
    Integer(i64),
    Boolean(bool),
    List(Vec<String>),
}

/// A value for each setting that is no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Values {
    values: BTreeMap<String, Value>,
}

impl Values {
    /// Takes what is given, the default where nothing is. A text stands for a value of any type,
    /// since a command line has nothing else: `8080`, `true`, and `a,b` for a list.
    ///
    /// # Errors
    /// For each setting that is unknown, secret, missing, or not of its type.
    pub fn resolve(
        recipe: &Recipe,
        given: &BTreeMap<String, toml::Value>,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut values = BTreeMap::new();
        for name in given.keys().filter(|name| !recipe.settings.contains_key(*name)) {
            let shown = printable(name, 60);
            let fault = Fault::new(PLACE, 0, 0, &format!("`{shown}` is not known"));
            let known = || {
                let open = recipe.settings.iter().filter(|(_, setting)| !setting.secret);
                open.map(|(name, _)| name.as_str())
            };
            faults.push(fault.hint(&match nearest(name, known()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if known().next().is_none() => format!("{} has no settings", recipe.name),
                None => format!("{} has: {}", recipe.name, known().collect::<Vec<_>>().join(", ")),
            }));
        }
        for (name, setting) in &recipe.settings {
            match (given.get(name), &setting.default) {
                (Some(_), _) if setting.secret => faults.push(secret(recipe, name)),
                _ if setting.secret => {}
                (Some(value), _) | (None, Some(value)) => match read(setting, value) {
                    Ok(value) => drop(values.insert(name.clone(), value)),
                    Err(wrong) => faults.push(Fault::new(
                        PLACE,
                        0,
                        0,
                        &format!("`{name}` takes {wrong}, here is `{}`", shown(value)),
                    )),
                },
                (None, None) => faults.push(
                    Fault::new(
                        PLACE,
                        0,
                        0,
                        &format!("`{name}` has to be chosen: {}", setting.help),
                    )
                    .hint(&format!("`--set {name}=…`")),
                ),
            }
        }
        if faults.is_empty() { Ok(Self { values }) } else { Err(faults) }
    }

    /// Defaults, and for what has none something of its type: enough to try templates with.
    pub fn sample(recipe: &Recipe) -> Self {
        let open = recipe.settings.iter().filter(|(_, setting)| !setting.secret);
        let value = |setting: &Setting| {
            let default = setting.default.as_ref().and_then(|default| read(setting, default).ok());
            default.unwrap_or_else(|| sample(setting))
        };
        Self { values: open.map(|(name, setting)| (name.clone(), value(setting))).collect() }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Whether it is a setting that is true.
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some(&Value::Boolean(true))
    }

    /// By name, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// Reads what a command line gives: `name=value` each.
///
/// # Errors
/// For each that has no `=`, or names a setting a second time. The value is not repeated, since it
/// could be a secret.
pub fn given(pairs: &[String]) -> Result<BTreeMap<String, toml::Value>, Vec<Fault>> {
    let mut given = BTreeMap::new();
    let mut faults = Vec::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=') else {
            faults.push(
                Fault::new(PLACE, 0, 0, "a setting is given without a value")
                    .hint("write `--set name=value`"),
            );
            continue;
        };
        let name = name.trim();
        if given.insert(name.to_owned(), toml::Value::String(value.to_owned())).is_some() {
            faults.push(Fault::new(PLACE, 0, 0, &format!("`{name}` is given twice")));
        }
    }
    if faults.is_empty() { Ok(given) } else { Err(faults) }
}

/// Where a fault of a given value is, as far as is known here.
const PLACE: &str = "settings";

fn secret(recipe: &Recipe, name: &str) -> Fault {
    let place = secret_path(recipe, name);
    Fault::new(PLACE, 0, 0, &format!("`{name}` is a secret and is never given to a build"))
        .hint(&format!("the host keeps it in {place}"))
}

/// The file in which the host keeps a secret.
pub fn secret_path(recipe: &Recipe, setting: &str) -> String {
    format!("/etc/{}/secrets/{setting}", recipe.name)
}

/// Reads a value as a setting's type.
///
/// # Errors
/// What it takes, to follow "takes": `a port, 1 to 65535`.
pub fn read(setting: &Setting, value: &toml::Value) -> Result<Value, String> {
    let text = value.as_str();
    let integer = || value.as_integer().or_else(|| text.and_then(|text| text.parse().ok()));
    match setting.kind {
        Kind::String => text
            .filter(|text| one_line(text))
            .map(|text| Value::Text(text.to_owned()))
            .ok_or_else(|| format!("one line of text, at most {LONGEST} bytes")),
        Kind::Integer => integer().map(Value::Integer).ok_or_else(|| "a whole number".to_owned()),
        Kind::Port => integer()
            .filter(|port| (1..=65535).contains(port))
            .map(Value::Integer)
            .ok_or_else(|| "a port, 1 to 65535".to_owned()),
        Kind::Boolean => value
            .as_bool()
            .or_else(|| text.and_then(|text| text.parse().ok()))
            .map(Value::Boolean)
            .ok_or_else(|| "true or false".to_owned()),
        Kind::HostName => text
            .filter(|text| optional(setting, text) || host_name(text))
            .map(|text| Value::Text(text.to_owned()))
            .ok_or_else(|| {
                "a host name in lower case as `chat.example.org`, umlauts as `xn--…`".to_owned()
            }),
        Kind::Path => text
            .filter(|text| optional(setting, text) || path::absolute(text).is_ok())
            .map(|text| Value::Text(text.to_owned()))
            .ok_or_else(|| "an absolute path as `/srv/data`, without `..`".to_owned()),
        Kind::Choice => text
            .filter(|text| setting.choices.iter().any(|choice| choice == text))
            .map(|text| Value::Text(text.to_owned()))
            .ok_or_else(|| {
                let choices: Vec<String> =
                    setting.choices.iter().map(|choice| format!("`{choice}`")).collect();
                format!("one of {}", choices.join(", "))
            }),
        Kind::List => list(value).ok_or_else(|| "a list of lines of text".to_owned()),
    }
}

fn list(value: &toml::Value) -> Option<Value> {
    let texts: Vec<String> = match value {
        toml::Value::Array(texts) => {
            let texts = texts.iter().map(|text| text.as_str().map(str::to_owned));
            texts.collect::<Option<_>>()?
        }
        toml::Value::String(text) if text.is_empty() => Vec::new(),
        toml::Value::String(text) => text.split(',').map(|one| one.trim().to_owned()).collect(),
        _ => return None,
    };
    let good = texts.len() <= MOST && texts.iter().all(|text| one_line(text));
    good.then_some(Value::List(texts))
}

/// A default that is empty says that the setting may stay empty.
fn optional(setting: &Setting, text: &str) -> bool {
    let default = setting.default.as_ref().and_then(toml::Value::as_str);
    text.is_empty() && default == Some("")
}

fn one_line(text: &str) -> bool {
    text.len() <= LONGEST && !text.contains(char::is_control)
}

/// A name as RFC 1123 has it, in lower case.
fn host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    // The last label of an address has nothing but digits, that of a name never.
    let digits = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    text.len() <= 253 && text.split('.').all(label) && !text.rsplit('.').next().is_some_and(digits)
}

fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => printable(text, 60),
        other => printable(&other.to_string(), 60),
    }
}

fn sample(setting: &Setting) -> Value {
    match setting.kind {
        Kind::String => Value::Text("example".to_owned()),
        Kind::Integer => Value::Integer(1),
        Kind::Boolean => Value::Boolean(true),
        Kind::Port => Value::Integer(8080),
        Kind::HostName => Value::Text("host.example.org".to_owned()),
        Kind::Path => Value::Text("/srv/example".to_owned()),
        Kind::Choice => Value::Text(setting.choices.first().cloned().unwrap_or_default()),
        Kind::List => Value::List(vec!["example".to_owned()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(settings: &str) -> Recipe {
        let text = format!(
            "name = \"chat\"\nsummary = \"a\"\nversion = \"1\"\n[source]\ndebian = \"a\"\n{settings}"
        );
        toml::from_str(&text).expect("valid")
    }

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, toml::Value> {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).into());
        pairs.iter().map(pair).collect()
    }

    /// What a value of this kind is said to be wrong for; empty if it is good.
    fn verdict(kind: &str, value: &str) -> String {
        let recipe = recipe(&format!(
            "[settings.x]\ntype = \"{kind}\"\nhelp = \"h\"\nchoices = [\"red\", \"blue\"]"
        ));
        match Values::resolve(&recipe, &given(&[("x", value)])) {
            Ok(_) => String::new(),
            Err(faults) => faults.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_text_of_the_command_line_becomes_a_value_of_its_type() {
        let recipe = recipe(
            "[settings.port]\ntype = \"port\"\nhelp = \"h\"\n[settings.open]\ntype = \"boolean\"\n\
             default = false\nhelp = \"h\"\n[settings.peers]\ntype = \"list\"\nhelp = \"h\"",
        );
        let given = given(&[("port", "8080"), ("open", "true"), ("peers", "a, b")]);
        let values = Values::resolve(&recipe, &given).expect("good");
        assert_eq!(values.get("port"), Some(&Value::Integer(8080)));
        assert_eq!(values.get("peers"), Some(&Value::List(vec!["a".into(), "b".into()])));
        assert!(values.is_true("open") && !values.is_true("port") && !values.is_true("x"));
        assert_eq!(
            serde_json::to_string(&values).expect("json"),
            r#"{"open":true,"peers":["a","b"],"port":8080}"#
        );
    }

    #[test]
    fn every_kind_refuses_what_is_not_of_it() {
        for (kind, bad) in [
            ("integer", "many"),
            ("port", "0"),
            ("port", "65536"),
            ("boolean", "yes"),
            ("host-name", "Chat.example"),
            ("host-name", "-a.example"),
            ("host-name", "a..b"),
            ("host-name", "10.0.0.1"),
            ("host-name", ""),
            ("path", "srv"),
            ("path", "/srv/../etc"),
            ("choice", "green"),
            ("string", "two\nlines"),
        ] {
            let said = verdict(kind, bad);
            assert!(said.starts_with("settings: `x` takes "), "{kind} {bad}: {said}");
        }
        for (kind, good) in [
            ("integer", "-3"),
            ("port", "65535"),
            ("host-name", "xn--bcher-kva.example"),
            ("host-name", "localhost"),
            ("path", "/srv/data"),
            ("choice", "blue"),
            ("string", "any thing"),
            ("string", ""),
            ("list", ""),
        ] {
            assert_eq!(verdict(kind, good), "", "{kind} {good}");
        }
    }

    #[test]
    fn a_secret_can_never_be_given() {
        let recipe = recipe("[settings.token]\nsecret = true\nhelp = \"h\"");
        let faults = Values::resolve(&recipe, &given(&[("token", "hunter2")])).expect_err("secret");
        let said = faults[0].to_string();
        assert!(said.contains("/etc/chat/secrets/token") && !said.contains("hunter2"), "{said}");
        assert_eq!(Values::resolve(&recipe, &given(&[])).expect("good").iter().count(), 0);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_with_the_nearest_name() {
        let recipe = recipe(
            "[settings.server_name]\ntype = \"host-name\"\nhelp = \"The domain.\"\n\
             [settings.port]\ntype = \"port\"\ndefault = 80\nhelp = \"h\"",
        );
        let given = given(&[("prot", "80"), ("zzz", "1"), ("port", "x")]);
        let faults = Values::resolve(&recipe, &given).expect_err("wrong");
        let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "settings: `prot` is not known; did you mean `port`?",
                "settings: `zzz` is not known; chat has: port, server_name",
                "settings: `port` takes a port, 1 to 65535, here is `x`",
                "settings: `server_name` has to be chosen: The domain.; `--set server_name=…`",
            ]
        );
    }
}
