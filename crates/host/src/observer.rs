//! Reads a whole machine into [`Facts`].

use model::facts::Facts;
use model::plan::host::HostPlan;
use model::reading::Reading;

use crate::kept::Kept;

/// Observes the machine it runs on, as the user it runs as.
#[derive(Debug, Default)]
pub struct Observer {
    kept: Kept,
}

impl Observer {
    /// Goes on from what an earlier observer remembered.
    pub const fn new(kept: Kept) -> Self {
        Self { kept }
    }

    /// What to hand to [`Observer::new`] next time.
    pub const fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Looks at everything. What cannot be seen is noted in the facts with the reason; nothing
    /// here fails. `step` is told what is being looked at, for a progress line.
    pub async fn observe(
        &mut self,
        plan: Option<&HostPlan>,
        step: &(dyn Fn(&'static str) + Send + Sync),
    ) -> Facts {
        let kept = &mut self.kept;
        step("machine");
        let machine = crate::machine::observe();
        step("units, sockets, disks, packages, logs");
        let (
            units,
            memory,
            network,
            postgres,
            storage,
            packages,
            certificates,
            clock,
            files,
            logs,
            upkeep,
        ) = tokio::join!(
            crate::units::observe(&mut kept.units),
            crate::memory::observe(),
            crate::network::observe(),
            crate::postgres::observe(),
            crate::storage::observe(),
            crate::packages::observe(&mut kept.packages),
            crate::certificates::observe(plan, &mut kept.certificates),
            crate::clock::observe(&mut kept.clock),
            crate::files::observe(plan),
            crate::logs::observe(&mut kept.logs),
            crate::upkeep::observe(plan),
        );
        Facts {
            machine,
            units,
            memory,
            network,
            postgres,
            storage,
            packages,
            certificates,
            clock,
            files,
            logs,
            upkeep,
        }
    }

    /// Takes only the readings that are cheap and move quickly.
    pub async fn measure(&mut self) -> Vec<Reading> {
        let facts = Facts {
            memory: crate::memory::observe().await,
            storage: crate::storage::observe().await,
            ..Facts::default()
        };
        facts.readings()
    }
}
