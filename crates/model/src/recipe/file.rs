//! `[[files]]`: a file of the package that the recipe itself brings.
//!
//! Leaves out what comes with the source.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One file. Exactly one of `template`, `copy`, `content` and `link` says what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where it goes, absolute.
    pub path: String,
    /// A file of the recipe's folder in which `{{ setting }}` is filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// A file or folder of the recipe's folder, taken as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
    /// The text itself, filled in as a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// A symbolic link to this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// root if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Octal; `"0644"` if missing, `"0755"` under a `bin` or `sbin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Whether a hand edit outlives upgrades; by default what lies under `/etc` and is no link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conffile: Option<bool>,
    /// Takes the place of the vanilla package's file of this path (dpkg-divert); removal puts that
    /// one back.
    #[serde(default)]
    pub diverts: bool,
    /// Left out unless this setting is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}
