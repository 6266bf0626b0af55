//! Processes that are killed while they write, two at a time.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use commons::identity::Identity;
use commons::record::Record;
use commons::record::rows::{Content, Reach};
use model::entry::{Entry, RunV1};
use model::plan::stead::Retention;
use model::reading::{Meter, Reading};
use model::report::Counts;

use crate::place::{Place, at, host};

/// Set for the child; its name and the record's folder.
const NAME: &str = "STEAD_TEST_CHILD";
const FOLDER: &str = "STEAD_TEST_FOLDER";

const ROUNDS: usize = 25;

/// Not a test of its own: the process that the next one starts and kills.
#[tokio::test]
async fn child() {
    let (Ok(name), Ok(folder)) = (std::env::var(NAME), std::env::var(FOLDER)) else { return };
    let folder = std::path::PathBuf::from(folder);
    let identity = Identity::create_or_load(&folder.join("device.key")).expect("a key");
    let record = Record::open(&folder.join("record.db"), identity).await.expect("opened");
    for number in 0.. {
        let run = RunV1 {
            host: host(),
            what: name.clone(),
            counts: Counts::default(),
            milliseconds: number,
        };
        record.append(&[Entry::RunV1(run)], at(1)).await.expect("appended");
        println!("\nrun {number}");
        let now = at(i64::try_from(number).expect("small") * 1_700);
        let reading = Reading { meter: Meter::new("m", name.as_str()), epoch: 0, value: 1.0 };
        record.measure(&host(), &[reading], now).await.expect("kept");
        println!("\nreading {number}");
        let retention = Retention { hourly_days: 2, daily_days: u16::MAX };
        record.compact(&host(), now, &retention).await.expect("folded");
    }
}

fn start(place: &Place, name: &str) -> Child {
    Command::new(std::env::current_exe().expect("this"))
        .args(["--exact", "killing::child", "--nocapture"])
        .env(NAME, name)
        .env(FOLDER, place.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("started")
}

/// Reads what a child tells, on a thread of its own; `many` counts its lines meanwhile.
fn listen(child: &mut Child, many: &Arc<AtomicUsize>) -> JoinHandle<(u64, u64)> {
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let many = Arc::clone(many);
    std::thread::spawn(move || {
        let (mut runs, mut readings) = (0, 0);
        let mut last = String::new();
        for line in output.split(b'\n') {
            // A line counts when the next has begun: the last one may be cut off.
            let line = String::from_utf8_lossy(&line.expect("read")).into_owned();
            let whole = std::mem::replace(&mut last, line);
            if let Some(number) = whole.strip_prefix("run ") {
                runs = number.parse::<u64>().expect("a number") + 1;
            } else if let Some(number) = whole.strip_prefix("reading ") {
                readings = number.parse::<u64>().expect("a number") + 1;
            }
            many.fetch_add(1, Ordering::Relaxed);
        }
        (runs, readings)
    })
}

/// Waits until the children have told so many lines between them, and a little more.
fn wait(many: &AtomicUsize, lines: usize, more: Duration) {
    let late = Instant::now() + Duration::from_secs(30);
    while many.load(Ordering::Relaxed) < lines && Instant::now() < late {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(more);
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_kill_and_two_writers_never_fork_a_log() {
    let place = Place::new();
    let mut acknowledged: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut total = 0;
    for round in 0..ROUNDS {
        let names = [format!("{round}a"), format!("{round}b")];
        let mut children = names.each_ref().map(|name| start(&place, name));
        let many = Arc::new(AtomicUsize::new(0));
        let told = children.each_mut().map(|child| listen(child, &many));
        // The moment differs from round to round; the first few are while the file is made.
        let lines = round.saturating_sub(5) * 13;
        wait(&many, lines, Duration::from_millis((round as u64 * 37) % 90));
        for child in &mut children {
            child.kill().expect("killed");
            child.wait().expect("ended");
        }
        for (told, name) in told.into_iter().zip(names) {
            let counts = told.join().expect("read");
            total += counts.0;
            acknowledged.insert(name, counts);
        }
    }
    println!("{ROUNDS} rounds, two writers each: {total} entries acknowledged");
    assert!(total > 100, "too few were written for this to mean anything: {total}");

    let record = place.open().await;
    let verified = record.verify().await.expect("walked");
    assert_eq!(verified.fault, None);
    let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for stored in record.entries(u32::MAX, None).await.expect("read").into_iter().rev() {
        if let Content::Entry(Entry::RunV1(run)) = stored.content {
            found.entry(run.what).or_default().push(run.milliseconds);
        }
    }
    let everything = Reach { hours: u32::MAX, days: u32::MAX, meter: None };
    let history = record.history(&host(), &everything).await.expect("read");
    for (name, (runs, readings)) in acknowledged {
        let own = found.remove(&name).unwrap_or_default();
        // One more may have been written than was told.
        assert!(own.len() as u64 == runs || own.len() as u64 == runs + 1, "{name}: {own:?}");
        assert!(own.iter().enumerate().all(|(place, number)| place as u64 == *number));
        let counted: u64 = history.of("m", &name).iter().map(|w| u64::from(w.count)).sum();
        assert!(counted == readings || counted == readings + 1, "{name}: {counted}, {readings}");
    }
    let before = history.meters().count();
    record.rebuild().await.expect("rebuilt");
    assert_eq!(record.history(&host(), &everything).await.expect("read").meters().count(), before);
}
