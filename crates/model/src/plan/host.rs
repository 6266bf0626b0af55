//! `hosts/<name>.toml`: a host and what is expected of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cidr::Cidr;
use crate::host_name::HostName;
use crate::plan::drill::DrillPlan;
use crate::plan::error::Error;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostPlan {
    /// As the file's name has it.
    pub name: HostName,
    #[serde(default)]
    pub tier: Option<String>,
    /// How members reach it.
    #[serde(default)]
    pub address: Option<String>,
    /// What may listen; `None` means that nobody has said yet, which is not the same as nothing.
    #[serde(default)]
    pub listen: Option<Vec<Listen>>,
    /// Networks in CIDR form that count as private: a database may be reachable from there.
    #[serde(default)]
    pub private_networks: Vec<Cidr>,
    /// Files that only some may read.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    #[serde(default)]
    pub certificates: Vec<Certificate>,
    #[serde(default)]
    pub maintenance: Vec<Maintenance>,
    #[serde(default)]
    pub backups: Vec<Backup>,
    #[serde(default)]
    pub postgres: PostgresLimits,
    /// What `services/*.toml` expect of this host; never in its own file.
    #[serde(skip)]
    pub services: Vec<Expected>,
    /// Services of other hosts that this one drills; never in its own file.
    #[serde(skip)]
    pub drills: Vec<Expected>,
    /// What of `services/*.toml` could not be read, a line each.
    #[serde(skip)]
    pub unread: Vec<String>,
}

/// A service that the plan places on this host, as far as it keeps data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub service: String,
    /// Names of the targets that are to hold its backups.
    pub targets: Vec<String>,
    pub period_hours: u32,
    pub drill: DrillPlan,
}

/// A port that may be reached from other machines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    pub port: u16,
    #[serde(default)]
    pub protocol: Protocol,
    /// The process expected there, as `ss -p` names it; any, if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A file that only some may read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    pub path: String,
    /// The widest mode allowed, octal, as `"0640"`; `"0600"` if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// A certificate, where it lies and where it is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The PEM file on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `address:port` on this machine where it is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<String>,
    /// The name asked for in the handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A file whose presence means maintenance, and how long that may last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    pub flag: String,
    pub window_minutes: u32,
}

/// A backup that should happen, and the artefact that proves it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    pub service: String,
    /// How often, in hours.
    pub period_hours: u32,
    /// The file that a backup writes after its snapshot was read back; its age is the evidence.
    pub evidence: String,
}

/// How long PostgreSQL's clients may take, in seconds, before it is worth a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PostgresLimits {
    /// A transaction or query this old is a warning.
    pub query_warn_seconds: u32,
    /// A transaction or query this old is a failure.
    pub query_fail_seconds: u32,
    /// A transaction that has been idle for this long is a failure.
    pub idle_in_transaction_seconds: u32,
    /// A query that has waited for another's lock for this long is a failure.
    pub blocked_seconds: u32,
}

impl PostgresLimits {
    /// What holds where the plan says nothing.
    pub const USUAL: Self = Self {
        query_warn_seconds: 300,
        query_fail_seconds: 1800,
        idle_in_transaction_seconds: 300,
        blocked_seconds: 30,
    };
}

impl Default for PostgresLimits {
    fn default() -> Self {
        Self::USUAL
    }
}

impl HostPlan {
    /// Where it stands in the plan's folder.
    pub fn file(name: &HostName) -> String {
        format!("hosts/{name}.toml")
    }

    /// A host of which nothing but its name is known.
    pub const fn new(name: HostName) -> Self {
        Self {
            name,
            tier: None,
            address: None,
            listen: None,
            private_networks: Vec::new(),
            secrets: Vec::new(),
            certificates: Vec::new(),
            maintenance: Vec::new(),
            backups: Vec::new(),
            postgres: PostgresLimits::USUAL,
            services: Vec::new(),
            drills: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// Reads the text of `hosts/<name>.toml`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(toml::from_str(text)?)
    }
}
