//! What is taken of one service on one host, with the recipe's settings filled in.
//!
//! Leaves out how it is read.

use serde::{Deserialize, Serialize};

use crate::recipe::care::{Database, Keep};

/// Everything that a backup, a restore or a drill needs to know of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The service's name in the plan, as `chat`.
    pub service: String,
    /// The recipe's name and so its package's, as `synapse`.
    pub recipe: String,
    /// The host it runs on, as the plan names it.
    pub host: String,
    pub database: Option<Database>,
    /// Absolute paths of files and folders.
    pub paths: Vec<String>,
    /// Absolute paths or globs that are left out.
    pub exclude: Vec<String>,
    /// Units stopped while files are read, and for how many seconds at most.
    pub quiesce: Vec<String>,
    pub quiesce_seconds: Option<u32>,
    /// The units that run the service, in the recipe's order.
    pub units: Vec<String>,
    pub period_hours: u32,
    pub keep: Keep,
}
