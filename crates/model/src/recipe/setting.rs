//! `[settings.<name>]`: what a group may choose, and the values it chose.
//!
//! Leaves out where the values come from (the plan, the command line).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that may be chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    #[serde(rename = "type", default)]
    pub kind: Kind,
    /// Required if there is no default and it is no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub default: Option<toml::Value>,
    /// One sentence for who has to choose.
    pub help: String,
    /// For `type = "choice"`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Never in a package, in the plan outside of `secrets/`, in argv or in a log. The host keeps
    /// it in a file of mode 0640, root and the recipe's group: `/etc/<name>/secrets/<setting>`.
    /// Templates get that path as `secrets.<setting>`, never the value.
    #[serde(default)]
    pub secret: bool,
    /// For a secret: made of 32 random bytes (hexadecimal) at the first installation, and kept.
    #[serde(default)]
    pub generate: bool,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    #[default]
    String,
    Integer,
    Boolean,
    Port,
    /// A name as DNS has it.
    HostName,
    /// Absolute.
    Path,
    Choice,
    /// A list of strings.
    List,
}
