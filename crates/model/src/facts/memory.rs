//! Memory of the machine and of each unit, pressure, and out-of-memory kills.

use serde::{Deserialize, Serialize};

use crate::reading::Reading;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {}

impl Memory {
    /// The numbers that are worth a history.
    pub(crate) fn readings(&self, _readings: &mut Vec<Reading>) {}
}
