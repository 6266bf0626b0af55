//! All that a check may look at: facts, their history, what the plan expects, and the time.

use jiff::Timestamp;

use crate::facts::Facts;
use crate::plan::host::HostPlan;
use crate::reading::History;

/// What a rule is given. `now` is the observing host's own clock and serves for ages only.
pub struct Scene<'a> {
    pub facts: &'a Facts,
    pub history: &'a History,
    /// The host's file in the plan; `None` where there is no stead yet.
    pub plan: Option<&'a HostPlan>,
    pub now: Timestamp,
}
