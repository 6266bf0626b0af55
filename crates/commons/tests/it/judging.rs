//! Verdicts, facts and runs become entries when they change, and views say what stands.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use commons::record::rows::{Content, Which};
use model::entry::{Entry, RunV1};
use model::report::{Counts, Report};
use model::verdict::{Finding, Verdict};

use crate::place::{Place, at, host};

fn report(findings: &[(&str, Finding)]) -> Report {
    let findings: Vec<Finding> = findings
        .iter()
        .map(|(name, f)| Finding { name: (*name).to_owned(), ..f.clone() })
        .collect();
    Report { at: at(0), counts: Counts::of(&findings), findings }
}

const TOOK: Duration = Duration::from_millis(750);

#[tokio::test]
async fn a_verdict_is_an_entry_only_when_it_changes() {
    let place = Place::new();
    let record = place.open().await;
    let full = report(&[
        ("disk", Finding::fail("/", "99 %").fix("rm")),
        ("time", Finding::pass("host", "ok")),
    ]);
    let told = record.judge(&host(), &full, RunV1::WHOLE, at(100), TOOK).await.expect("judged");
    assert_eq!(told.len(), 2);

    let fuller =
        report(&[("disk", Finding::fail("/", "99.5 %")), ("time", Finding::pass("host", "ok"))]);
    let told = record.judge(&host(), &fuller, RunV1::WHOLE, at(200), TOOK).await.expect("judged");
    assert_eq!(told, []);
    let standings = record.standings(Some(&host())).await.expect("read");
    assert_eq!(standings.len(), 2);
    assert_eq!(standings[0].finding.evidence, "99.5 %", "the newest figures are shown");
    assert_eq!(standings[0].finding.fix, None);
    assert_eq!(standings[0].since, at(100), "it stands since it changed");

    let mended = report(&[("disk", Finding::pass("host", "3 mounts, all roomy"))]);
    let told = record.judge(&host(), &mended, "check disk", at(300), TOOK).await.expect("judged");
    assert_eq!(told.len(), 2);
    assert_eq!((told[1].before, told[1].after), (Some(Verdict::Fail), None));
    let standings = record.standings(None).await.expect("read");
    let names: Vec<_> = standings.iter().map(|s| s.finding.name.as_str()).collect();
    assert_eq!(names, ["disk", "time"], "a partial run leaves the other checks");

    let of_root = Which { subject: Some("/".into()), ..Which::default() };
    let changes = record.changes(&of_root, 10).await.expect("read");
    assert_eq!(changes.iter().map(|change| change.at).collect::<Vec<_>>(), [at(300), at(100)]);
    let runs = record.runs(&host(), 2).await.expect("read");
    let whole: Vec<_> = runs.iter().map(|run| (run.at, run.entry.milliseconds)).collect();
    assert_eq!(whole, [(at(200), 750), (at(100), 750)], "a partial run is no look at the host");
    let stored = record.entries(1, None).await.expect("read");
    let Content::Entry(Entry::RunV1(partial)) = &stored[0].content else { panic!("a run") };
    assert_eq!(partial.what, "check disk");
    assert_eq!(record.hosts().await.expect("read"), [host()]);
}

#[tokio::test]
async fn facts_are_entries_when_they_change() {
    let place = Place::new();
    let record = place.open().await;
    let lines = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    };
    record
        .observe(&host(), &lines(&[("kernel", "6.1"), ("arch", "x86_64")]), at(1))
        .await
        .expect("ok");
    let told = record.observe(&host(), &lines(&[("kernel", "6.2")]), at(2)).await.expect("ok");
    assert_eq!(told.len(), 2);
    let facts = record.facts(&host()).await.expect("read");
    assert_eq!(facts.len(), 1);
    assert_eq!((facts[0].value.as_str(), facts[0].since), ("6.2", at(2)));
    let kernel = Which { name: Some("kernel".into()), ..Which::default() };
    assert_eq!(record.changes(&kernel, 10).await.expect("read").len(), 2);
}

#[tokio::test]
async fn a_clock_that_goes_backwards_changes_no_order() {
    let place = Place::new();
    let record = place.open().await;
    for (second, verdict) in [
        (1_000, Finding::fail("x", "")),
        (10, Finding::warn("x", "")),
        (-5, Finding::pass("x", "")),
    ] {
        record
            .judge(&host(), &report(&[("c", verdict)]), RunV1::WHOLE, at(second), TOOK)
            .await
            .expect("judged");
    }
    let standings = record.standings(None).await.expect("read");
    assert_eq!(standings[0].finding.verdict, Verdict::Pass, "the last in the log holds");
    let changes = record.changes(&Which::default(), 10).await.expect("read");
    let told: Vec<_> = changes
        .iter()
        .map(|change| match &change.entry {
            Entry::VerdictV1(entry) => entry.after,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [Some(Verdict::Pass), Some(Verdict::Warn), Some(Verdict::Fail)]);
    let verified = record.verify().await.expect("walked");
    assert_eq!(verified.fault, None);
    assert_eq!((verified.logs, verified.entries), (1, 6));
}

#[tokio::test]
async fn a_record_opens_again_with_all_that_was_in_it() {
    let place = Place::new();
    let record = place.open().await;
    record
        .judge(&host(), &report(&[("c", Finding::fail("x", ""))]), RunV1::WHOLE, at(1), TOOK)
        .await
        .expect("ok");
    record.keep("memory", b"abc").await.expect("kept");
    record.keep("memory", b"abcd").await.expect("kept");
    let before = record.entries(10, None).await.expect("read");
    record.close().await;
    let record = place.open().await;
    assert_eq!(record.kept("memory").await.expect("read").as_deref(), Some(&b"abcd"[..]));
    assert_eq!(record.kept("other").await.expect("read"), None);
    let after = record.entries(10, None).await.expect("read");
    assert_eq!(before, after);
    assert_eq!(after.iter().map(|stored| stored.number).collect::<Vec<_>>(), [1, 0]);
    assert!(matches!(after[0].content, Content::Entry(Entry::RunV1(_))));
    assert_eq!(after[1].author, record.identity().public());
    assert_eq!(record.entries(10, Some(after[0].place)).await.expect("read"), after[1..]);
    for name in ["record.db", "record.db-wal"] {
        let mode = std::fs::metadata(place.folder.path().join(name)).expect("there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn what_is_asked_of_a_record_can_be_asked_from_any_task() {
    let place = Place::new();
    let record = place.open().await;
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let record = record.clone();
            tokio::spawn(async move {
                let finding = Finding::fail(format!("x{number}"), "");
                record.judge(&host(), &report(&[("c", finding)]), RunV1::WHOLE, at(1), TOOK).await
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("ended").expect("judged");
    }
    assert_eq!(record.standings(None).await.expect("read").len(), 1, "each saw the one before");
    assert_eq!(record.logs().await.expect("read")[0].entries, 8 + 8 + 7);
    assert_eq!(record.verify().await.expect("walked").fault, None);
}

#[tokio::test]
async fn a_summary_says_what_the_whole_does() {
    let place = Place::new();
    let record = place.open().await;
    let other = model::host_name::HostName::nearest("other");
    let mixed = report(&[
        ("a", Finding::pass("host", "fine")),
        ("b", Finding::warn("y", "so so")),
        ("b", Finding::fail("x", "bad").fix("mend")),
        ("c", Finding::unknown("host", "dark")),
    ]);
    record.judge(&host(), &mixed, RunV1::WHOLE, at(1), TOOK).await.expect("judged");
    record.judge(&host(), &mixed, RunV1::WHOLE, at(2), TOOK).await.expect("judged");
    let system = BTreeMap::from([("system".to_owned(), "Debian".to_owned())]);
    record.observe(&other, &system, at(3)).await.expect("observed");
    let summaries = record.summaries(2, "system").await.expect("read");
    assert_eq!(summaries.len(), 2);
    assert_eq!((&summaries[0].host, summaries[0].fact.as_deref()), (&other, Some("Debian")));
    assert_eq!((summaries[0].run, summaries[0].worst.len()), (None, 0));
    assert_eq!(summaries[1].counts, mixed.counts);
    assert_eq!(summaries[1].run, Some(at(2)));
    assert_eq!(summaries[1].worst, record.standings(Some(&host())).await.expect("read")[..2]);
}
