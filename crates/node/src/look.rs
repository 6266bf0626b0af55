//! One look at this machine: observe, judge, record.
//!
//! Leaves out when to look again, and who is shown what was seen.

use std::path::Path;
use std::time::Instant;

use commons::plan_folder::PlanFolder;
use commons::record::rows::Reach;
use commons::services;
use host::kept::Kept;
use host::observer::Observer;
use jiff::Timestamp;
use model::check::Check;
use model::entry::VerdictV1;
use model::facts::Facts;
use model::facts::logs::Digest;
use model::plan::host::HostPlan;
use model::report::Report;
use model::scene::Scene;
use model::seen::Seen;

use crate::error::Error;
use crate::ground::Ground;
use crate::home::{Address, Home};
use crate::proof;

/// Under which name the observer's memory is kept in the record.
const KEPT: &str = "observer";

/// Looks at this machine, with a stead's memory where there is one.
#[derive(Debug)]
pub struct Look {
    home: Option<Home>,
    /// What the plan says of this host, where there is a plan but no place for its record.
    plan: Option<HostPlan>,
    /// Why nothing can be recorded, as on a full disk.
    forgotten: Option<Error>,
    observer: Observer,
    /// Whether what is seen is recorded: not while another process watches, whose record it is.
    recorded: bool,
    /// Held so that nobody else records meanwhile.
    _watch: Option<commons::state_folder::Watch>,
}

/// What a look saw, and what of it was new.
#[derive(Debug)]
pub struct Sight {
    pub facts: Facts,
    pub report: Report,
    /// Verdicts that changed since the last look; empty when nothing is recorded.
    pub changes: Vec<VerdictV1>,
}

impl Look {
    /// Opens the stead of this address; where there is none, looks without memory, and so where
    /// its record has no place to be in: that is when answers are needed most.
    ///
    /// # Errors
    /// If there is a stead that cannot be opened.
    pub async fn open(address: &Address) -> Result<Self, Error> {
        // Without a home there can be no stead: a plain look still works.
        let path = match address.plan_path() {
            Ok(path) => path,
            Err(_) => return Ok(Self::without(None, None)),
        };
        match Self::within(address, &path).await {
            Ok(None) => Ok(Self::without(None, None)),
            Ok(Some(look)) => Ok(look),
            Err(error) if error.is_of_the_place() => {
                let plan = PlanFolder::open(&path).map(|plan| services::host(&plan, &address.host));
                Ok(Self::without(plan.transpose()?.flatten(), Some(error)))
            }
            Err(error) => Err(error),
        }
    }

    async fn within(address: &Address, path: &Path) -> Result<Option<Self>, Error> {
        let Some(home) = address.open(path).await? else { return Ok(None) };
        let watch = home.state.watch()?;
        let observer = observer(&home).await?;
        Ok(Some(Self {
            recorded: watch.is_some(),
            observer,
            plan: None,
            forgotten: None,
            _watch: watch,
            home: Some(home),
        }))
    }

    fn without(plan: Option<HostPlan>, forgotten: Option<Error>) -> Self {
        let observer = Observer::default();
        Self { home: None, plan, forgotten, observer, recorded: false, _watch: None }
    }

    /// Why nothing of this look can be recorded or remembered, if that is so.
    pub const fn forgotten(&self) -> Option<&Error> {
        self.forgotten.as_ref()
    }

    /// Looks, judging nothing and recording nothing.
    pub async fn facts(mut self, seen: &(dyn Fn(&'static str) + Send + Sync)) -> Facts {
        let plan = match &self.home {
            Some(home) => services::host(&home.plan, &home.host).ok().flatten(),
            None => self.plan,
        };
        self.observer.observe(plan.as_ref(), seen).await
    }

    /// Looks only at the logs. Nothing is remembered, so what is new now is new to the next look
    /// that is recorded as well.
    pub async fn logs(mut self) -> Seen<Digest> {
        self.observer.logs().await
    }

    /// Looks, asks these checks, and records the answers.
    ///
    /// # Errors
    /// If the plan is refused or the record cannot be read or written.
    pub async fn report(
        mut self,
        checks: &[&'static Check],
        seen: &(dyn Fn(&'static str) + Send + Sync),
    ) -> Result<Report, Error> {
        let Some(home) = &self.home else {
            let plan = self.plan.as_ref();
            let facts = self.observer.observe(plan, seen).await;
            let scene = Scene { plan, ..Scene::of(&facts, Timestamp::now()) };
            return Ok(Report::of(checks.iter().copied(), &scene));
        };
        if self.recorded {
            return Ok(look(home, &mut self.observer, checks, seen).await?.report);
        }
        let plan = services::host(&home.plan, &home.host)?;
        let facts = self.observer.observe(plan.as_ref(), seen).await;
        let history = home.record.history(&home.host, &Reach::CHECKS).await?;
        let now = Timestamp::now();
        let scene = Scene { facts: &facts, history: &history, plan: plan.as_ref(), now };
        Ok(Report::of(checks.iter().copied(), &scene))
    }
}

/// An observer that goes on where the last one stopped. A memory that cannot be read, as one of
/// another version, is started afresh: it is a cache.
pub async fn observer(home: &Home) -> Result<Observer, Error> {
    let kept = home.record.kept(KEPT).await?;
    let kept: Option<Kept> = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Ok(Observer::new(kept.unwrap_or_default()))
}

/// Looks, judges and records, in that order.
///
/// # Errors
/// If the plan is refused or the record cannot be read or written.
pub async fn look(
    home: &Home,
    observer: &mut Observer,
    checks: &[&'static Check],
    seen: &(dyn Fn(&'static str) + Send + Sync),
) -> Result<Sight, Error> {
    let plan = services::host(&home.plan, &home.host)?;
    let began = Instant::now();
    let facts = observer.observe(plan.as_ref(), seen).await;
    record(home, observer, plan.as_ref(), facts, checks, began).await
}

/// Judges and records what was just seen.
///
/// # Errors
/// If the record cannot be read or written.
pub async fn record(
    home: &Home,
    observer: &Observer,
    plan: Option<&HostPlan>,
    facts: Facts,
    checks: &[&'static Check],
    began: Instant,
) -> Result<Sight, Error> {
    let now = Timestamp::now();
    // The readings first: a trend includes what was just seen.
    home.record.measure(&home.host, &facts.readings(), now).await?;
    let history = home.record.history(&home.host, &Reach::CHECKS).await?;
    let scene = Scene { facts: &facts, history: &history, plan, now };
    let report = Report::of(checks.iter().copied(), &scene);
    let what = model::checks::run_of(checks);
    let changes = home.record.judge(&home.host, &report, &what, now, began.elapsed()).await?;
    let mut lines = facts.lines();
    // The proof cards are entries of the record: who reads it later sees what was proved when.
    if let Ok(ground) = Ground::of(home.plan.clone(), home.host.clone()) {
        let cards = proof::cards(&ground, &facts.upkeep, now);
        lines.extend(cards.iter().map(|card| (format!("proof.{}", card.service), card.line())));
    }
    home.record.observe(&home.host, &lines, now).await?;
    home.record.compact(&home.host, now, &home.stead.retention).await?;
    let kept = serde_json::to_vec(observer.kept()).map_err(|source| Error::Keep { source })?;
    home.record.keep(KEPT, &kept).await?;
    Ok(Sight { facts, report, changes })
}
