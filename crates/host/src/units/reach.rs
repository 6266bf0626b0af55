//! Whether the boot reaches a unit: walks from it up through those that want it.
//!
//! Up, not down: from most units the default target is three steps away, while it pulls in
//! hundreds.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use tokio::join;

use crate::units::bus::Bus;

/// The most units that one walk asks about.
const FARTHEST: usize = 400;

/// Answers for one default target, remembering.
pub(crate) struct Reach {
    /// The default target's own name, aliases resolved.
    goal: String,
    answers: BTreeMap<String, bool>,
}

impl Reach {
    pub(crate) fn new(goal: String) -> Self {
        let answers = BTreeMap::from([(goal.clone(), true)]);
        Self { goal, answers }
    }

    pub(crate) async fn reached(&mut self, bus: &Bus, unit: &str) -> bool {
        if let Some(answer) = self.answers.get(unit) {
            return *answer;
        }
        let answer = self.walk(bus, unit).await;
        self.answers.insert(unit.to_owned(), answer);
        answer
    }

    async fn walk(&self, bus: &Bus, unit: &str) -> bool {
        let mut known = BTreeSet::from([unit.to_owned()]);
        let mut frontier = vec![unit.to_owned()];
        let mut later = Vec::new();
        while !frontier.is_empty() {
            let mut next = Vec::new();
            for parent in join_all(frontier.iter().map(|unit| parents(bus, unit))).await.concat() {
                if parent == self.goal || self.answers.get(&parent) == Some(&true) {
                    return true;
                }
                if known.len() >= FARTHEST || !known.insert(parent.clone()) {
                    continue;
                }
                // Targets first: the way to the default target mostly leads through them alone.
                if parent.ends_with(".target") { next.push(parent) } else { later.push(parent) }
            }
            if next.is_empty() {
                let rest = later.len().min(32);
                next = later.drain(..rest).collect();
            }
            frontier = next;
        }
        false
    }
}

/// The units that pull in this one, by the edges that starting follows.
pub(crate) async fn parents(bus: &Bus, unit: &str) -> Vec<String> {
    let list =
        async |name| bus.property::<Vec<String>>(unit, "Unit", name).await.unwrap_or_default();
    let (wanted, required, bound, upheld) =
        join!(list("WantedBy"), list("RequiredBy"), list("BoundBy"), list("UpheldBy"));
    [wanted, required, bound, upheld].concat()
}
