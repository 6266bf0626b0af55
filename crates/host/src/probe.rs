//! Asks this machine a recipe's questions, each within its time.
//!
//! Leaves out what an answer means (`model::recipe::question`) and every other machine.

mod connection;
mod http;
mod process;
pub mod way;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use model::recipe::question::{Answer, Ask, Place, Question};
use model::seen::Seen;
use tokio::time::timeout;

use crate::certificates;
use crate::detached;
use crate::probe::connection::{MOST, connect};
use crate::probe::way::Way;

/// Asks one question. Takes at most its time and a moment; what it started is ended by then.
pub async fn ask(question: &Question) -> Answer {
    asked(question, &Way::here()).await
}

/// Asks one question of this machine. Blocks.
pub fn ask_here(question: &Question) -> Answer {
    apart(question, None)
}

/// Asks one question inside a machine whose process 1 this host knows by that number. Blocks.
pub fn ask_inside(question: &Question, leader: i32) -> Answer {
    apart(question, Some(leader))
}

/// On a thread of its own, which may enter another network and never comes back, and whose
/// runtime is not the caller's.
fn apart(question: &Question, leader: Option<i32>) -> Answer {
    let question = question.clone();
    let asking = std::thread::Builder::new().name("stead-probe".to_owned()).spawn(move || {
        if let Some(Err(reason)) = leader.map(way::enter_network) {
            return Answer::Unasked(reason);
        }
        let way = leader.map_or_else(Way::here, Way::inside);
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(asked(&question, &way)),
            Err(error) => Answer::Unasked(format!("cannot ask: {error}")),
        }
    });
    match asking.map(std::thread::JoinHandle::join) {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Answer::Unasked("asking broke off; a defect of stead".to_owned()),
        Err(error) => Answer::Unasked(format!("cannot start a thread: {error}")),
    }
}

async fn asked(question: &Question, way: &Way) -> Answer {
    let limit = Duration::from_secs(u64::from(question.seconds));
    let late = || Answer::Refused(format!("no answer in {} s", question.seconds));
    match &question.ask {
        Ask::Http { url, .. } => timeout(limit, http::get(url)).await.unwrap_or_else(|_| late()),
        Ask::Tcp(place) => match timeout(limit, connect(place)).await {
            Ok(Ok(_)) => Answer::Accepted,
            Ok(Err(answer)) => answer,
            Err(_) => late(),
        },
        Ask::Command(line) => process::command(way, line, limit).await,
        Ask::File(path) => file(way, path.clone(), question.contains.is_some(), limit).await,
        Ask::Unit(unit) => process::unit(way, unit, limit).await,
        Ask::Certificate(place) => certificate(place.clone(), limit).await,
        Ask::Query { database, role, sql } => process::query(way, database, role, sql, limit).await,
    }
}

async fn file(way: &Way, path: String, whole: bool, limit: Duration) -> Answer {
    let (way, place) = (*way, path.clone());
    let look = move || read(way, &place, whole);
    match detached::within(limit, &path, look).await {
        Seen::Seen(answer) => answer,
        Seen::Unseen(reason) => Answer::Unasked(reason),
    }
}

fn read(way: Way, path: &str, whole: bool) -> Answer {
    use std::io::Read;
    let text = way.metadata(path).and_then(|found| {
        if !whole {
            return Ok(None);
        }
        if !found.is_file() {
            return Err(std::io::Error::other("it is no file"));
        }
        let mut bytes = Vec::new();
        let file = way.open(path)?;
        file.take(MOST as u64).read_to_end(&mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    });
    match text {
        Ok(text) => Answer::There(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Answer::Absent,
        Err(error) => Answer::Unasked(format!("cannot read it: {error}")),
    }
}

async fn certificate(place: Place, limit: Duration) -> Answer {
    let what = format!("the certificate of port {}", place.port);
    let look = move || {
        let name = place.host.parse::<std::net::IpAddr>().is_err().then_some(place.host.as_str());
        let mut said = Answer::Unasked("there is no address to ask".to_owned());
        for &address in &place.addresses {
            match certificates::shown(SocketAddr::new(address, place.port), name) {
                Ok(leaf) => {
                    return Answer::Certificate {
                        subject: leaf.subject,
                        from: leaf.not_before,
                        until: leaf.not_after,
                    };
                }
                Err(reason) => said = Answer::Refused(reason),
            }
        }
        said
    };
    match detached::within(limit, &what, look).await {
        Seen::Seen(answer) => answer,
        Seen::Unseen(reason) => Answer::Unasked(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(ask: Ask, contains: Option<&str>, seconds: u32) -> Answer {
        let question = Question {
            name: "answers".to_owned(),
            ask,
            contains: contains.map(str::to_owned),
            seconds,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(super::ask(&question))
    }

    #[test]
    fn a_command_says_how_it_ended() {
        let said = asked(Ask::Command("echo out; echo err >&2; exit 3".to_owned()), None, 30);
        let Answer::Ended { code: Some(3), output } = said else { panic!("{said:?}") };
        assert!(output.contains("out") && output.contains("err"), "{output}");
        let said = asked(Ask::Command("kill -9 $$".to_owned()), None, 30);
        assert!(matches!(said, Answer::Ended { code: None, .. }), "{said:?}");
    }

    #[test]
    fn a_command_that_hangs_is_ended_with_all_it_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pid");
        let line = format!("sleep 3600 & echo $! >{}; wait", file.display());
        let said = asked(Ask::Command(line), None, 2);
        assert_eq!(said, Answer::Refused("no answer in 2 s".to_owned()));
        let pid = std::fs::read_to_string(&file).expect("a number");
        let stat = format!("/proc/{}/stat", pid.trim());
        // Killed is not yet gone: on a busy machine the kernel takes its time.
        let runs = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
        let gone = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            !runs()
        });
        assert!(gone, "the child still runs");
    }

    #[test]
    fn a_command_that_talks_without_end_costs_no_memory() {
        let said = asked(Ask::Command("yes; true".to_owned()), None, 1);
        assert_eq!(said, Answer::Refused("no answer in 1 s".to_owned()));
        let said = asked(Ask::Command("head -c 9000000 /dev/zero".to_owned()), None, 30);
        let Answer::Ended { code: Some(0), output } = said else { panic!("too long") };
        assert!(output.len() <= 2 * MOST);
    }

    #[test]
    fn a_file_is_there_or_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| Ask::File(folder.path().join(name).display().to_string());
        std::fs::write(folder.path().join("a"), "hello").expect("written");
        assert_eq!(asked(path("a"), None, 5), Answer::There(None));
        assert_eq!(asked(path("a"), Some("h"), 5), Answer::There(Some("hello".to_owned())));
        assert_eq!(asked(path("b"), None, 5), Answer::Absent);
    }

    #[test]
    fn a_port_accepts_or_nothing_listens_there() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let place = || Place {
            addresses: vec!["127.0.0.1".parse().expect("an address")],
            host: "127.0.0.1".to_owned(),
            port,
        };
        assert_eq!(asked(Ask::Tcp(place()), None, 5), Answer::Accepted);
        drop(listener);
        let said = asked(Ask::Tcp(place()), None, 5);
        assert_eq!(said, Answer::Refused("nothing listens there".to_owned()));
    }
}
