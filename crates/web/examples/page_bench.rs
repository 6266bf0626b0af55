//! Measures the pages under a steady load: `cargo run --release -p web --example page_bench`.
//!
//! Leaves out the record: the views come from memory, so that the figures are the page's own.

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/it/stand_in.rs"]
mod stand_in;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

use crate::stand_in::StandIn;

const HOSTS: usize = 30;
const SECONDS: u32 = 20;
const PATHS: [&str; 4] = ["/", "/hosts/runko", "/changes", "/metrics"];
const RATES: [u32; 2] = [50, 200];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let doors = web::Doors::new(address, None);
    tokio::spawn(web::serve(listener, Arc::new(StandIn::new(HOSTS)), doors.clone()));
    let link = doors.link().expect("a link");
    let path = link.split_once(&address.to_string()).expect("the address").1;
    let entered = fetch(address, path, "").await;
    let cookie = entered
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next())
        .expect("a cookie")
        .to_owned();

    println!("{HOSTS} hosts; each request on its own connection; {SECONDS} s at each rate");
    println!("latency from the time a request was due, in ms\n");
    println!("| page | bytes | requests/s | p50 | p90 | p99 | p99.9 | worst |");
    println!("|---|---|---|---|---|---|---|---|");
    for path in PATHS {
        for rate in RATES {
            let (bytes, mut took) = load(address, path, &cookie, rate).await;
            took.sort_unstable();
            let at = |part: f64| {
                let place = ((took.len() as f64 * part).ceil() as usize).clamp(1, took.len());
                took[place - 1].as_secs_f64() * 1000.0
            };
            println!(
                "| {path} | {bytes} | {rate} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
                at(0.5),
                at(0.9),
                at(0.99),
                at(0.999),
                at(1.0)
            );
        }
    }
}

/// Sends requests when they are due, whether or not earlier ones are answered.
async fn load(address: SocketAddr, path: &str, cookie: &str, rate: u32) -> (usize, Vec<Duration>) {
    let begun = Instant::now() + Duration::from_millis(100);
    let requests = (0..rate * SECONDS).map(|n| {
        let due = begun + Duration::from_secs(1) * n / rate;
        let (path, cookie) = (path.to_owned(), cookie.to_owned());
        tokio::spawn(async move {
            sleep_until(due).await;
            let heard = fetch(address, &path, &cookie).await;
            assert!(heard.starts_with("HTTP/1.1 200 "), "{heard}");
            (heard.len(), due.elapsed())
        })
    });
    let requests: Vec<_> = requests.collect();
    let mut bytes = 0;
    let mut took = Vec::with_capacity(requests.len());
    for request in requests {
        let (length, elapsed) = request.await.expect("answered");
        bytes = length;
        took.push(elapsed);
    }
    (bytes, took)
}

async fn fetch(address: SocketAddr, path: &str, cookie: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.expect("heard");
    String::from_utf8_lossy(&heard).into_owned()
}
