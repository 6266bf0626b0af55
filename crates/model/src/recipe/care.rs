//! `[database]`, `[backup]`, `[upgrade]`, `[maintenance]`, `[drill]`: how the service's data is
//! taken care of.
//!
//! Leaves out doing it: the rooms `backup` and `host` read these.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The service's database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub engine: Engine,
    /// For PostgreSQL the database's name, for SQLite the file's absolute path.
    pub name: String,
    /// PostgreSQL: the role that owns it; the recipe's user if missing. It logs in over the local
    /// socket as the system user of the same name, so that there is no password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// PostgreSQL: `C` if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// PostgreSQL: extensions made with the database.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
    /// Tables that a restore must bring back with rows, `schema.table` or `table`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    Postgresql,
    Sqlite,
}

/// What a backup takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// Absolute paths; the database is taken besides.
    #[serde(default)]
    pub paths: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Units stopped while files are read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quiesce: Vec<String>,
    /// The longest they may be stopped, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiesce_seconds: Option<u32>,
    /// How often, in hours.
    #[serde(default = "day")]
    pub period_hours: u32,
    #[serde(default)]
    pub keep: Keep,
}

/// How many of each are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    pub hourly: u32,
    pub daily: u32,
    pub weekly: u32,
    pub monthly: u32,
    pub yearly: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self { hourly: 0, daily: 7, weekly: 5, monthly: 12, yearly: 3 }
    }
}

/// What an upgrade means for the data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Upgrade {
    pub migrations: Migrations,
    /// Commands between the new files and the start, as the recipe's user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// How long the old version is kept ready, in hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soak_hours: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Migrations {
    /// The data has the same shape.
    None,
    /// The old version can use the new shape.
    Compatible,
    /// A rollback has to bring the old data back.
    #[default]
    RestoreNeeded,
}

/// How visitors are told that the service rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// A file whose presence makes the service (or its proxy) show the notice.
    pub flag: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

/// What must hold for a restored copy, without any network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Drill {
    /// Names of this recipe's checks.
    pub checks: Vec<String>,
    /// Commands run in the copy before the service starts: mail, federation and object storage
    /// off.
    pub prepare: Vec<String>,
    /// Commands that must exit 0 in the copy.
    pub assertions: Vec<String>,
}

fn day() -> u32 {
    24
}
