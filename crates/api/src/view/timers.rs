//! The timers of one host, and what they start.

use jiff::Timestamp;
use model::facts::units;
use model::host_name::HostName;
use model::seen::Seen;
use serde::{Deserialize, Serialize};

use crate::view::standing::Standing;

/// Timers as the last observation saw them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timers {
    /// When this was answered.
    pub at: Timestamp,
    pub host: HostName,
    /// The label of the observation; `None` when there was none.
    pub seen: Option<Timestamp>,
    pub units: Seen<units::Units>,
    /// The findings whose subject is one of the timers.
    pub standings: Vec<Standing>,
}
