//! `[[units]]`: systemd units of the package.
//!
//! Leaves out the vanilla package's units, which `[package] holds` and `restarts` name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A unit, or a drop-in for one. Exactly one of `template`, `copy` and `content`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// With its suffix: `synapse.service`, `synapse-purge.timer`.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The text is a drop-in for the vanilla package's unit of this name; it is neither enabled
    /// nor started by this package, but the unit is restarted.
    #[serde(default)]
    pub drop_in: bool,
    /// Whether it starts at boot; an admin's later `systemctl disable` stays in force.
    #[serde(default = "yes")]
    pub enable: bool,
    /// Whether it starts at installation.
    #[serde(default = "yes")]
    pub start: bool,
    /// What an upgrade does to it.
    #[serde(default)]
    pub on_upgrade: OnUpgrade,
}

/// What an upgrade does to a unit that runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnUpgrade {
    /// Stopped before the new files are there, started after.
    StopStart,
    /// Restarted once the new files are there.
    #[default]
    Restart,
    Reload,
    /// Left running.
    Nothing,
}

fn yes() -> bool {
    true
}
