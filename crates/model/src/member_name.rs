//! The name of a member within their stead.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::host_name::HostName;

/// A member's name: as a [`HostName`], one DNS label, since it names a file and an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MemberName(HostName);

#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no member name: it takes 1 to 63 of a–z, 0–9 and `-`, with no `-` at either end")]
pub struct BadMemberName(String);

impl MemberName {
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The nearest valid name: an account's name made fit for a file name.
    pub fn nearest(text: &str) -> Self {
        Self(HostName::nearest(text))
    }
}

impl FromStr for MemberName {
    type Err = BadMemberName;

    fn from_str(text: &str) -> Result<Self, BadMemberName> {
        text.parse().map(Self).map_err(|_| BadMemberName(crate::text::printable(text, 80)))
    }
}

impl TryFrom<String> for MemberName {
    type Error = BadMemberName;

    fn try_from(text: String) -> Result<Self, BadMemberName> {
        text.parse()
    }
}

impl From<MemberName> for String {
    fn from(name: MemberName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
