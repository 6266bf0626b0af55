//! Whatever happens, and in whatever order: views rebuilt from the logs are what they were, no
//! reading is lost or counted twice, and the logs verify.

use std::collections::BTreeMap;
use std::time::Duration;

use commons::record::Record;
use commons::record::rows::{Reach, Which};
use model::entry::RunV1;
use model::plan::stead::Retention;
use model::reading::{Meter, Reading, Window};
use model::report::{Counts, Report};
use model::verdict::{Finding, Verdict};
use proptest::prelude::*;

use crate::place::{Place, at, host};

#[derive(Clone, Debug)]
enum Step {
    Judge(Vec<(u8, u8, u8)>),
    Observe(BTreeMap<String, String>),
    /// So many readings of two meters, some seconds apart.
    Measure(u8, u64),
    /// The clock goes on, or back.
    Clock(i64),
    Compact,
    Rebuild,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let verdicts = prop::collection::vec((0..3u8, 0..3u8, 0..4u8), 0..5);
    let hour = 3_600i64;
    prop_oneof![
        3 => verdicts.prop_map(Step::Judge),
        2 => prop::collection::btree_map("[a-c]", "[x-z]", 0..4).prop_map(Step::Observe),
        6 => (1..4u8, 0..2u64).prop_map(|(many, epoch)| Step::Measure(many, epoch)),
        4 => (-30 * hour..90 * hour).prop_map(Step::Clock),
        4 => Just(Step::Compact),
        1 => Just(Step::Rebuild),
        1 => Just(Step::Reopen),
    ]
}

const EVERYTHING: Reach = Reach { hours: u32::MAX, days: u32::MAX, meter: None };

/// All that can be read of the views.
async fn views(record: &Record) -> String {
    let standings = record.standings(None).await.expect("read");
    let facts = record.facts(&host()).await.expect("read");
    let changes = record.changes(&Which::default(), 10_000).await.expect("read");
    let runs = record.runs(&host(), 10_000).await.expect("read");
    let history = record.history(&host(), &EVERYTHING).await.expect("read");
    format!("{standings:#?}\n{facts:#?}\n{changes:#?}\n{runs:#?}\n{history:#?}")
}

async fn play(steps: Vec<Step>, retention: Retention) -> (Record, Place, Vec<(u64, f64)>) {
    let place = Place::new();
    let mut record = place.open().await;
    let mut clock = 1_000_000_000;
    let mut measured = Vec::new();
    for step in steps {
        match step {
            Step::Judge(list) => {
                let all = [Verdict::Pass, Verdict::Unknown, Verdict::Warn, Verdict::Fail];
                let finding = |(check, subject, verdict): &(u8, u8, u8)| Finding {
                    name: format!("check-{check}"),
                    verdict: all[usize::from(*verdict)],
                    ..Finding::pass(format!("s{subject}"), format!("at {clock}"))
                };
                let findings: Vec<Finding> = list.iter().map(finding).collect();
                let counts = Counts::of(&findings);
                let report = Report { at: at(clock), counts, findings };
                let took = Duration::from_millis(5);
                record
                    .judge(&host(), &report, RunV1::WHOLE, at(clock), took)
                    .await
                    .expect("judged");
            }
            Step::Observe(lines) => {
                record.observe(&host(), &lines, at(clock)).await.expect("observed");
            }
            Step::Measure(many, epoch) => {
                for _ in 0..many {
                    clock += 700;
                    let value = measured.len() as f64;
                    let reading = |subject: &str, value| Reading {
                        meter: Meter::new("some_bytes", subject),
                        epoch,
                        value,
                    };
                    let readings = [reading("a", value), reading("b", f64::NAN)];
                    record.measure(&host(), &readings, at(clock)).await.expect("kept");
                    measured.push((epoch, value));
                }
            }
            Step::Clock(seconds) => clock += seconds,
            Step::Compact => {
                record.compact(&host(), at(clock), &retention).await.expect("folded");
            }
            Step::Rebuild => record.rebuild().await.expect("rebuilt"),
            Step::Reopen => {
                record.close().await;
                record = place.open().await;
            }
        }
    }
    (record, place, measured)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runs").block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn rebuilt_views_are_what_they_were(steps in prop::collection::vec(step(), 1..40)) {
        run(async {
            let (record, _place, _) = play(steps, Retention { hourly_days: 1, daily_days: 2 }).await;
            let before = views(&record).await;
            record.rebuild().await.expect("rebuilt");
            prop_assert_eq!(before, views(&record).await);
            prop_assert_eq!(record.verify().await.expect("walked").fault, None);
            Ok(())
        })?;
    }

    #[test]
    fn no_reading_is_lost_or_counted_twice(steps in prop::collection::vec(step(), 1..40)) {
        run(async {
            let retention = Retention { hourly_days: 1, daily_days: u16::MAX };
            let (record, _place, measured) = play(steps, retention).await;
            let history = record.history(&host(), &EVERYTHING).await.expect("read");
            let windows = history.of("some_bytes", "a");
            for epoch in 0..2 {
                let own: Vec<&Window> = windows.iter().filter(|w| w.epoch == epoch).collect();
                let values = measured.iter().filter(|(e, _)| *e == epoch).map(|(_, value)| *value);
                let count: u32 = own.iter().map(|w| w.count).sum();
                prop_assert_eq!(count as usize, values.clone().count());
                if count > 0 {
                    let least = own.iter().map(|w| w.min).fold(f64::INFINITY, f64::min);
                    let most = own.iter().map(|w| w.max).fold(f64::NEG_INFINITY, f64::max);
                    prop_assert_eq!(least, values.clone().fold(f64::INFINITY, f64::min));
                    prop_assert_eq!(most, values.clone().fold(f64::NEG_INFINITY, f64::max));
                    let sum: f64 = own.iter().map(|w| w.mean * f64::from(w.count)).sum();
                    prop_assert!((sum - values.sum::<f64>()).abs() < 0.5 + sum.abs() * 1e-4);
                }
            }
            prop_assert!(history.of("some_bytes", "b").is_empty(), "what is no number is left out");
            prop_assert!(windows.windows(2).all(|pair| pair[0].at <= pair[1].at));
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn bodies_that_were_folded_are_gone_and_the_log_still_verifies() {
    let place = Place::new();
    let record = place.open().await;
    let retention = Retention { hourly_days: 1, daily_days: 2 };
    let day = 86_400;
    for number in 0..6 * 24 {
        let now = at(100 * day + number * 3_600);
        let meter = Meter::new("some_bytes", "a");
        let reading = Reading { meter, epoch: 1, value: number as f64 };
        record.measure(&host(), &[reading], now).await.expect("kept");
        record.compact(&host(), now, &retention).await.expect("folded");
    }
    let history = record.history(&host(), &EVERYTHING).await.expect("read");
    let counts: Vec<u32> = history.of("some_bytes", "a").iter().map(|w| w.count).collect();
    // Two days by the day, one by the hour, the present hour as it was read.
    assert_eq!(counts[..2], [24, 24]);
    assert_eq!(counts[2..], [1; 24]);
    let verified = record.verify().await.expect("walked");
    assert_eq!(verified.fault, None);
    assert_eq!(verified.entries - verified.deleted, 23 + 2);
    let short = Reach { hours: 3, days: 1, meter: Some(Meter::new("some_bytes", "a")) };
    let history = record.history(&host(), &short).await.expect("read");
    assert_eq!(history.of("some_bytes", "a").len(), 1 + 3 + 1);
    let none = Reach { meter: Some(Meter::new("some_bytes", "z")), ..short };
    assert_eq!(record.history(&host(), &none).await.expect("read").meters().count(), 0);
}
