//! The name of a host within its stead.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A host's name: one DNS label as RFC 1123 has it, lower case, 1 to 63 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no host name: it takes 1 to 63 of a–z, 0–9 and `-`, with no `-` at either end")]
pub struct BadHostName(String);

impl HostName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest valid name: what a machine calls itself, made fit for a file name.
    pub fn nearest(text: &str) -> Self {
        let label = text.split('.').next().unwrap_or_default().to_lowercase();
        let mut name: String =
            label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        name.truncate(63);
        let name = name.trim_matches('-');
        Self(if name.is_empty() { "host".to_owned() } else { name.to_owned() })
    }
}

impl FromStr for HostName {
    type Err = BadHostName;

    fn from_str(text: &str) -> Result<Self, BadHostName> {
        let well = !text.is_empty()
            && text.len() <= 63
            && !text.starts_with('-')
            && !text.ends_with('-')
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if well {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadHostName(crate::text::printable(text, 80)))
        }
    }
}

impl TryFrom<String> for HostName {
    type Error = BadHostName;

    fn try_from(text: String) -> Result<Self, BadHostName> {
        text.parse()
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_label_is_refused() {
        for bad in ["", "-a", "a-", "A", "a.b", "a/b", "ä", &"a".repeat(64)] {
            assert!(bad.parse::<HostName>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_nearest_name_is_valid(text in any::<String>()) {
            let name = HostName::nearest(&text);
            prop_assert!(name.as_str().parse::<HostName>().is_ok());
        }
    }
}
