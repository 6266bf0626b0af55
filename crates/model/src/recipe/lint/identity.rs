//! Rules about a recipe's name, version and words.
//!
//! Leaves out the tables.

use crate::recipe::lint::scope::{Scope, is_package};

/// Judges the keys at the top.
pub fn judge(scope: &mut Scope<'_>) {
    let recipe = scope.recipe;
    if !is_package(&recipe.name) || recipe.name.len() > 64 {
        scope.fault(
            "name",
            &format!("`{}` is no name of a Debian package", recipe.name),
            "take two or more of `a–z`, `0–9`, `+`, `-`, `.`, the first a letter or digit",
        );
    }
    version(scope);
    if recipe.revision == 0 {
        scope.fault("revision", "the revision counts from 1", "write `revision = 1`");
    }
    summary(scope);
    if recipe.description.as_ref().is_some_and(|text| text.trim().is_empty()) {
        scope.fault("description", "the description is empty", "leave it out, or say something");
    }
    if let Some(homepage) = &recipe.homepage {
        let rest = homepage.strip_prefix("https://").or(homepage.strip_prefix("http://"));
        if !rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic()))
        {
            let message = format!("`{homepage}` is no web address");
            scope.fault("homepage", &message, "write `https://…`");
        }
    }
    if let Some(license) = &recipe.license {
        let plain = |c: char| c.is_ascii_alphanumeric() || " .-+()".contains(c);
        if license.trim().is_empty() || !license.chars().all(plain) {
            let message = format!("`{license}` is no SPDX expression");
            scope.fault("license", &message, "write as `AGPL-3.0-only` or `MIT OR Apache-2.0`");
        }
    }
}

/// Debian's policy, 5.6.12, without an epoch.
fn version(scope: &mut Scope<'_>) {
    let version = &scope.recipe.version;
    let message = format!("`{version}` is no version as Debian orders them");
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".+-~".contains(&b);
    if version.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    {
        scope.fault("version", &message, &format!("write `{}`", &version[1..]));
    } else if !version.starts_with(|c: char| c.is_ascii_digit()) {
        scope.fault("version", &message, "it begins with a digit");
    } else if version.len() > 128 || !version.bytes().all(plain) {
        let hint = "it takes letters, digits and `.+-~`; `~` comes before all else: `1.0~rc1`";
        scope.fault("version", &message, hint);
    }
}

fn summary(scope: &mut Scope<'_>) {
    let recipe = scope.recipe;
    let summary = recipe.summary.trim();
    if summary.is_empty() {
        scope.fault("summary", "the summary is empty", "say in one line what the service is");
    } else if summary.contains(char::is_control) {
        let hint = "put more into `description`";
        scope.fault("summary", "the summary has more than one line", hint);
    } else if summary.chars().count() > 80 {
        let hint = "put more into `description`";
        scope.fault("summary", "the summary is longer than 80 characters", hint);
    } else {
        if summary.ends_with('.') {
            scope.warn("summary", "the summary ends with a full stop", "leave it out");
        }
        let first = summary.split([' ', ':']).next().unwrap_or_default();
        if first.eq_ignore_ascii_case(&recipe.name) {
            let hint = "lists show the name before it";
            scope.warn("summary", "the summary begins with the package's name", hint);
        }
    }
}
