//! `[drill]` of a service's file: how often its backups are drilled, and where.
//!
//! Leaves out what a drill asks, which is the recipe's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::host_name::HostName;

/// A drill is red evidence when it is so many periods old: one may be missed.
const WORTH: i64 = 2;

/// When drills are made, and by which host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrillPlan {
    /// Days between two drills of the service, 1 to 365; its targets take turns.
    #[serde(default = "week")]
    pub every_days: u32,
    /// The host of the plan that drills; the service's own if missing.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub on: Option<HostName>,
}

impl DrillPlan {
    /// For how long a drill that passed is worth something, in seconds.
    pub fn worth(&self) -> i64 {
        i64::from(self.every_days) * 86_400 * WORTH
    }
}

impl Default for DrillPlan {
    fn default() -> Self {
        Self { every_days: week(), on: None }
    }
}

fn week() -> u32 {
    7
}
