//! Observes: clock.

use serde::{Deserialize, Serialize};

/// What is remembered from one run to the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {}

pub(crate) async fn observe(_kept: &mut Kept) -> model::facts::clock::Clock {
    Default::default()
}
