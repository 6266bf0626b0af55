//! The page's overview of thirty hosts, served by a real node from a real record, under a steady
//! load from another process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context;
use host::observer::Observer;
use jiff::Timestamp;
use model::entry::RunV1;
use model::host_name::HostName;
use model::member_name::MemberName;
use model::report::{Counts, Report};
use model::verdict::{Finding, Verdict};
use node::answers::Latest;
use node::home::{Address, Home};
use node::service::Service;
use node::watcher::Watcher;

const HOSTS: u32 = 30;
const SUBJECTS: u32 = 3;
const PER_SECOND: u32 = 50;
const SECONDS: u32 = 30;
const CONNECTIONS: usize = 8;

pub fn run() -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let address = Address {
        plan: Some(folder.path().join("plan")),
        state: Some(folder.path().join("state")),
        host: HostName::nearest("host-0"),
        member: MemberName::nearest("el"),
    };
    let founding = address.founding(Some("thirty"), None)?;
    let (home, _) = address.found(&founding).await?;
    for number in 0..HOSTS {
        fill(&home, number).await?;
    }
    let home = Arc::new(home);
    let latest = Latest::default();
    let day = Duration::from_secs(86_400);
    let local = "127.0.0.1:0".parse()?;
    let service = Service::open(&home, latest.clone(), Some(local), day, "bench").await?;
    let link = service.link()?.context("a page")?;
    let watcher = Watcher::new(Arc::clone(&home), Observer::default(), latest);
    let loaded = async {
        let measured = tokio::task::spawn_blocking(move || -> anyhow::Result<String> {
            let cookie = enter(&link)?;
            let url = link.split('?').next().context("a page")?.to_owned();
            let output =
                Command::new(std::env::current_exe()?).args(["load", &url, &cookie]).output()?;
            anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Ok(String::from_utf8(output.stdout)?)
        });
        match measured.await {
            Ok(Ok(table)) => print!("{table}"),
            Ok(Err(error)) => eprintln!("error: {error:#}"),
            Err(error) => eprintln!("error: {error}"),
        }
    };
    service.run(watcher, |_| {}, loaded).await;
    Ok(())
}

/// A host with as many findings and facts as a real one, some of them bad.
async fn fill(home: &Home, number: u32) -> anyhow::Result<()> {
    let host = HostName::nearest(&format!("host-{number}"));
    let now = Timestamp::now();
    let mut findings = Vec::new();
    for (place, check) in model::checks::all().enumerate() {
        for subject in 0..SUBJECTS {
            let verdict = match (place as u32 + number + subject) % 17 {
                0 => Verdict::Fail,
                1 | 2 => Verdict::Warn,
                3 => Verdict::Unknown,
                _ => Verdict::Pass,
            };
            let mut finding = Finding::pass(
                format!("subject-{subject}.service"),
                format!(
                    "{}: what was seen, at some length, as it would be said of a machine",
                    check.title
                ),
            );
            finding.name = check.name.to_owned();
            finding.verdict = verdict;
            finding.fix = Some("systemctl restart subject.service, then look again".to_owned());
            findings.push(finding);
        }
    }
    let report = Report { at: now, counts: Counts::of(&findings), findings };
    home.record.judge(&host, &report, RunV1::WHOLE, now, Duration::from_millis(400)).await?;
    let facts = (0..300).map(|place| (format!("packages.package-{place}"), format!("1.{place}-1")));
    let system = ("machine.system".to_owned(), "Debian GNU/Linux 12 (bookworm)".to_owned());
    home.record.observe(&host, &facts.chain([system]).collect(), now).await?;
    Ok(())
}

/// Uses the one-time link; gives the session's cookie.
fn enter(link: &str) -> anyhow::Result<String> {
    let rest = link.strip_prefix("http://").context("http")?;
    let (address, path) = rest.split_once('/').context("a path")?;
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    Ok(cookie.and_then(|cookie| cookie.split(';').next()).context("a cookie")?.to_owned())
}

/// Asks for the page at a steady rate, whether or not the last answer has come; a request's time
/// counts from when it was due.
pub fn load(url: &str, cookie: &str) -> anyhow::Result<()> {
    let address = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix('/'));
    let address = address.context("a page")?.to_owned();
    let (send, receive) = mpsc::channel();
    let began = Instant::now() + Duration::from_millis(200);
    let total = PER_SECOND * SECONDS;
    let mut workers = Vec::new();
    for worker in 0..CONNECTIONS {
        let (address, cookie, send) = (address.clone(), cookie.to_owned(), send.clone());
        workers.push(std::thread::spawn(move || -> anyhow::Result<()> {
            let mut stream = BufReader::new(TcpStream::connect(&address)?);
            for number in (worker as u32..total).step_by(CONNECTIONS) {
                let due = began + Duration::from_secs(1) * number / PER_SECOND;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let size = ask(&mut stream, &address, &cookie)?;
                send.send((due.elapsed(), size))?;
            }
            Ok(())
        }));
    }
    drop(send);
    let mut answers: Vec<(Duration, usize)> = receive.iter().collect();
    for worker in workers {
        worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))??;
    }
    answers.sort();
    let at = |part: f64| {
        let place = ((answers.len() as f64 * part) as usize).min(answers.len().saturating_sub(1));
        answers.get(place).map_or(0.0, |(took, _)| took.as_secs_f64() * 1000.0)
    };
    let size = answers.first().map_or(0, |(_, size)| *size);
    println!(
        "| requests | hosts | page KiB | p50 ms | p90 ms | p99 ms | most ms |\n|---|---|---|---|---|---|---|"
    );
    println!(
        "| {} at {PER_SECOND}/s | {HOSTS} | {:.1} | {:.2} | {:.2} | {:.2} | {:.2} |",
        answers.len(),
        size as f64 / 1024.0,
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
    Ok(())
}

/// One request on an open connection; gives the size of the answer's body.
fn ask(stream: &mut BufReader<TcpStream>, address: &str, cookie: &str) -> anyhow::Result<usize> {
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes())?;
    let mut length = 0;
    let mut line = String::new();
    stream.read_line(&mut line)?;
    anyhow::ensure!(line.starts_with("HTTP/1.1 200"), "{line}");
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(length)
}
