//! Watches this machine: looks at all of it now and then, and at a few numbers more often.
//!
//! Leaves out what a look is, and who is shown what was seen.

use std::sync::Arc;
use std::time::Duration;

use host::observer::Observer;
use jiff::Timestamp;
use model::check::Check;
use model::entry::VerdictV1;
use model::report::Report;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::answers::{Answers, Latest};
use crate::error::Error;
use crate::home::Home;
use crate::look;

/// Between two readings of the numbers that move quickly.
const MEASURE: Duration = Duration::from_secs(60);

/// The one process that looks and records.
pub struct Watcher {
    home: Arc<Home>,
    observer: Observer,
    checks: Vec<&'static Check>,
    latest: Latest,
}

/// Something worth a line to whoever sits before the terminal.
#[derive(Debug)]
pub enum Event {
    /// Verdicts that changed.
    Changed(Vec<VerdictV1>),
    /// A look failed; the next one may not.
    Failed(Error),
}

impl Watcher {
    /// Goes on with this observer; what it sees is left in `latest`.
    pub fn new(home: Arc<Home>, observer: Observer, latest: Latest) -> Self {
        Self { home, observer, checks: model::checks::all().collect(), latest }
    }

    /// Looks once.
    ///
    /// # Errors
    /// If the plan is refused or the record cannot be written.
    pub async fn look(
        &mut self,
        seen: &(dyn Fn(&'static str) + Send + Sync),
    ) -> Result<(Report, Vec<VerdictV1>), Error> {
        let sight = look::look(&self.home, &mut self.observer, &self.checks, seen).await?;
        self.latest.set(sight.report.at, sight.facts);
        Ok((sight.report, sight.changes))
    }

    /// Looks every `period` for as long as it is polled. Dropping it between two steps loses
    /// nothing that was recorded.
    pub async fn watch(mut self, period: Duration, answers: Arc<Answers>, tell: impl Fn(Event)) {
        let mut looks = interval_at(Instant::now() + period, period);
        let mut measures = interval_at(Instant::now() + MEASURE, MEASURE);
        // After a suspended night one look is enough.
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        measures.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let outcome = tokio::select! {
                _ = looks.tick() => self.look(&|_| {}).await.map(|(_, changes)| changes),
                _ = measures.tick() => self.measure().await.map(|()| Vec::new()),
            };
            match outcome {
                Ok(changes) if changes.is_empty() => {}
                Ok(changes) => tell(Event::Changed(changes)),
                Err(error) => tell(Event::Failed(error)),
            }
            answers.changed();
        }
    }

    async fn measure(&mut self) -> Result<(), Error> {
        let readings = self.observer.measure().await;
        Ok(self.home.record.measure(&self.home.host, &readings, Timestamp::now()).await?)
    }
}
