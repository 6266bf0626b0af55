//! Watches this machine: looks at all of it now and then, and at a few numbers more often.
//!
//! Leaves out what a look is, and who is shown what was seen.

use std::sync::Arc;
use std::time::Duration;

use backup::progress::Silent;
use host::observer::Observer;
use jiff::Timestamp;
use model::check::Check;
use model::entry::VerdictV1;
use model::report::Report;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::answers::{Answers, Latest};
use crate::backups::{self, Ended};
use crate::error::Error;
use crate::ground::Ground;
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
    /// A backup came to its end, good or bad.
    Backup(Ended),
}

/// The backup that runs, if one does: in a thread of its own, which ends with the process however
/// that ends. What a killed one leaves is mended by the next.
#[derive(Default)]
struct Job {
    running: Option<oneshot::Receiver<Vec<Ended>>>,
}

impl Job {
    /// Begins the backup that is due, if none runs. Only root may read what is to be saved; for
    /// whoever else watches, the missing evidence tells that nobody does it.
    fn begin(&mut self, home: &Home) {
        if self.running.is_some() || !rustix::process::geteuid().is_root() {
            return;
        }
        let (sender, receiver) = oneshot::channel();
        let (plan, host) = (home.plan.clone(), home.host.clone());
        let work = move || {
            let ground = Ground::of(plan, host).ok();
            let ended = ground.and_then(|ground| {
                let errand = backups::next(&ground, Timestamp::now())?;
                Some(backups::save(&ground, &errand, |_| Ok(()), &Silent))
            });
            let ended = ended.unwrap_or_default();
            // Nobody listens any more when the process is about to end.
            let _ = sender.send(ended);
        };
        let begun = std::thread::Builder::new().name("backup".to_owned()).spawn(work);
        self.running = begun.is_ok().then_some(receiver);
    }

    /// Ready when a backup has ended; never while none runs.
    async fn ended(&mut self) -> Vec<Ended> {
        loop {
            let Some(running) = &mut self.running else { return std::future::pending().await };
            let ended = running.await.unwrap_or_default();
            self.running = None;
            if !ended.is_empty() {
                return ended;
            }
        }
    }
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
        let mut job = Job::default();
        loop {
            let outcome = tokio::select! {
                _ = looks.tick() => self.look(&|_| {}).await.map(|(_, changes)| changes),
                _ = measures.tick() => {
                    job.begin(&self.home);
                    self.measure().await.map(|()| Vec::new())
                }
                ended = job.ended() => {
                    ended.into_iter().for_each(|one| tell(Event::Backup(one)));
                    // What it left behind is judged and recorded at once.
                    self.look(&|_| {}).await.map(|(_, changes)| changes)
                }
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
