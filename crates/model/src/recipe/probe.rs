//! `[[checks]]`: what to ask of the installed service.
//!
//! Leaves out the checks that every host answers (`crate::checks`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One question. Exactly one of `http`, `tcp`, `command`, `file`, `unit`, `certificate`, `query`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Check {
    /// A word that says what is asked: `answers`.
    pub name: String,
    /// A URL on the host itself, as a template: `http://127.0.0.1:{{ port }}/health`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// The status expected; 200 if missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// A text that the answer, the output or the file must contain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// `address:port` that must accept a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// A shell command that must exit 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// A path that must be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A unit that must be active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// `address:port` whose certificate must be valid for a fortnight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// A query of the recipe's database whose first value must be true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// How long an answer may take, in seconds; 10 if missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
}
