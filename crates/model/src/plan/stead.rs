//! `stead.toml`: the stead's name, tiers and retention.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::member_name::MemberName;
use crate::plan::error::Error;
use crate::text::printable;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SteadPlan {
    /// What its members call it.
    pub name: String,
    /// 32 hexadecimal digits, made once: keys and record outside this folder are found by it.
    pub id: SteadId,
    /// Groups of hosts with who may change them.
    #[serde(default)]
    pub tiers: BTreeMap<String, Tier>,
    #[serde(default)]
    pub retention: Retention,
}

/// Who may change the hosts of a tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// How many members must approve a change.
    pub approvals: u8,
    /// Their names; empty means all members.
    #[serde(default)]
    pub members: Vec<MemberName>,
}

/// How long the record keeps what it can do without, in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Readings by the hour; after that by the day.
    pub hourly_days: u16,
    /// Readings by the day; after that none.
    pub daily_days: u16,
}

impl Default for Retention {
    fn default() -> Self {
        Self { hourly_days: 30, daily_days: 730 }
    }
}

/// The stead's id: 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SteadId(String);

impl SteadId {
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SteadId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let well = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if well {
            Ok(Self(text))
        } else {
            Err("a stead's id is 32 digits of 0–9 and a–f".to_owned())
        }
    }
}

impl From<SteadId> for String {
    fn from(id: SteadId) -> Self {
        id.0
    }
}

impl SteadPlan {
    /// Where it stands in the plan's folder.
    pub const FILE: &str = "stead.toml";

    /// Reads the file's text. What could harm a terminal in the name is escaped.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut plan: Self = toml::from_str(text)?;
        plan.name = printable(&plan.name, 100);
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steads_name_cannot_harm_a_terminal() {
        let id = "0".repeat(32);
        let text = format!("name = \"\\u001b[31mred\\n\"\nid = \"{id}\"\n");
        let plan = SteadPlan::parse(&text).expect("valid");
        assert_eq!(plan.name, "\\u{1b}[31mred\\n");
    }
}
