//! What the pages show, and that nothing in them can do harm.

use std::sync::Arc;
use std::time::Duration;

use api::answer::Answer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::served::Served;
use crate::stand_in::StandIn;

pub const PAGES: [&str; 7] = [
    "/",
    "/changes",
    "/hosts/runko",
    "/hosts/runko/logs",
    "/hosts/runko/timers",
    "/hosts/runko/changes",
    "/hosts/runko/history?series=unit_memory_bytes&subject=worker-01.service&span=week",
];

async fn served() -> Served {
    Served::new(Arc::new(StandIn::new(30))).await
}

#[tokio::test]
async fn the_overview_names_the_worst_first_and_nothing_unknown_is_green() {
    let page = served().await.page("/").await;
    assert_eq!(page.status, 200);
    let place = |host: &str| page.body.find(&format!("/hosts/{host}\"")).expect("the host");
    // Fail, warn, unknown, silent, and one that is well.
    let order = [place("runko"), place("bramble"), place("otso"), place("vesi"), place("pi-20")];
    assert!(order.is_sorted(), "{order:?}");
    let well = page.body.find("All well").expect("the well ones");
    assert!(place("vesi") < well && place("pi-08") < well && place("pi-20") > well);
    assert!(page.body.contains("5 of 30 hosts need attention"), "{}", page.body);
}

#[tokio::test]
async fn a_host_shows_evidence_fix_and_plots() {
    let page = served().await.page("/hosts/runko").await.body;
    for text in [
        "synapse-backup.timer",
        "systemctl restart synapse.service",
        "<title id=",
        "Now ",
        "As a table",
        "6.1.0-28-amd64",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(page.contains("<details class=\"group\" id=\"group-fail\" open>"));
    assert!(page.contains("<details class=\"group\" id=\"group-pass\">"));
}

#[tokio::test]
async fn logs_and_timers_say_what_is_new_and_what_is_loose() {
    let served = served().await;
    let logs = served.page("/hosts/runko/logs").await.body;
    let lead = "9708 lines folded to 212 templates: 1 new, 1 ten times as often in the last run.";
    for text in [lead, "4120 within an hour from", "where 12.5 were usual", "ssh.service"] {
        assert!(logs.contains(text), "{text}");
    }
    let timers = served.page("/hosts/runko/timers").await.body;
    for text in ["6 timers, 1 finding.", "synapse-backup.timer", "*-*-* 02:30:00", "nothing"] {
        assert!(timers.contains(text), "{text}");
    }
    let unseen = served.page("/hosts/pi-09/logs").await.body;
    assert!(unseen.contains("The journal was not read: no journal was found."));
    let unseen = served.page("/hosts/pi-09/timers").await.body;
    assert!(unseen.contains("The timers were not seen: process 1 is not systemd."));
}

#[tokio::test]
async fn hostile_content_is_inert_and_short() {
    let poison = "<script>alert(1)</script>\" onload=\"x\u{1b}[31m\u{202e}\0\n<!--&amp;";
    let long = "A".repeat(1 << 20);
    for poison in [poison, &long] {
        let served = Served::new(Arc::new(StandIn::poisoned(30, poison))).await;
        for path in PAGES {
            let page = served.page(path).await;
            assert_eq!(page.status, 200, "{path}");
            let body = &page.body;
            assert_eq!(body.matches("<script").count(), 1, "{path}");
            assert!(!body.contains("onload=\"x"), "{path}");
            assert!(!body.contains("<!--"), "{path}");
            assert!(!body.contains(['\u{1b}', '\u{202e}', '\0']), "{path}");
            assert!(body.len() < 1_500_000, "{path}: {} bytes", body.len());
        }
        let metrics = served.page("/metrics").await;
        assert!(metrics.body.ends_with("# EOF\n"));
        assert!(!metrics.body.contains(['\u{1b}', '\0']));
    }
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let served = served().await;
    let page = served.page("/hosts/nobody").await;
    assert_eq!(page.status, 404);
    assert!(page.body.contains("There is no host `nobody`."), "{}", page.body);
    assert_eq!(served.page("/hosts/runko/history").await.status, 400);
    let empty = Served::new(Arc::new(StandIn::new(0))).await.page("/").await;
    assert!(empty.body.contains("No host has reported yet."));
}

#[tokio::test]
async fn every_sample_of_the_metrics_can_be_read() {
    let page = served().await.page("/metrics").await;
    assert_eq!(
        page.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let mut families = std::collections::BTreeSet::new();
    for line in page.body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let family = rest.split(' ').next().expect("a name");
            assert!(families.insert(family.to_owned()), "{family} stands twice");
        } else if !line.starts_with('#') {
            let (_, value) = line.rsplit_once(' ').expect("a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    for family in ["stead_build", "stead_check_findings", "stead_last_run_timestamp_seconds"] {
        assert!(families.contains(family), "{family}");
    }
}

#[tokio::test]
async fn a_change_reaches_a_listening_page() {
    let answer = Arc::new(StandIn::new(3));
    let served = Served::new(Arc::clone(&answer) as Arc<dyn Answer>).await;
    let cookie = served.enter().await;
    let mut stream = TcpStream::connect(served.address).await.expect("connected");
    let head = format!("GET /events HTTP/1.1\r\nHost: {}\r\n{cookie}\r\n\r\n", served.address);
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut heard = String::new();
    let mut buffer = [0; 4096];
    for number in ["data: 1\n", "data: 7\n"] {
        while !heard.contains(number) {
            let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer));
            let count = read.await.expect("in time").expect("read");
            assert!(count > 0, "hung up after: {heard}");
            heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        answer.changed.send_replace(7);
    }
    assert!(heard.contains("content-type: text/event-stream"), "{heard}");
}
