//! Answers requests from the record and from what was seen last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::answer::{Answer, Asking};
use api::refusal::Refusal;
use api::reply::Reply;
use api::request::{Request, Span};
use api::view;
use api::view::overview::{Line, Overview};
use api::view::run::Run;
use api::view::standing::Standing;
use commons::record::rows::{self, Reach, Summary, Which};
use jiff::Timestamp;
use model::backup::proof::Proof;
use model::entry::Entry;
use model::facts::Facts;
use model::host_name::HostName;
use model::reading::{Meter, Reading, Window};
use model::seen::Seen;
use model::text::with_causes;
use tokio::sync::watch;

use crate::ground::Ground;
use crate::home::Home;
use crate::proof;

/// So long a host may be silent at least.
const SILENCE_SECONDS: i64 = 3_600;
/// So long an overview is shown again.
const OVERVIEW: Duration = Duration::from_secs(5);
/// The fact with the operating system's own name.
const SYSTEM: &str = "machine.system";
/// How many runs a host's page shows.
const RUNS: u32 = 20;
/// Just the newest window of each meter.
const NEWEST: Reach = Reach { hours: 1, days: 1, meter: None };
/// How many changes an answer holds at most.
const CHANGES: u32 = 1_000;

/// What was seen last on this machine, shared between who looks and who is asked.
#[derive(Clone, Debug, Default)]
pub struct Latest(Arc<Mutex<Option<Arc<Seeing>>>>);

/// A whole look's facts and its label.
#[derive(Debug)]
pub struct Seeing {
    pub at: Timestamp,
    pub facts: Facts,
}

impl Latest {
    pub fn set(&self, at: Timestamp, facts: Facts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Arc::new(Seeing { at, facts }));
    }

    pub fn get(&self) -> Option<Arc<Seeing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How the answering process itself is.
#[derive(Clone, Debug)]
pub struct Process {
    pub version: &'static str,
    pub began: Timestamp,
    /// Between two looks; zero for a process that answers without watching.
    pub period_seconds: u64,
    /// Where the page is served, without a token.
    pub url: Option<String>,
}

/// Makes a one-time URL for the page.
pub type Links = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// Answers for one stead.
pub struct Answers {
    home: Arc<Home>,
    latest: Latest,
    changes: watch::Sender<u64>,
    process: Process,
    links: Option<Links>,
    /// The overview as it was made last, and when.
    made: Mutex<Option<(Instant, Overview)>>,
}

impl Answers {
    pub fn new(home: Arc<Home>, latest: Latest, process: Process, links: Option<Links>) -> Self {
        let changes = watch::Sender::new(0);
        Self { home, latest, changes, process, links, made: Mutex::default() }
    }

    /// Answers from the record alone, where no process watches.
    pub fn alone(home: Home, version: &'static str) -> Self {
        let process = Process { version, began: Timestamp::now(), period_seconds: 0, url: None };
        Self::new(Arc::new(home), Latest::default(), process, None)
    }

    /// Tells everybody who listens that something has changed.
    pub fn changed(&self) {
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.changes.send_modify(|number| *number += 1);
    }

    /// All hosts; made anew when something was recorded, and every few seconds, since the plan
    /// may have been edited and hosts grow stale.
    async fn overview(&self) -> Result<Overview, Refusal> {
        let now = Timestamp::now();
        if let Some((when, overview)) = &*self.made.lock().unwrap_or_else(PoisonError::into_inner)
            && when.elapsed() < OVERVIEW
        {
            return Ok(Overview { at: now, ..overview.clone() });
        }
        let summaries = self.summaries().await?;
        let mut overview = Overview {
            stead: self.home.stead.name.clone(),
            at: now,
            this: Some(self.home.host.clone()),
            hosts: summaries.into_iter().map(|summary| self.line(summary, now)).collect(),
        };
        overview.sort();
        let made = Some((Instant::now(), overview.clone()));
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = made;
        Ok(overview)
    }

    async fn summaries(&self) -> Result<Vec<Summary>, Refusal> {
        let most = u32::try_from(Line::WORST).unwrap_or(u32::MAX);
        self.home.record.summaries(most, SYSTEM).await.map_err(failed)
    }

    /// The standing verdicts of a host, the worst first.
    async fn standings(&self, host: &HostName) -> Result<Vec<Standing>, Refusal> {
        let rows = self.home.record.standings(Some(host)).await.map_err(failed)?;
        Ok(rows.into_iter().map(told_since).collect())
    }

    fn line(&self, summary: Summary, now: Timestamp) -> Line {
        let seen = summary.run;
        let plan = self.home.plan.host(&summary.host).ok().flatten();
        Line {
            host: summary.host,
            tier: plan.and_then(|plan| plan.tier),
            system: summary.fact.unwrap_or_default(),
            seen,
            stale: stale(seen, now, self.process.period_seconds),
            counts: summary.counts,
            worst: summary.worst.into_iter().map(told_since).collect(),
        }
    }

    async fn host(&self, host: HostName) -> Result<view::host::Host, Refusal> {
        self.known(&host).await?;
        let now = Timestamp::now();
        let standings = self.standings(&host).await?;
        let summaries = self.summaries().await?;
        let summary = summaries.into_iter().find(|summary| summary.host == host);
        let summary = summary.ok_or_else(|| Refusal::NotYet("nothing was recorded".to_owned()))?;
        let history = self.home.record.history(&host, &NEWEST).await.map_err(failed)?;
        let meters = history.meters().filter_map(|(meter, windows)| {
            let window = *windows.last()?;
            Some(view::host::Latest { meter: meter.clone(), window })
        });
        let machine = match self.seeing(&host) {
            Some(seeing) => Seen::Seen(seeing.facts.machine.clone()),
            None => Seen::unseen("nothing was observed since this process began"),
        };
        Ok(view::host::Host {
            at: now,
            line: self.line(summary, now),
            machine,
            standings,
            facts: self.facts(&host).await?,
            runs: self.runs(&host, RUNS).await?,
            meters: meters.collect(),
            proofs: self.proofs(&host, now),
        })
    }

    /// The proof cards of what was seen here; none where nothing was seen yet.
    fn proofs(&self, host: &HostName, now: Timestamp) -> Vec<Proof> {
        let Some(seeing) = self.seeing(host) else { return Vec::new() };
        let ground = Ground::of(self.home.plan.clone(), host.clone());
        ground
            .map_or_else(|_| Vec::new(), |ground| proof::cards(&ground, &seeing.facts.upkeep, now))
    }

    async fn runs(&self, host: &HostName, limit: u32) -> Result<Vec<Run>, Refusal> {
        let runs = self.home.record.runs(host, limit).await.map_err(failed)?;
        Ok(runs
            .into_iter()
            .map(|run| Run {
                at: run.at,
                what: run.entry.what,
                counts: run.entry.counts,
                milliseconds: run.entry.milliseconds,
            })
            .collect())
    }

    async fn history(
        &self,
        host: HostName,
        meter: Meter,
        span: Span,
    ) -> Result<view::history::History, Refusal> {
        self.known(&host).await?;
        let now = Timestamp::now();
        let days = u32::try_from(span.seconds() / 86_400).unwrap_or(1);
        // An hour of a year ago is less than a dot: by the day is as fine as a plot shows.
        let hours = if days <= 31 { days * 24 } else { 24 };
        let reach = Reach { hours, days, meter: Some(meter.clone()) };
        let history = self.home.record.history(&host, &reach).await.map_err(failed)?;
        let since = now.as_second() - span.seconds();
        let windows: Vec<Window> = history
            .of(&meter.series, &meter.subject)
            .iter()
            .filter(|window| window.at.as_second() >= since)
            .copied()
            .collect();
        let windows = Window::thin(&windows, view::history::History::MOST);
        Ok(view::history::History { at: now, host, meter, span, windows })
    }

    async fn changes(
        &self,
        host: Option<HostName>,
        limit: u32,
    ) -> Result<view::changes::Changes, Refusal> {
        let limit = limit.min(CHANGES);
        let which = Which { host, ..Which::default() };
        let found = self.home.record.changes(&which, limit).await.map_err(failed)?;
        let changes =
            found.into_iter().filter_map(|change| told(change.at, change.entry)).collect();
        Ok(view::changes::Changes { at: Timestamp::now(), changes })
    }

    async fn facts(&self, host: &HostName) -> Result<BTreeMap<String, String>, Refusal> {
        let facts = self.home.record.facts(host).await.map_err(failed)?;
        Ok(facts.into_iter().map(|fact| (fact.key, fact.value)).collect())
    }

    async fn metrics(&self) -> Result<view::metrics::Metrics, Refusal> {
        let mut hosts = Vec::new();
        for host in self.home.record.hosts().await.map_err(failed)? {
            let history = self.home.record.history(&host, &NEWEST).await.map_err(failed)?;
            let readings = history.meters().filter_map(|(meter, windows)| {
                let window = windows.last()?;
                Some(Reading { meter: meter.clone(), epoch: window.epoch, value: window.mean })
            });
            let standings = self.standings(&host).await?;
            hosts.push(view::metrics::HostMetrics {
                facts: self.seeing(&host).map(|seeing| Box::new(seeing.facts.clone())),
                readings: readings.collect(),
                findings: standings.into_iter().map(|standing| standing.finding).collect(),
                last_run: self.runs(&host, 1).await?.pop(),
                proofs: self.proofs(&host, Timestamp::now()),
                host,
            });
        }
        Ok(view::metrics::Metrics {
            at: Timestamp::now(),
            version: self.process.version.to_owned(),
            hosts,
        })
    }

    async fn status(&self) -> Result<view::status::Status, Refusal> {
        let now = Timestamp::now();
        let home = &self.home;
        let logs = home.record.logs().await.map_err(failed)?;
        let own = logs.iter().filter(|log| log.author == home.device);
        let size = std::fs::metadata(home.state.record()).map_or(0, |found| found.len());
        Ok(view::status::Status {
            at: now,
            version: self.process.version.to_owned(),
            stead: home.stead.name.clone(),
            host: home.host.clone(),
            pid: std::process::id(),
            uptime_seconds: u64::try_from(now.as_second() - self.process.began.as_second())
                .unwrap_or(0),
            plan: home.plan.path().display().to_string(),
            state: home.state.path().display().to_string(),
            record_bytes: size,
            entries: own.map(|log| log.entries).sum(),
            last_run: self.runs(&home.host, 1).await?.pop(),
            period_seconds: self.process.period_seconds,
            url: self.process.url.clone(),
        })
    }

    fn link(&self) -> Result<view::link::Link, Refusal> {
        let links = self
            .links
            .as_ref()
            .ok_or_else(|| Refusal::Absent("page: it was not served".to_owned()))?;
        links().map(|url| view::link::Link { url }).map_err(Refusal::Failed)
    }

    async fn known(&self, host: &HostName) -> Result<(), Refusal> {
        let hosts = self.home.record.hosts().await.map_err(failed)?;
        if hosts.contains(host) { Ok(()) } else { Err(Refusal::Absent(format!("host `{host}`"))) }
    }

    /// What was seen last, if the question is about this machine.
    fn seeing(&self, host: &HostName) -> Option<Arc<Seeing>> {
        self.latest.get().filter(|_| *host == self.home.host)
    }

    async fn answer(&self, request: Request) -> Result<Reply, Refusal> {
        Ok(match request {
            Request::Overview => self.overview().await?.into(),
            Request::Host { host } => self.host(host).await?.into(),
            Request::History { host, meter, span } => self.history(host, meter, span).await?.into(),
            Request::Digest { host } => {
                self.known(&host).await?;
                let seeing = self.seeing(&host);
                let digest = seeing.as_ref().map_or_else(
                    || Seen::unseen("nothing was observed since this process began"),
                    |seeing| seeing.facts.logs.clone(),
                );
                let seen = seeing.map(|seeing| seeing.at);
                view::digest::Digest { at: Timestamp::now(), host, seen, digest }.into()
            }
            Request::Timers { host } => {
                self.known(&host).await?;
                let seeing = self.seeing(&host);
                let units = seeing.as_ref().map_or_else(
                    || Seen::unseen("nothing was observed since this process began"),
                    |seeing| seeing.facts.units.clone(),
                );
                let standings = self.standings(&host).await?;
                let standings = standings
                    .into_iter()
                    .filter(|standing| standing.finding.subject.ends_with(".timer"))
                    .collect();
                let seen = seeing.map(|seeing| seeing.at);
                view::timers::Timers { at: Timestamp::now(), host, seen, units, standings }.into()
            }
            Request::Changes { host, limit } => self.changes(host, limit).await?.into(),
            Request::Metrics => self.metrics().await?.into(),
            Request::Link => self.link()?.into(),
            Request::Status => self.status().await?.into(),
        })
    }
}

impl Answer for Answers {
    fn ask(&self, request: Request) -> Asking<'_> {
        Box::pin(self.answer(request))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

fn told_since(standing: rows::Standing) -> Standing {
    Standing { finding: standing.finding, since: Some(standing.since) }
}

/// A change as it is shown; runs and readings change nothing that is listed.
fn told(at: Timestamp, entry: Entry) -> Option<view::changes::Change> {
    use view::changes::{Change, What};
    match entry {
        Entry::VerdictV1(entry) => Some(Change {
            at,
            host: entry.host,
            what: What::Verdict {
                check: entry.check,
                subject: entry.subject,
                before: entry.before,
                after: entry.after,
                evidence: entry.evidence,
                fix: entry.fix,
            },
        }),
        Entry::FactV1(entry) => Some(Change {
            at,
            host: entry.host,
            what: What::Fact { key: entry.key, before: entry.before, after: entry.after },
        }),
        Entry::RunV1(_) | Entry::ReadingsV1(_) => None,
    }
}

fn failed(error: commons::error::Error) -> Refusal {
    Refusal::Failed(with_causes(&error))
}

/// Whether a host was silent for so long that it may be in another state than its verdicts say: an
/// hour, and longer where looks are further apart.
fn stale(seen: Option<Timestamp>, now: Timestamp, period_seconds: u64) -> bool {
    let patience = i64::try_from(period_seconds.saturating_mul(2)).unwrap_or(i64::MAX);
    let patience = patience.max(SILENCE_SECONDS);
    seen.is_none_or(|seen| now.as_second() - seen.as_second() > patience)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_stale_after_an_hour_or_two_missed_looks() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        assert!(stale(None, at(0), 300));
        assert!(!stale(Some(at(0)), at(3_600), 300));
        assert!(stale(Some(at(0)), at(3_601), 300));
        assert!(!stale(Some(at(0)), at(14_000), 7_200), "it looks every two hours");
        assert!(!stale(Some(at(900)), at(0), 300), "a clock that was set back ages nothing");
    }
}
