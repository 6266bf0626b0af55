//! Holds a TOML document against its type's schema: unknown keys, missing keys, wrong types.
//!
//! Leaves out what the values mean.

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::recipe::fault::Fault;
use crate::recipe::lines::{Lines, below};
use crate::recipe::nearest::nearest;
use crate::text::printable;

/// Everything in the document that the schema does not allow.
pub(crate) fn faults(document: &DeTable<'_>, lines: &Lines, schema: &Value) -> Vec<Fault> {
    let mut shape = Shape { schema, lines, faults: Vec::new() };
    shape.table(document, schema, "");
    shape.faults
}

struct Shape<'a> {
    schema: &'a Value,
    lines: &'a Lines,
    faults: Vec<Fault>,
}

impl<'a> Shape<'a> {
    /// Follows a reference, and takes what an optional key has besides nothing.
    fn resolve(&self, node: &'a Value) -> &'a Value {
        let mut node = node;
        // A schema of references to itself would have no end; this one is two deep.
        for _ in 0..8 {
            if let Some(name) = node["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
                node = &self.schema["$defs"][name];
            } else if let Some(some) = node["anyOf"].as_array().and_then(|all| {
                all.iter().find(|one| one["type"] != "null").filter(|_| all.len() == 2)
            }) {
                node = some;
            }
        }
        node
    }

    fn table(&mut self, table: &DeTable<'_>, node: &'a Value, path: &str) {
        let known = node["properties"].as_object();
        for (key, value) in table {
            let name = key.get_ref();
            let at = below(path, name);
            match known.and_then(|known| known.get(name.as_ref())) {
                Some(node) => self.value(value, node, &at),
                None if node["additionalProperties"].is_object() => {
                    self.value(value, &node["additionalProperties"], &at);
                }
                // Its keys and values are another file's to judge.
                None if node["additionalProperties"] == true => {}
                None => self.unknown(node, path, name, &at),
            }
        }
        for name in node["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !table.iter().any(|(key, _)| key.get_ref() == name) {
                self.missing(node, path, name);
            }
        }
    }

    fn unknown(&mut self, node: &Value, path: &str, name: &str, at: &str) {
        let shown = printable(name, 60);
        let fault = if path.is_empty() {
            self.lines.fault(at, &format!("unknown key `{shown}`"))
        } else {
            self.lines.fault(at, &format!("unknown key `{shown}` in {}", title(path)))
        };
        let known = || node["properties"].as_object().into_iter().flat_map(|known| known.keys());
        let hint = if let Some(meant) = nearest(name, known().map(String::as_str)) {
            format!("did you mean `{meant}`?")
        } else if let Some(owner) = self.owner(name, path) {
            format!("it belongs {owner}")
        } else {
            let known: Vec<String> = known().map(|key| format!("`{key}`")).collect();
            format!("known here: {}", known.join(", "))
        };
        self.faults.push(fault.hint(&hint));
    }

    /// Which other table has a key of this name.
    fn owner(&self, name: &str, path: &str) -> Option<String> {
        let top = self.schema["properties"].as_object()?;
        if !path.is_empty() && top.contains_key(name) {
            return Some("at the top, above the first `[table]`".to_owned());
        }
        top.iter().find_map(|(table, node)| {
            let node = self.resolve(node);
            let (node, header) = if node["type"] == "array" {
                (self.resolve(&node["items"]), format!("under `[[{table}]]`"))
            } else {
                (node, format!("under `[{table}]`"))
            };
            node["properties"].get(name).map(|_| header)
        })
    }

    fn missing(&mut self, node: &'a Value, path: &str, name: &str) {
        let wanted = &node["properties"][name];
        let found = self.resolve(wanted);
        let table = found["type"] == "object";
        let (shown, example) = if table {
            (format!("`[{}]`", below(path, name)), format!("add `[{}]`", below(path, name)))
        } else {
            (format!("`{name}`"), format!("add `{name} = {}`", example(found)))
        };
        let message = if path.is_empty() {
            format!("{shown} is missing")
        } else {
            format!("{shown} is missing in {}", title(path))
        };
        let said = wanted["description"].as_str().or(found["description"].as_str());
        let hint = match said.map(|said| said.replace('\n', " ")) {
            Some(said) => {
                let sentence = said.split(". ").next().unwrap_or(&said);
                format!("{example}: {}", sentence.trim_end_matches('.'))
            }
            None => example,
        };
        self.faults.push(self.lines.fault(path, &message).hint(&hint));
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, node: &'a Value, at: &str) {
        let mut node = self.resolve(node);
        if let (Some((tag, kinds)), DeValue::Table(table)) = (tagged(node), value.get_ref()) {
            match self.kind_of(table, tag, &kinds, at) {
                Some(kind) => node = kind,
                None => return,
            }
        }
        let Some(kind) = kind(node) else { return };
        match (kind, value.get_ref()) {
            ("object", DeValue::Table(table)) => self.table(table, node, at),
            ("array", DeValue::Array(array)) => {
                for (number, element) in array.iter().enumerate() {
                    self.value(element, &node["items"], &format!("{at}[{number}]"));
                }
            }
            ("string", DeValue::String(text)) => self.word(text, node, at),
            ("integer", DeValue::Integer(number)) => {
                let read = i64::from_str_radix(number.as_str(), number.radix()).ok();
                let least = node["minimum"].as_i64().unwrap_or(i64::MIN);
                let most = node["maximum"].as_i64().unwrap_or(i64::from(u32::MAX));
                if !read.is_some_and(|read| (least..=most).contains(&read)) {
                    let message =
                        format!("{} takes a whole number from {least} to {most}", name(at));
                    self.faults.push(self.lines.fault(at, &message));
                }
            }
            ("boolean", DeValue::Boolean(_)) => {}
            (_, found) => {
                let message =
                    format!("{} takes {}, here is {}", name(at), expected(node), here(found));
                let fault = self.lines.fault(at, &message);
                self.faults.push(match mend(node, found, at) {
                    Some(hint) => fault.hint(&hint),
                    None => fault,
                });
            }
        }
    }

    /// Which of a table's kinds is written, by its tag.
    fn kind_of(
        &mut self,
        table: &DeTable<'_>,
        tag: &str,
        kinds: &[(&'a str, &'a Value)],
        at: &str,
    ) -> Option<&'a Value> {
        let words: Vec<&str> = kinds.iter().map(|(word, _)| *word).collect();
        let listed = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let written = table.iter().find(|(key, _)| key.get_ref() == tag);
        let fault = match written.map(|(_, value)| value.get_ref()) {
            Some(DeValue::String(text)) => {
                if let Some((_, node)) = kinds.iter().find(|(word, _)| word == text) {
                    return Some(node);
                }
                let tag_at = below(at, tag);
                let shown = printable(text, 60);
                let message = format!("{} is `{shown}`, not one of {listed}", name(&tag_at));
                let fault = self.lines.fault(&tag_at, &message);
                match nearest(text, words.iter().copied()) {
                    Some(meant) => fault.hint(&format!("did you mean `{meant}`?")),
                    None => fault,
                }
            }
            Some(_) => {
                let tag_at = below(at, tag);
                let message = format!("{} takes one of {listed}", name(&tag_at));
                self.lines.fault(&tag_at, &message)
            }
            None => self
                .lines
                .fault(at, &format!("`{tag}` is missing in {}", title(at)))
                .hint(&format!("add `{tag} = …`, one of {listed}")),
        };
        self.faults.push(fault);
        None
    }

    /// A text that must be one of some words.
    fn word(&mut self, text: &str, node: &Value, at: &str) {
        let choices = choices(node);
        if choices.is_empty() || choices.contains(&text) {
            return;
        }
        let shown = printable(text, 60);
        let fault =
            self.lines.fault(at, &format!("{} is `{shown}`, not {}", name(at), expected(node)));
        self.faults.push(match nearest(text, choices) {
            Some(meant) => fault.hint(&format!("did you mean `{meant}`?")),
            None => fault,
        });
    }
}

/// The tag that tells a table's kinds apart, and each kind by its tag's word.
fn tagged(node: &Value) -> Option<(&str, Vec<(&str, &Value)>)> {
    let kinds = node["oneOf"].as_array()?;
    let is_word = |kind: &Value, tag: &str| kind["properties"][tag]["const"].is_string();
    let tags = kinds.first()?["properties"].as_object()?;
    let tag = tags.keys().find(|tag| kinds.iter().all(|kind| is_word(kind, tag)))?;
    let kinds = kinds.iter();
    let kinds = kinds.filter_map(|kind| Some((kind["properties"][tag]["const"].as_str()?, kind)));
    Some((tag, kinds.collect()))
}

/// What kind of value a node wants; `None` if any.
fn kind(node: &Value) -> Option<&str> {
    match &node["type"] {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ if !choices(node).is_empty() => Some("string"),
        _ => None,
    }
}

/// The words a node allows; none if any text.
fn choices(node: &Value) -> Vec<&str> {
    let list = |key: &str| node[key].as_array().into_iter().flatten();
    let plain = list("enum").filter_map(Value::as_str);
    plain
        .chain(list("oneOf").flat_map(|one| {
            let many = one["enum"].as_array().into_iter().flatten();
            std::iter::once(&one["const"]).chain(many).filter_map(Value::as_str)
        }))
        .collect()
}

fn expected(node: &Value) -> String {
    let choices: Vec<String> = choices(node).iter().map(|word| format!("`{word}`")).collect();
    match kind(node) {
        _ if !choices.is_empty() => format!("one of {}", choices.join(", ")),
        Some("string") => "a text in quotes".to_owned(),
        Some("integer") => "a whole number".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        Some("array") if node["items"]["type"] == "string" => "a list of texts".to_owned(),
        Some("array") => "a list of tables".to_owned(),
        _ => "a table".to_owned(),
    }
}

const fn here(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// How the value should have been written.
fn mend(node: &Value, found: &DeValue<'_>, at: &str) -> Option<String> {
    let key = at.rsplit('.').next().unwrap_or(at);
    match (kind(node)?, found) {
        ("string", DeValue::Integer(number)) => Some(format!("write `\"{}\"`", number.as_str())),
        ("string", DeValue::Float(number)) => Some(format!("write `\"{}\"`", number.as_str())),
        ("integer", DeValue::String(text)) if text.parse::<u32>().is_ok() => {
            Some(format!("write `{text}` without quotes"))
        }
        ("boolean", DeValue::String(text)) if ["true", "false"].contains(&text.as_ref()) => {
            Some(format!("write `{text}` without quotes"))
        }
        ("array", DeValue::String(text)) => Some(format!("write `[\"{text}\"]`")),
        ("array", DeValue::Table(_)) => Some(format!("write `[[{key}]]`")),
        ("object", DeValue::Array(_)) => Some(format!("write `[{key}]`")),
        _ => None,
    }
}

fn example(node: &Value) -> String {
    match (kind(node), choices(node).first()) {
        (_, Some(word)) => format!("\"{word}\""),
        (Some("integer"), _) => "1".to_owned(),
        (Some("boolean"), _) => "true".to_owned(),
        (Some("array"), _) => "[]".to_owned(),
        _ => "\"…\"".to_owned(),
    }
}

/// A key in words: `units[0].name` is "`name` of the 1st `[[units]]`" to nobody's use, so it stays
/// a path.
fn name(at: &str) -> String {
    format!("`{}`", printable(at, 80))
}

/// A table as its header stands in the file.
fn title(path: &str) -> String {
    let path = printable(path, 80);
    match path.split_once('[') {
        Some((list, rest)) if rest.ends_with(']') => format!("`[[{list}]]`"),
        _ => format!("`[{path}]`"),
    }
}
