//! What the record costs: appends, and reading back a month of 30 hosts with 300 units each.
//!
//! Prints one line a figure; leaves out statistics: the figures are for orders of magnitude.
//! `cargo bench -p commons`; `STEAD_BENCH_HOSTS` takes fewer hosts than 30.

use std::time::{Duration, Instant};

use commons::identity::Identity;
use commons::record::Record;
use commons::record::rows::{Reach, Which};
use jiff::Timestamp;
use model::entry::{Entry, FactV1, ReadingsV1, RunV1};
use model::fold::HOUR;
use model::host_name::HostName;
use model::plan::stead::Retention;
use model::reading::{Meter, Reading, Window};
use model::report::{Counts, Report};
use model::verdict::Finding;

const UNITS: u64 = 300;
const HOURS: u64 = 30 * 24;
const START: i64 = 1_700_000_000 / 3_600 * 3_600;

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("runs").block_on(work());
}

async fn work() {
    let folder = tempfile::tempdir().expect("a folder");
    let identity = Identity::create_or_load(&folder.path().join("device.key")).expect("a key");
    let path = folder.path().join("record.db");
    let record = Record::open(&path, identity.clone()).await.expect("opened");

    appends(&record).await;
    measures(&record).await;

    let hosts: u64 =
        std::env::var("STEAD_BENCH_HOSTS").ok().and_then(|text| text.parse().ok()).unwrap_or(30);
    let clock = Instant::now();
    for number in 0..hosts {
        fill(&record, &host(number)).await;
    }
    println!(
        "filled: {hosts} hosts, {UNITS} meters, {HOURS} hours in {:.1} s; file {} MB",
        clock.elapsed().as_secs_f64(),
        std::fs::metadata(&path).expect("there").len() / 1_000_000
    );
    record.close().await;

    let clock = Instant::now();
    let record = Record::open(&path, identity).await.expect("opened");
    println!("open again: {:.1} ms", milliseconds(clock.elapsed()));
    reads(&record, hosts).await;
}

async fn appends(record: &Record) {
    let fact = |number: u64| {
        Entry::FactV1(FactV1 {
            host: host(0),
            key: format!("key-{}", number % 50),
            before: None,
            after: Some(number.to_string()),
        })
    };
    let clock = Instant::now();
    for number in 0..500 {
        record.append(&[fact(number)], at(0)).await.expect("appended");
    }
    println!("append, one entry each: {:.0} entries/s", 500.0 / clock.elapsed().as_secs_f64());
    let batch: Vec<Entry> = (0..5_000).map(fact).collect();
    let clock = Instant::now();
    record.append(&batch, at(0)).await.expect("appended");
    println!("append, 5,000 at once: {:.0} entries/s", 5_000.0 / clock.elapsed().as_secs_f64());
}

async fn measures(record: &Record) {
    let host = HostName::nearest("measured");
    let (mut kept, mut folded) = (Vec::new(), Vec::new());
    for minute in 0..180 {
        let readings: Vec<Reading> = (0..UNITS)
            .map(|unit| Reading { meter: meter(unit), epoch: unit, value: value(unit, minute) })
            .collect();
        let now = at(i64::try_from(minute).expect("small") * 60);
        let clock = Instant::now();
        record.measure(&host, &readings, now).await.expect("kept");
        kept.push(clock.elapsed());
        let clock = Instant::now();
        if record.compact(&host, now, &Retention::default()).await.expect("folded").hours > 0 {
            folded.push(clock.elapsed());
        }
    }
    println!("measure, {UNITS} readings: {:.2} ms", milliseconds(middle(&mut kept)));
    println!("compact, 60 × {UNITS} readings: {:.1} ms", milliseconds(middle(&mut folded)));
}

/// A month of hours, a run's verdicts and some facts.
async fn fill(record: &Record, host: &HostName) {
    for day in 0..HOURS / 24 {
        let entries: Vec<Entry> = (0..24)
            .map(|hour| {
                let hour = day * 24 + hour;
                let start = at(i64::try_from(hour).expect("small") * i64::from(HOUR));
                let meters = (0..UNITS).map(|unit| {
                    let mean = value(unit, hour);
                    let (min, max) = (mean - 8_192.0, mean + 65_536.0);
                    let epoch = unit + day / 7;
                    (meter(unit), vec![Window { at: start, epoch, count: 60, min, max, mean }])
                });
                Entry::ReadingsV1(ReadingsV1 {
                    host: host.clone(),
                    window_seconds: HOUR,
                    meters: meters.collect(),
                })
            })
            .collect();
        record.append(&entries, at(0)).await.expect("appended");
    }
    let findings: Vec<Finding> = (0..60)
        .map(|number| Finding {
            name: format!("check-{}", number % 30),
            ..Finding::warn(format!("subject-{number}"), "some evidence of an ordinary length")
        })
        .collect();
    let report = Report { at: at(0), counts: Counts::of(&findings), findings };
    record
        .judge(host, &report, RunV1::WHOLE, at(0), Duration::from_millis(600))
        .await
        .expect("judged");
}

async fn reads(record: &Record, hosts: u64) {
    let before = resident();
    let clock = Instant::now();
    let history = record.history(&host(0), &Reach::CHECKS).await.expect("read");
    let windows: usize = history.meters().map(|(_, windows)| windows.len()).sum();
    println!(
        "history for checks: {windows} windows in {:.0} ms, {} MB more resident",
        milliseconds(clock.elapsed()),
        (resident() - before) / 1_000_000
    );
    drop(history);
    let month = Reach { hours: 720, days: 730, meter: Some(meter(7)) };
    let mut times = Vec::new();
    for number in 0..hosts.min(10) {
        let clock = Instant::now();
        let history = record.history(&host(number), &month).await.expect("read");
        assert_eq!(history.meters().map(|(_, windows)| windows.len()).sum::<usize>(), 720);
        times.push(clock.elapsed());
    }
    println!("history of one meter, a month: {:.0} ms", milliseconds(middle(&mut times)));
    let whole = Reach { meter: None, ..month };
    let clock = Instant::now();
    let history = record.history(&host(0), &whole).await.expect("read");
    println!("history of all meters, a month: {:.0} ms", milliseconds(clock.elapsed()));
    drop(history);

    let mut times = Vec::new();
    for _ in 0..50 {
        let clock = Instant::now();
        let standings = record.standings(None).await.expect("read");
        assert_eq!(standings.len() as u64, 60 * hosts);
        times.push(clock.elapsed());
    }
    println!("verdicts of all hosts: {:.1} ms", milliseconds(middle(&mut times)));
    let mut times = Vec::new();
    for _ in 0..50 {
        let clock = Instant::now();
        let summaries = record.summaries(5, "system").await.expect("read");
        assert_eq!(summaries.iter().filter(|summary| summary.run.is_some()).count() as u64, hosts);
        times.push(clock.elapsed());
    }
    println!("all hosts at a glance: {:.1} ms", milliseconds(middle(&mut times)));
    let clock = Instant::now();
    let changes = record.changes(&Which::default(), 100).await.expect("read");
    println!("last {} changes: {:.1} ms", changes.len(), milliseconds(clock.elapsed()));
    let clock = Instant::now();
    let verified = record.verify().await.expect("walked");
    assert_eq!(verified.fault, None);
    println!("verify: {} entries in {:.1} s", verified.entries, clock.elapsed().as_secs_f64());
    let clock = Instant::now();
    record.rebuild().await.expect("rebuilt");
    println!("rebuild: {:.1} s", clock.elapsed().as_secs_f64());
    println!("resident at the end: {} MB", resident() / 1_000_000);
}

fn host(number: u64) -> HostName {
    HostName::nearest(&format!("host-{number}"))
}

fn meter(unit: u64) -> Meter {
    Meter::new("unit_memory_bytes", format!("some-service-{unit}.service"))
}

/// Something that looks like a unit's memory: pages, wandering.
fn value(unit: u64, step: u64) -> f64 {
    let noise = (unit * 2_654_435_761 + step * 40_503) % 4_096;
    ((5_000 + unit * 37 + noise) * 4_096) as f64
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).expect("in range")
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn middle(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Resident bytes of this process, by /proc/self/statm (in pages of 4 KiB).
fn resident() -> i64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("read");
    let pages = text.split(' ').nth(1).and_then(|field| field.parse::<i64>().ok());
    pages.expect("pages") * 4_096
}
