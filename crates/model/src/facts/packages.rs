//! Debian packages: their state, their files, and what waits for a reboot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Packages {}

impl Packages {
    /// What changes seldom, as lines `key = value`.
    pub(crate) fn lines(&self, _lines: &mut BTreeMap<String, String>) {}
}
