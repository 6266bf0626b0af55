//! `recipe.toml`: the whole file.
//!
//! Leaves out reading it with good errors and judging it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::recipe::care::{Backup, Database, Drill, Maintenance, Upgrade};
use crate::recipe::file::File;
use crate::recipe::packaging::Packaging;
use crate::recipe::probe::Check;
use crate::recipe::setting::Setting;
use crate::recipe::source::Source;
use crate::recipe::unit::Unit;

/// How one service is built, installed, checked, backed up, upgraded and removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The service's and the package's name, as Debian allows it: `ssb-pub`.
    pub name: String,
    /// One line, without the name and without a full stop.
    pub summary: String,
    /// Some sentences for a newcomer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The upstream version; the package's is `version-revision`.
    pub version: String,
    /// Counts up when the recipe changes and the upstream version does not.
    #[serde(default = "one")]
    pub revision: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// An SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    pub source: Source,
    #[serde(default)]
    pub package: Packaging,
    /// What a group may choose; templates see them by these names.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
    #[serde(default)]
    pub files: Vec<File>,
    #[serde(default)]
    pub units: Vec<Unit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<Backup>,
    #[serde(default)]
    pub checks: Vec<Check>,
    #[serde(default)]
    pub upgrade: Upgrade,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Maintenance>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<Drill>,
}

impl Recipe {
    /// The home of the recipe's user.
    pub fn home(&self) -> String {
        self.package.home.clone().unwrap_or_else(|| format!("/var/lib/{}", self.name))
    }

    /// Where the source's tree goes.
    pub fn into_path(&self) -> String {
        self.source.into.clone().unwrap_or_else(|| format!("/usr/lib/{}", self.name))
    }

    /// The package's version: `version-revision`.
    pub fn package_version(&self) -> String {
        format!("{}-{}", self.version, self.revision)
    }
}

fn one() -> u32 {
    1
}
