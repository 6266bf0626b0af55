//! Watches this machine: looks at all of it now and then, and at a few numbers more often.
//!
//! Leaves out what a look is, and who is shown what was seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backup::progress::Silent;
use host::observer::Observer;
use jiff::Timestamp;
use model::backup::drill::DrillV1;
use model::check::Check;
use model::entry::VerdictV1;
use model::report::Report;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::answers::{Answers, Latest};
use crate::backups::{self, Ended};
use crate::drills;
use crate::error::Error;
use crate::ground::Ground;
use crate::home::Home;
use crate::look;

/// Between two readings of the numbers that move quickly.
const MEASURE: Duration = Duration::from_secs(60);

/// Between two looks whether a backup or a drill is due: a few files are read.
const DUE: Duration = Duration::from_secs(15);

/// How long a service is left alone whose job could not leave behind how it went: it stays due.
const REST: Duration = Duration::from_secs(3600);

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
    /// A drill came to its end, whatever it showed.
    Drill(Box<DrillV1>),
}

/// The backup or the drill that runs, if one does: in a thread of its own, which ends with the
/// process however that ends. What a killed one leaves is mended by the next.
#[derive(Default)]
struct Job {
    running: Option<oneshot::Receiver<Done>>,
    /// Services that are left alone, and until when.
    resting: BTreeMap<String, Instant>,
}

/// How a job went.
#[derive(Debug, Default)]
struct Done {
    events: Vec<Event>,
    /// The service of which that could not be left behind.
    unkept: Option<String>,
}

impl Job {
    /// Begins what is due, if nothing runs: backups first, since a drill is of one. Only root may
    /// read what is to be saved; for whoever else watches, the missing evidence tells that nobody
    /// does it.
    fn begin(&mut self, home: &Home) {
        if self.running.is_some() || !rustix::process::geteuid().is_root() {
            return;
        }
        let (sender, receiver) = oneshot::channel();
        let (plan, host) = (home.plan.clone(), home.host.clone());
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        let resting: Vec<String> = self.resting.keys().cloned().collect();
        let job = move || {
            let ground = Ground::of(plan, host).ok();
            let done = ground.map(|ground| work(&ground, &resting)).unwrap_or_default();
            // Nobody listens any more when the process is about to end.
            let _ = sender.send(done);
        };
        let begun = std::thread::Builder::new().name("job".to_owned()).spawn(job);
        self.running = begun.is_ok().then_some(receiver);
    }

    /// Ready when a backup has ended; never while none runs.
    async fn ended(&mut self) -> Vec<Event> {
        loop {
            let Some(running) = &mut self.running else { return std::future::pending().await };
            let done = running.await.unwrap_or_default();
            self.running = None;
            let until = Instant::now() + REST;
            self.resting.extend(done.unkept.map(|service| (service, until)));
            if !done.events.is_empty() {
                return done.events;
            }
        }
    }
}

/// Does what is due now; nothing comes of it if that is nothing.
fn work(ground: &Ground, resting: &[String]) -> Done {
    let now = Timestamp::now();
    let rests = |service: &str| resting.iter().any(|one| one == service);
    if let Some(errand) = backups::next(ground, now, rests) {
        let ended = backups::save(ground, &errand, |_| Ok(()), &Silent);
        let is_kept = ended.iter().all(|one| backups::is_kept(one, now));
        let events = ended.into_iter().map(Event::Backup).collect();
        return Done { events, unkept: (!is_kept).then_some(errand.service) };
    }
    let Some(turn) = drills::next(ground, now, rests) else { return Done::default() };
    let drill = drills::run(ground, &turn);
    let unkept = (!drills::is_kept(&drill)).then_some(turn.service);
    Done { events: vec![Event::Drill(Box::new(drill))], unkept }
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
        let mut due = interval_at(Instant::now(), DUE);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut job = Job::default();
        loop {
            let outcome = tokio::select! {
                _ = looks.tick() => self.look(&|_| {}).await.map(|(_, changes)| changes),
                _ = measures.tick() => self.measure().await.map(|()| Vec::new()),
                _ = due.tick() => {
                    job.begin(&self.home);
                    continue;
                }
                ended = job.ended() => {
                    ended.into_iter().for_each(&tell);
                    // What waits for it is begun by the next tick, never back to back.
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
