//! Observes: upkeep.

use model::plan::host::HostPlan;

pub(crate) async fn observe(_plan: Option<&HostPlan>) -> model::facts::upkeep::Upkeep {
    Default::default()
}
