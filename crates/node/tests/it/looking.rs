//! Who looks, who records, and whose turn it is to watch.

use commons::record::rows::Content;
use model::check::Check;
use model::entry::Entry;
use node::error::Error;
use node::home::Turn;
use node::look::Look;
use tokio::net::UnixListener;
use tokio::sync::oneshot;

use crate::place::Place;

fn disk() -> Vec<&'static Check> {
    vec![model::checks::named("disk-space").expect("a check")]
}

#[tokio::test]
async fn a_look_records_under_the_names_of_the_checks_it_asked() {
    let place = Place::new();
    let home = place.found().await;
    let look = Look::open(&place.address()).await.expect("opened");
    let report = look.report(&disk(), &|_| {}).await.expect("looked");
    assert!(report.findings.iter().all(|finding| finding.name == "disk-space"));
    let stored = home.record.entries(100_000, None).await.expect("read");
    let runs: Vec<&str> = stored
        .iter()
        .filter_map(|stored| match &stored.content {
            Content::Entry(Entry::RunV1(run)) => Some(run.what.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(runs, ["check disk-space"]);
}

#[tokio::test]
async fn a_look_records_nothing_while_another_process_watches() {
    let place = Place::new();
    let home = place.found().await;
    let _watch = home.state.watch().expect("asked").expect("ours");
    let look = Look::open(&place.address()).await.expect("opened");
    let report = look.report(&disk(), &|_| {}).await.expect("looked");
    assert!(!report.findings.is_empty());
    assert_eq!(home.record.entries(100_000, None).await.expect("read"), []);
}

#[tokio::test]
async fn a_look_without_a_stead_makes_none() {
    let place = Place::new();
    Look::open(&place.address()).await.expect("opened");
    assert!(matches!(place.address().home().await, Err(Error::Absent { .. })));
}

#[tokio::test]
async fn a_second_watcher_is_given_the_first_ones_socket() {
    let place = Place::new();
    let home = place.found().await;
    let _watch = home.state.watch().expect("asked").expect("ours");
    let _listener = UnixListener::bind(home.state.socket()).expect("a socket");
    let turn = home.watch(|| panic!("there is somebody to ask")).await.expect("a turn");
    assert!(matches!(turn, Turn::Theirs(_)));
}

#[tokio::test]
async fn who_finds_another_looking_watches_when_that_look_has_ended() {
    let place = Place::new();
    let home = place.found().await;
    let look = home.state.watch().expect("asked").expect("ours");
    let (told, waiting) = oneshot::channel();
    let other = tokio::spawn(async move {
        let turn = home.watch(|| told.send(()).expect("somebody hears")).await;
        matches!(turn, Ok(Turn::Ours(_)))
    });
    waiting.await.expect("it waits");
    drop(look);
    assert!(other.await.expect("no panic"));
}
