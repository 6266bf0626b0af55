//! `members/<name>.toml`: a person, their roles and their devices.

use serde::{Deserialize, Serialize};

use crate::member_name::MemberName;
use crate::plan::error::Error;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberPlan {
    /// As the file's name has it.
    pub name: MemberName,
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub devices: Vec<Device>,
}

/// A key of a member's on one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The machine it is on.
    pub name: String,
    /// An Ed25519 public key, 64 hexadecimal digits.
    pub key: String,
}

impl MemberPlan {
    /// Where it stands in the plan's folder.
    pub fn file(name: &MemberName) -> String {
        format!("members/{name}.toml")
    }

    /// Reads the text of `members/<name>.toml`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(toml::from_str(text)?)
    }
}
