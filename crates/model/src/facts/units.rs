//! systemd's units and timers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::reading::Reading;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Units {}

impl Units {
    /// What changes seldom, as lines `key = value`.
    pub(crate) fn lines(&self, _lines: &mut BTreeMap<String, String>) {}

    /// The numbers that are worth a history.
    pub(crate) fn readings(&self, _readings: &mut Vec<Reading>) {}
}
