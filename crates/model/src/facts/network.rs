//! Listening sockets in every network namespace.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Network {}

impl Network {
    /// What changes seldom, as lines `key = value`.
    pub(crate) fn lines(&self, _lines: &mut BTreeMap<String, String>) {}
}
