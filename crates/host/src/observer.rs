//! Reads a whole machine into [`Facts`].

use model::facts::Facts;
use model::facts::logs::Digest;
use model::plan::host::HostPlan;
use model::reading::Reading;
use model::seen::Seen;

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

    /// How many parts a look has: so often `seen` is called.
    pub const PARTS: u64 = 12;

    /// Looks at everything at once. What cannot be seen is noted in the facts with the reason;
    /// nothing here fails. `seen` is told of each part that is done, for a progress bar.
    pub async fn observe(
        &mut self,
        plan: Option<&HostPlan>,
        seen: &(dyn Fn(&'static str) + Send + Sync),
    ) -> Facts {
        let kept = &mut self.kept;
        let machine = crate::machine::observe();
        seen("machine");
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
            part("units", seen, crate::units::observe(&mut kept.units)),
            part("memory", seen, crate::memory::observe(&mut kept.memory)),
            part("network", seen, crate::network::observe()),
            part("postgres", seen, crate::postgres::observe()),
            part("storage", seen, crate::storage::observe()),
            part("packages", seen, crate::packages::observe(&mut kept.packages)),
            part("certificates", seen, crate::certificates::observe(plan, &mut kept.certificates)),
            part("clock", seen, crate::clock::observe(&mut kept.clock)),
            part("files", seen, crate::files::observe(plan)),
            part("logs", seen, crate::logs::observe(&mut kept.logs)),
            part("upkeep", seen, crate::upkeep::observe(plan)),
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

    /// Looks only at the logs, going on where the last look stopped.
    pub async fn logs(&mut self) -> Seen<Digest> {
        crate::logs::observe(&mut self.kept.logs).await
    }

    /// Takes only the readings that are cheap and move quickly.
    pub async fn measure(&mut self) -> Vec<Reading> {
        let facts = Facts {
            memory: crate::memory::measure().await,
            storage: crate::storage::observe().await,
            ..Facts::default()
        };
        facts.readings()
    }
}

/// Waits for a part and says that it is done.
async fn part<T>(
    name: &'static str,
    seen: &(dyn Fn(&'static str) + Send + Sync),
    work: impl Future<Output = T>,
) -> T {
    let value = work.await;
    seen(name);
    value
}
