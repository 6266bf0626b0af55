//! Fills a recipe's settings into its texts.
//!
//! Leaves out where the texts come from and where they go.

use std::io::Write;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, context};
use thiserror::Error;

use crate::recipe::definition::Recipe;
use crate::recipe::fault::Fault;
use crate::recipe::nearest::nearest;
use crate::recipe::values::{self, Values, secret_path};

/// The longest text that a template may become, in bytes.
const LONGEST: usize = 4 * 1024 * 1024;
/// How many steps a template may take.
const FUEL: u64 = 500_000;

/// The names that every template sees besides the settings: `name`, `version`, `user` (root if the
/// recipe has none), `home`, `into` (where the source goes), `python` (for a Python source, as
/// `3.11`), and `secrets.<name>`, the path of the file that holds a secret.
pub const NAMES: [&str; 7] = ["name", "version", "user", "home", "into", "python", "secrets"];

/// Why a template cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}{}", hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
pub struct Error {
    /// Counted from 1 in the template's text.
    pub line: u32,
    pub message: String,
    pub hint: Option<String>,
}

impl Error {
    /// The fault in a file whose line `first` is the template's first.
    pub fn fault(&self, file: &str, first: u32) -> Fault {
        let line = first.saturating_add(self.line.saturating_sub(1));
        let fault = Fault::new(file, line, 1, &self.message);
        match &self.hint {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    }
}

/// Fills in `{{ setting }}`, in Jinja's language. A name that is not known is an error, wherever
/// in the text it stands. Lines that hold nothing but a `{% … %}` vanish.
///
/// Besides Jinja's filters there are `json` (a quoted text for JSON, YAML and TOML) and `shell` (a
/// word of a POSIX shell).
///
/// # Errors
/// What is wrong and in which line of the text.
pub fn render(text: &str, recipe: &Recipe, values: &Values) -> Result<String, Error> {
    filled_in(text, recipe, values).map_err(|error| {
        // What is missing at the end is missed in the last line, not behind it.
        let last = u32::try_from(text.lines().count()).unwrap_or(u32::MAX).max(1);
        Error { line: error.line.min(last), ..error }
    })
}

fn filled_in(text: &str, recipe: &Recipe, values: &Values) -> Result<String, Error> {
    if text.len() > LONGEST {
        return Err(plain(1, "the template is too long"));
    }
    let environment = environment();
    let template = environment.template_from_str(text).map_err(|error| told(&error))?;
    let secrets = || recipe.settings.iter().filter(|(_, setting)| setting.secret);
    let mut unknown: Vec<String> = template
        .undeclared_variables(true)
        .into_iter()
        .filter(|name| {
            let root = name.split('.').next().unwrap_or(name);
            match name.strip_prefix("secrets.") {
                Some(secret) => !secrets().any(|(known, _)| known == secret),
                None => {
                    values.get(root).is_none()
                        && (!NAMES.contains(&root)
                            || root == "python" && recipe.source.python.is_none())
                        && environment.globals().all(|(global, _)| global != root)
                }
            }
        })
        .collect();
    unknown.sort_by_key(|name| (line_of(text, name), name.clone()));
    if let Some(name) = unknown.first() {
        return Err(strange(text, name, recipe));
    }
    let places = secrets().map(|(name, _)| (name.as_str(), secret_path(recipe, name)));
    let fixed = context! {
        name => recipe.name.as_str(),
        version => recipe.version.as_str(),
        user => recipe.package.user.as_deref().unwrap_or("root"),
        home => recipe.home(),
        into => recipe.into_path(),
        python => recipe.source.python.as_deref(),
        secrets => places.collect::<std::collections::BTreeMap<_, _>>(),
    };
    let chosen = Value::from_pairs(values.iter().map(|(name, value)| (name, filled(value))));
    let mut out = Capped { text: Vec::new() };
    template
        .render_captured_to(context! { ..fixed, ..chosen }, &mut out)
        .map_err(|error| told(&error))?;
    String::from_utf8(out.text).map_err(|_| plain(1, "the template makes no text"))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build();
    environment.set_syntax(syntax.expect("the usual marks"));
    // These make as many blanks as they are told to.
    for filter in ["indent", "format"] {
        environment.remove_filter(filter);
    }
    environment.add_filter("json", |value: Value| {
        serde_json::to_string(&value)
            .map_err(|error| minijinja::Error::new(ErrorKind::BadSerialization, error.to_string()))
    });
    environment.add_filter("shell", |text: String| format!("'{}'", text.replace('\'', "'\\''")));
    environment
}

fn filled(value: &values::Value) -> Value {
    match value {
        values::Value::Text(text) => Value::from(text.as_str()),
        values::Value::Integer(number) => Value::from(*number),
        values::Value::Boolean(truth) => Value::from(*truth),
        values::Value::List(texts) => {
            Value::from(texts.iter().map(|text| Value::from(text.as_str())).collect::<Vec<_>>())
        }
    }
}

/// Takes only so much.
struct Capped {
    text: Vec<u8>,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.text.len() + bytes.len() > LONGEST {
            return Err(std::io::Error::other("the template becomes too long"));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn plain(line: u32, message: &str) -> Error {
    Error { line, message: message.to_owned(), hint: None }
}

fn told(error: &minijinja::Error) -> Error {
    let line = error.line().and_then(|line| u32::try_from(line).ok()).unwrap_or(1);
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let message = match (error.detail(), cause) {
        (Some(detail), None) => format!("the template does not render: {detail}"),
        (_, Some(cause)) => format!("the template does not render: {cause}"),
        (None, None) => format!("the template does not render: {}", error.kind()),
    };
    plain(line, &message)
}

fn strange(text: &str, name: &str, recipe: &Recipe) -> Error {
    let root = name.split('.').next().unwrap_or(name);
    let secret = recipe.settings.get(root).is_some_and(|setting| setting.secret);
    let known = || recipe.settings.keys().map(String::as_str).chain(NAMES);
    let hint = if secret {
        format!("`{root}` is a secret: `secrets.{root}` is the path of its file")
    } else if let Some(wanted) = name.strip_prefix("secrets.") {
        let secrets = recipe.settings.iter().filter(|(_, setting)| setting.secret);
        match nearest(wanted, secrets.map(|(name, _)| name.as_str())) {
            Some(meant) => format!("did you mean `secrets.{meant}`?"),
            None => format!("add `[settings.{wanted}]` with `secret = true`"),
        }
    } else {
        match nearest(root, known()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("add `[settings.{root}]`"),
        }
    };
    let shown = if root == "secrets" { name } else { root };
    Error {
        line: line_of(text, name),
        message: format!("the template uses `{shown}`, which no setting is"),
        hint: Some(hint),
    }
}

/// The first line that has the name within a template's marks, else the first that has it.
fn line_of(text: &str, name: &str) -> u32 {
    let marked = |line: &&str| line.contains("{{") || line.contains("{%");
    let found = text
        .lines()
        .position(|line| marked(&line) && has_word(line, name))
        .or_else(|| text.lines().position(|line| has_word(line, name)));
    found.and_then(|line| u32::try_from(line).ok()).map_or(1, |line| line + 1)
}

/// Whether a text has this name as a word of its own.
pub fn has_word(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        !text[..at].ends_with(word) && !text[at + name.len()..].starts_with(word)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn recipe() -> Recipe {
        let text = r#"
name = "chat"
summary = "a"
version = "1.2"
[source]
debian = "a"
[package]
user = "talker"
[settings.port]
type = "port"
default = 80
help = "h"
[settings.open]
type = "boolean"
default = false
help = "h"
[settings.peers]
type = "list"
default = ["a'b", "c"]
help = "h"
[settings.token]
secret = true
help = "h"
"#;
        toml::from_str(text).expect("valid")
    }

    fn rendered(text: &str) -> Result<String, Error> {
        let recipe = recipe();
        render(text, &recipe, &Values::resolve(&recipe, &BTreeMap::new()).expect("good"))
    }

    #[test]
    fn settings_names_and_secret_paths_are_filled_in() {
        let text = "port {{ port }}\n{% if open %}\nopen\n{% endif %}\n{{ name }} {{ version }} \
                    {{ user }} {{ home }} {{ into }} {{ secrets.token }}\n{% for peer in peers %}\n\
                    {{ peer | shell }} {{ peer | json }}\n{% endfor %}\nend\n";
        assert_eq!(
            rendered(text).expect("good"),
            "port 80\nchat 1.2 talker /var/lib/chat /usr/lib/chat /etc/chat/secrets/token\n\
             'a'\\''b' \"a'b\"\n'c' \"c\"\nend\n"
        );
    }

    #[test]
    fn a_strange_name_is_told_with_its_line_even_where_it_is_not_reached() {
        let said = |text: &str| {
            let error = rendered(text).expect_err("wrong");
            error.fault("a.conf", 1).to_string()
        };
        assert_eq!(
            said("port\n{% if open %}{{ prot }}{% endif %}"),
            "a.conf:2: the template uses `prot`, which no setting is; did you mean `port`?"
        );
        assert_eq!(
            said("\n\n{{ token }}"),
            "a.conf:3: the template uses `token`, which no setting is; `token` is a secret: \
             `secrets.token` is the path of its file"
        );
        assert_eq!(
            said("{{ secrets.tokn }}"),
            "a.conf:1: the template uses `secrets.tokn`, which no setting is; did you mean \
             `secrets.token`?"
        );
        let said = said("a\n{{ port | nofilter }}");
        assert!(said.starts_with("a.conf:2: the template does not render"), "{said}");
    }

    #[test]
    fn a_template_without_end_is_ended() {
        let many = "{% for a in range(9999) %}".repeat(4);
        let text = format!("{many}{{{{ name }}}}{}", "{% endfor %}".repeat(4));
        let error = rendered(&text).expect_err("endless");
        assert!(error.message.contains("fuel"), "{error}");
        let loud = format!("{{% for a in range(9999) %}}{}{{% endfor %}}", "x".repeat(1000));
        let error = rendered(&loud).expect_err("long");
        assert!(error.message.contains("too long"), "{error}");
    }
}
