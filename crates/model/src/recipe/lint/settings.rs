//! Rules about `[settings]`.
//!
//! Leaves out the values that a group chooses.

use crate::recipe::lint::scope::Scope;
use crate::recipe::setting::Kind;
use crate::recipe::template::NAMES;
use crate::recipe::values;

/// Words of the template language.
const WORDS: [&str; 24] = [
    "true",
    "false",
    "none",
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "elif",
    "endif",
    "for",
    "endfor",
    "set",
    "loop",
    "range",
    "dict",
    "namespace",
    "debug",
    "block",
    "raw",
    "filter",
    "self",
];

/// Judges every setting.
pub fn judge(scope: &mut Scope<'_>) {
    let recipe = scope.recipe;
    for (name, setting) in &recipe.settings {
        let key = format!("settings.{name}");
        let first = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if !first || !name.bytes().all(plain) {
            let hint = format!("write `{}`", name.to_lowercase().replace(['-', '.', ' '], "_"));
            let message = format!("the setting `{name}` cannot be named in a template");
            scope.fault(&key, &message, &hint);
        } else if NAMES.contains(&name.as_str()) || WORDS.contains(&name.as_str()) {
            let message = format!("`{name}` has a meaning of its own in templates");
            scope.fault(
                &key,
                &message,
                &format!("call it `{}_{name}`", recipe.name.replace(['-', '.', '+'], "_")),
            );
        }
        let at = |part: &str| format!("{key}.{part}");
        if setting.help.trim().is_empty() {
            let hint = "say in a sentence what it does and what to choose";
            scope.fault(&at("help"), &format!("`{name}` has no help"), hint);
        }
        if setting.secret {
            if setting.default.is_some() {
                let message = format!("the secret `{name}` has a default, which all would know");
                scope.fault(&at("default"), &message, "write `generate = true` to have it made");
            }
        } else if setting.generate {
            let message = format!("`{name}` is no secret, so nothing is made for it");
            scope.fault(&at("generate"), &message, "add `secret = true`");
        }
        match (setting.kind == Kind::Choice, setting.choices.is_empty()) {
            (true, true) => {
                let message = format!("`{name}` is a choice of nothing");
                scope.fault(&at("type"), &message, "add `choices = [\"…\"]`");
            }
            (false, false) => {
                let message = format!("`{name}` has choices but is none");
                scope.fault(&at("choices"), &message, "write `type = \"choice\"`");
            }
            _ => {}
        }
        if let Some(default) = &setting.default
            && let Err(wrong) = values::read(setting, default)
        {
            scope.fault(&at("default"), &format!("the default of `{name}` takes {wrong}"), "");
        }
    }
}
