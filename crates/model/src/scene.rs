//! All that a check may look at: facts, their history, what the plan expects, and the time.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::facts::Facts;
use crate::plan::host::HostPlan;
use crate::reading::History;

static NO_HISTORY: History = History::new(BTreeMap::new());

/// What a rule is given. `now` is the observing host's own clock and serves for ages only.
pub struct Scene<'a> {
    pub facts: &'a Facts,
    pub history: &'a History,
    /// The host's file in the plan; `None` where there is no stead yet.
    pub plan: Option<&'a HostPlan>,
    pub now: Timestamp,
}

impl<'a> Scene<'a> {
    /// The scene where there is no stead: no history, and nobody expects anything.
    pub const fn of(facts: &'a Facts, now: Timestamp) -> Self {
        Self { facts, history: &NO_HISTORY, plan: None, now }
    }
}
