//! Answers from a record, with nobody watching.

use std::collections::BTreeMap;
use std::time::Duration;

use api::answer::Answer;
use api::refusal::Refusal;
use api::request::{Request, Span};
use api::view;
use jiff::{SignedDuration, Timestamp};
use model::entry::RunV1;
use model::host_name::HostName;
use model::reading::{Meter, Reading};
use model::seen::Seen;
use model::verdict::{Finding, Verdict};
use node::answers::Answers;
use node::home::Home;

use crate::place::{Place, host, report};

const TOOK: Duration = Duration::from_millis(750);

async fn asked<V: TryFrom<api::reply::Reply, Error = Refusal>>(
    answers: &Answers,
    request: Request,
) -> V {
    V::try_from(answers.ask(request).await.expect("an answer")).expect("the view asked for")
}

fn alone(home: Home) -> Answers {
    Answers::alone(home, "0.0.0")
}

fn ago(hours: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(hours)
}

#[tokio::test]
async fn the_overview_tells_what_stands_and_how_old_it_is() {
    let place = Place::new();
    let home = place.found().await;
    let found = report(vec![
        ("disk-space", Finding::fail("/", "99 %").fix("make room")),
        ("time-sync", Finding::pass("clock", "synchronised")),
    ]);
    home.record.judge(&host(), &found, RunV1::WHOLE, ago(3), TOOK).await.expect("judged");
    let disk = report(vec![("disk-space", Finding::pass("/", "9 %"))]);
    home.record.judge(&host(), &disk, "check disk-space", ago(0), TOOK).await.expect("judged");
    let system = BTreeMap::from([("machine.system".to_owned(), "Debian 12".to_owned())]);
    home.record.observe(&host(), &system, ago(3)).await.expect("observed");

    let overview: view::overview::Overview = asked(&alone(home), Request::Overview).await;
    assert_eq!((overview.stead.as_str(), overview.this), ("mesh", Some(host())));
    let [line] = &overview.hosts[..] else { panic!("one host") };
    assert_eq!((line.system.as_str(), line.tier.as_deref()), ("Debian 12", Some("staging")));
    assert_eq!((line.counts.pass, line.counts.fail), (2, 0));
    assert!(line.stale, "a run of one check does not make the others fresh");
    assert_eq!(line.verdict(), Verdict::Unknown);
}

#[tokio::test]
async fn a_host_is_told_with_its_facts_runs_and_findings_the_worst_first() {
    let place = Place::new();
    let home = place.found().await;
    let found = report(vec![
        ("a", Finding::pass("host", "fine")),
        ("b", Finding::fail("x", "bad")),
        ("c", Finding::unknown("host", "dark")),
    ]);
    home.record.judge(&host(), &found, RunV1::WHOLE, ago(0), TOOK).await.expect("judged");
    let facts = BTreeMap::from([("packages.nginx".to_owned(), "1.22".to_owned())]);
    home.record.observe(&host(), &facts, ago(0)).await.expect("observed");

    let told: view::host::Host = asked(&alone(home), Request::Host { host: host() }).await;
    let names: Vec<&str> = told.standings.iter().map(|s| s.finding.name.as_str()).collect();
    assert_eq!(names, ["b", "c", "a"]);
    assert_eq!(told.facts, facts);
    assert_eq!((told.runs.len(), told.runs[0].milliseconds), (1, 750));
    assert!(matches!(told.machine, Seen::Unseen(_)), "nobody has looked since the start");
    assert_eq!(told.line.worst.len(), 2, "a pass is none of the worst");
}

#[tokio::test]
async fn a_history_reaches_as_far_back_as_its_span() {
    let place = Place::new();
    let home = place.found().await;
    let meter = Meter::new("memory.used", "host");
    let system = BTreeMap::from([("machine.system".to_owned(), "Debian".to_owned())]);
    home.record.observe(&host(), &system, ago(0)).await.expect("observed");
    for (hours, value) in [(24 * 60, 1.0), (24 * 3, 2.0), (2, 3.0)] {
        let reading = Reading { meter: meter.clone(), epoch: 0, value };
        home.record.measure(&host(), &[reading], ago(hours)).await.expect("measured");
    }
    let answers = alone(home);
    for (span, values) in
        [(Span::Day, vec![3.0]), (Span::Week, vec![2.0, 3.0]), (Span::Year, vec![1.0, 2.0, 3.0])]
    {
        let request = Request::History { host: host(), meter: meter.clone(), span };
        let history: view::history::History = asked(&answers, request).await;
        let means: Vec<f64> = history.windows.iter().map(|window| window.mean).collect();
        assert_eq!(means, values, "{span:?}");
    }
}

#[tokio::test]
async fn changes_come_newest_first_and_no_more_than_asked_for() {
    let place = Place::new();
    let home = place.found().await;
    for verdict in [Finding::warn("/", "91 %"), Finding::fail("/", "97 %")] {
        let found = report(vec![("disk-space", verdict)]);
        home.record.judge(&host(), &found, RunV1::WHOLE, ago(0), TOOK).await.expect("judged");
    }
    let answers = alone(home);
    let after = |changes: &view::changes::Changes| {
        let verdict = |change: &view::changes::Change| match &change.what {
            view::changes::What::Verdict { after, .. } => *after,
            view::changes::What::Fact { .. } => None,
        };
        changes.changes.iter().map(verdict).collect::<Vec<_>>()
    };
    let all = asked(&answers, Request::Changes { host: None, limit: 9 }).await;
    assert_eq!(after(&all), [Some(Verdict::Fail), Some(Verdict::Warn)]);
    let last = asked(&answers, Request::Changes { host: Some(host()), limit: 1 }).await;
    assert_eq!(after(&last), [Some(Verdict::Fail)]);
    let other = Some(HostName::nearest("other"));
    let none = asked(&answers, Request::Changes { host: other, limit: 9 }).await;
    assert_eq!(after(&none), []);
}

#[tokio::test]
async fn an_unknown_host_and_an_unserved_page_are_refused() {
    let place = Place::new();
    let answers = alone(place.found().await);
    let other = || HostName::nearest("other");
    for request in [
        Request::Host { host: other() },
        Request::Digest { host: other() },
        Request::Timers { host: other() },
        Request::History { host: other(), meter: Meter::new("x", "y"), span: Span::Day },
        Request::Link,
    ] {
        let told = format!("{request:?}");
        assert!(matches!(answers.ask(request).await, Err(Refusal::Absent(_))), "{told}");
    }
}

#[tokio::test]
async fn the_status_counts_what_this_device_wrote() {
    let place = Place::new();
    let home = place.found().await;
    let found = report(vec![("a", Finding::pass("host", "fine"))]);
    home.record.judge(&host(), &found, RunV1::WHOLE, ago(0), TOOK).await.expect("judged");
    let status: view::status::Status = asked(&alone(home), Request::Status).await;
    assert_eq!((status.entries, status.url), (2, None), "a verdict and a run");
    assert_eq!(status.last_run.expect("a run").what, RunV1::WHOLE);
}
