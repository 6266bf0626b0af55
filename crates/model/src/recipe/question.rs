//! A recipe's check as a question to one machine, and what an answer to it means.
//!
//! Leaves out asking: `host` does that.

use std::net::IpAddr;

use jiff::Timestamp;
use thiserror::Error;

use crate::recipe::definition::Recipe;
use crate::recipe::probe::Check;
use crate::text::printable;
use crate::verdict::Finding;

/// How long an answer may take if the recipe does not say, in seconds.
const PATIENCE: u32 = 10;
/// How long a certificate must still be valid, in hours: a fortnight.
const FORTNIGHT: i64 = 14 * 24;
/// How much of an answer is shown as evidence, in characters.
const SHOWN: usize = 200;

/// A check with its settings filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub name: String,
    pub ask: Ask,
    /// What the answer must contain.
    pub contains: Option<String>,
    /// How long the answer may take.
    pub seconds: u32,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Http {
        url: Url,
        status: u16,
    },
    /// Whether this address accepts connections.
    Tcp(Place),
    /// For `sh -c`.
    Command(String),
    File(String),
    Unit(String),
    Certificate(Place),
    /// In PostgreSQL, as this role over the local socket.
    Query {
        database: String,
        role: String,
        sql: String,
    },
}

/// A port of the machine itself. A name stands for the machine, whatever DNS says: a check never
/// leaves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What is connected to, in this order.
    pub addresses: Vec<IpAddr>,
    /// The name given to the service; an address as it was written.
    pub host: String,
    pub port: u16,
}

/// `http://host:port/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub place: Place,
    /// The host with its port as the service is told, if it is not port 80.
    pub host: String,
    /// With the query; never empty.
    pub path: String,
}

/// What the machine said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Http {
        status: u16,
        body: String,
    },
    Accepted,
    /// A command that ended by itself; no code if by a signal.
    Ended {
        code: Option<i32>,
        output: String,
    },
    /// A file's text, or nothing if it was not asked for.
    There(Option<String>),
    Absent,
    /// `ActiveState` and `SubState` of systemd.
    Unit {
        active: String,
        sub: String,
    },
    Certificate {
        subject: String,
        from: Timestamp,
        until: Timestamp,
    },
    /// The first value of the first row, as text.
    Value(String),
    /// The service's own no: refused, closed, too late, not HTTP.
    Refused(String),
    /// It could not be asked.
    Unasked(String),
}

/// What is wrong with a check.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    #[error("the check `{check}` asks nothing, or more than one thing")]
    NotOne { check: String },
    #[error("the check `{check}` cannot be filled in: {reason}")]
    Template { check: String, reason: String },
    #[error("the check `{check}` names `{given}`, which is no {wanted}")]
    Form { check: String, given: String, wanted: &'static str },
    #[error("the check `{check}` asks a database and the recipe has none")]
    NoDatabase { check: String },
}

/// Makes the recipe's checks into questions, in their order; `render` fills in settings.
///
/// # Errors
/// The first check that is no question.
pub fn questions(
    recipe: &Recipe,
    render: impl Fn(&str) -> Result<String, String>,
) -> Result<Vec<Question>, Error> {
    recipe.checks.iter().map(|check| question(recipe, check, &render)).collect()
}

fn question(
    recipe: &Recipe,
    check: &Check,
    render: &impl Fn(&str) -> Result<String, String>,
) -> Result<Question, Error> {
    let named = || check.name.clone();
    let filled = |text: &Option<String>| match text {
        Some(text) => {
            render(text).map(Some).map_err(|reason| Error::Template { check: named(), reason })
        }
        None => Ok(None),
    };
    let mut asks = Vec::new();
    if let Some(text) = filled(&check.http)? {
        let form = || Error::Form { check: named(), given: text.clone(), wanted: "http:// URL" };
        let url = url(&text).ok_or_else(form)?;
        asks.push(Ask::Http { url, status: check.status.unwrap_or(200) });
    }
    for (text, make) in [
        (&check.tcp, Ask::Tcp as fn(Place) -> Ask),
        (&check.certificate, Ask::Certificate as fn(Place) -> Ask),
    ] {
        if let Some(text) = filled(text)? {
            let wanted = "address:port";
            let form = || Error::Form { check: named(), given: text.clone(), wanted };
            asks.push(make(place(&text, None).ok_or_else(form)?));
        }
    }
    for (text, make) in [
        (&check.command, Ask::Command as fn(String) -> Ask),
        (&check.file, Ask::File as fn(String) -> Ask),
        (&check.unit, Ask::Unit as fn(String) -> Ask),
    ] {
        asks.extend(filled(text)?.map(make));
    }
    if let Some(sql) = filled(&check.query)? {
        let database =
            recipe.database.as_ref().ok_or_else(|| Error::NoDatabase { check: named() })?;
        let role = database.owner.as_ref().or(recipe.package.user.as_ref());
        let role = role.map_or("postgres", String::as_str).to_owned();
        asks.push(Ask::Query { database: database.name.clone(), role, sql });
    }
    let contains = filled(&check.contains)?;
    match <[Ask; 1]>::try_from(asks) {
        Ok([ask]) => Ok(Question {
            name: check.name.clone(),
            ask,
            contains,
            seconds: check.seconds.unwrap_or(PATIENCE).max(1),
        }),
        Err(_) => Err(Error::NotOne { check: named() }),
    }
}

fn url(text: &str) -> Option<Url> {
    let rest = text.strip_prefix("http://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, tail) = rest.split_at(end);
    let tail = tail.split('#').next().unwrap_or_default();
    let path = if tail.starts_with('/') { tail.to_owned() } else { format!("/{tail}") };
    // One line of a request: nothing that could end it.
    let visible = |c: char| c.is_ascii_graphic();
    (host.chars().all(visible) && path.chars().all(visible))
        .then(|| Some(Url { place: place(host, Some(80))?, host: host.to_owned(), path }))?
}

/// `127.0.0.1:80`, `[::1]:80`, `name:80`; without a port only where there is a usual one.
fn place(text: &str, usual: Option<u16>) -> Option<Place> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|&port| port != 0)?,
        None => usual?,
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let addresses = match bare.unwrap_or(host).parse::<IpAddr>() {
        // An address of a listener that takes all is no address to connect to.
        Ok(address) if address.is_unspecified() => vec![loopback(address)],
        Ok(address) => vec![address],
        Err(_) if bare.is_some() || !is_name(host) => return None,
        Err(_) => ["127.0.0.1", "::1"].into_iter().filter_map(|one| one.parse().ok()).collect(),
    };
    Some(Place { addresses, host: bare.unwrap_or(host).to_owned(), port })
}

fn loopback(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    }
}

fn is_name(host: &str) -> bool {
    !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
}

/// Says what an answer means at this time. An answer of another kind than the question's is one
/// that could not be had.
pub fn judge(question: &Question, answer: &Answer, now: Timestamp) -> Finding {
    let subject = subject(&question.ask);
    let contained = |what: &str, text: &str| match &question.contains {
        Some(wanted) if !text.contains(wanted.as_str()) => {
            Err(format!("{what}, without `{wanted}` in it: {}", start(text)))
        }
        Some(wanted) => Ok(format!("{what}, with `{wanted}` in it")),
        None => Ok(what.to_owned()),
    };
    let verdict: Result<String, String> = match (&question.ask, answer) {
        (_, Answer::Unasked(reason)) => return named(question, Finding::unknown(subject, reason)),
        (_, Answer::Refused(reason)) => Err(reason.clone()),
        (Ask::Http { status: wanted, .. }, Answer::Http { status, body }) if wanted == status => {
            contained(&format!("answers {status}"), body)
        }
        (Ask::Http { status: wanted, .. }, Answer::Http { status, .. }) => {
            Err(format!("answers {status} instead of {wanted}"))
        }
        (Ask::Tcp(_), Answer::Accepted) => Ok("accepts connections".to_owned()),
        (Ask::Command(_), Answer::Ended { code: Some(0), output }) => {
            contained("exits with 0", output)
        }
        // POSIX: what sh says when there is no such command, or none that can be run.
        (Ask::Command(_), Answer::Ended { code: Some(126 | 127), output }) => {
            let reason = format!("the command could not be run: {}", start(output));
            return named(question, Finding::unknown(subject, reason));
        }
        (Ask::Command(_), Answer::Ended { code, output }) => {
            let how =
                code.map_or("ends by a signal".to_owned(), |code| format!("exits with {code}"));
            Err(format!("{how}: {}", start(output)))
        }
        (Ask::File(_), Answer::There(text)) => {
            contained("is there", text.as_deref().unwrap_or_default())
        }
        (Ask::File(_), Answer::Absent) => Err("is not there".to_owned()),
        (Ask::Unit(_), Answer::Unit { active, sub }) if active == "active" => {
            Ok(format!("is active ({sub})"))
        }
        (Ask::Unit(_), Answer::Unit { active, sub }) => Err(format!("is {active} ({sub})")),
        (Ask::Certificate(_), Answer::Certificate { subject, from, until }) => {
            valid(subject, *from, *until, now)
        }
        // As psql and any driver print a true value.
        (Ask::Query { .. }, Answer::Value(value)) if ["t", "true"].contains(&value.as_str()) => {
            Ok("answers true".to_owned())
        }
        (Ask::Query { .. }, Answer::Value(value)) => Err(format!("answers `{}`", start(value))),
        _ => {
            let reason = "the answer is of another kind than the question; a defect of stead";
            return named(question, Finding::unknown(subject, reason));
        }
    };
    named(
        question,
        match verdict {
            Ok(evidence) => Finding::pass(subject, evidence),
            Err(evidence) => Finding::fail(subject, evidence),
        },
    )
}

fn valid(
    subject: &str,
    from: Timestamp,
    until: Timestamp,
    now: Timestamp,
) -> Result<String, String> {
    let said = format!("{subject}: valid from {from:.0} until {until:.0}");
    if from > now {
        Err(format!("not valid yet: {said}"))
    } else if until <= now {
        Err(format!("expired: {said}"))
    } else if until.duration_since(now).as_hours() < FORTNIGHT {
        Err(format!("less than a fortnight left: {said}"))
    } else {
        Ok(said)
    }
}

fn named(question: &Question, mut finding: Finding) -> Finding {
    finding.name.clone_from(&question.name);
    finding
}

fn subject(ask: &Ask) -> String {
    let port = |place: &Place| match place.host.contains(':') {
        true => format!("[{}]:{}", place.host, place.port),
        false => format!("{}:{}", place.host, place.port),
    };
    match ask {
        Ask::Http { url, .. } => format!("http://{}{}", url.host, url.path),
        Ask::Tcp(place) => format!("tcp {}", port(place)),
        Ask::Command(line) => line.clone(),
        Ask::File(path) => path.clone(),
        Ask::Unit(unit) => unit.clone(),
        Ask::Certificate(place) => format!("certificate of {}", port(place)),
        Ask::Query { database, sql, .. } => format!("{database}: {sql}"),
    }
}

/// The first lines of what was said, in one.
fn start(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let text = lines.take(5).collect::<Vec<_>>().join("; ");
    if text.is_empty() { "nothing said".to_owned() } else { printable(&text, SHOWN) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(check: &str) -> Result<Question, Error> {
        let text = format!(
            "name = \"a\"\nsummary = \"a\"\nversion = \"1\"\n[source]\ndebian = \"a\"\n\
             [[checks]]\nname = \"answers\"\n{check}\n"
        );
        let recipe: Recipe = toml::from_str(&text).expect("valid");
        let render = |text: &str| match text.contains("{{ lost }}") {
            true => Err("no such setting".to_owned()),
            false => Ok(text.replace("{{ port }}", "8080")),
        };
        Ok(questions(&recipe, render)?.remove(0))
    }

    fn judged(check: &str, answer: Answer) -> String {
        let now = "2026-11-20T22:00:00Z".parse().expect("a time");
        let finding = judge(&asked(check).expect("a question"), &answer, now);
        assert_eq!(finding.name, "answers");
        format!("{} {}: {}", finding.verdict, finding.subject, finding.evidence)
    }

    #[test]
    fn a_name_in_a_check_is_this_machine_and_nothing_else() {
        let Ask::Http { url, status: 200 } =
            asked("http = \"http://our.example.org:{{ port }}/a?b#c\"").expect("good").ask
        else {
            panic!("no http")
        };
        assert_eq!((url.host.as_str(), url.path.as_str()), ("our.example.org:8080", "/a?b"));
        assert!(url.place.addresses.iter().all(IpAddr::is_loopback));
        let Ask::Tcp(place) = asked("tcp = \"[::]:{{ port }}\"").expect("good").ask else {
            panic!("no tcp")
        };
        assert_eq!(place.addresses, ["::1".parse::<IpAddr>().expect("an address")]);
    }

    #[test]
    fn what_is_no_question_is_named() {
        let said = |check: &str| asked(check).expect_err("wrong").to_string();
        assert_eq!(said(""), "the check `answers` asks nothing, or more than one thing");
        assert_eq!(
            said("unit = \"a\"\nfile = \"/a\""),
            "the check `answers` asks nothing, or more than one thing"
        );
        assert_eq!(
            said("tcp = \"localhost\""),
            "the check `answers` names `localhost`, which is no address:port"
        );
        assert_eq!(
            said("http = \"http://a/\\nb\""),
            "the check `answers` names `http://a/\nb`, which is no http:// URL"
        );
        assert_eq!(
            said("command = \"{{ lost }}\""),
            "the check `answers` cannot be filled in: no such setting"
        );
        assert_eq!(
            said("query = \"SELECT true\""),
            "the check `answers` asks a database and the recipe has none"
        );
    }

    #[test]
    fn only_the_expected_answer_passes() {
        let page = |status, body: &str| Answer::Http { status, body: body.to_owned() };
        let http = "http = \"http://localhost/\"\ncontains = \"hello\"";
        assert_eq!(
            judged(http, page(200, "hello you")),
            "pass http://localhost/: answers 200, with `hello` in it"
        );
        assert_eq!(
            judged(http, page(200, "welcome")),
            "fail http://localhost/: answers 200, without `hello` in it: welcome"
        );
        assert_eq!(
            judged(http, page(502, "hello")),
            "fail http://localhost/: answers 502 instead of 200"
        );
        assert_eq!(
            judged(http, Answer::Refused("connection refused".to_owned())),
            "fail http://localhost/: connection refused"
        );
        let ended = |code, output: &str| Answer::Ended { code, output: output.to_owned() };
        assert_eq!(judged("command = \"x\"", ended(Some(0), "")), "pass x: exits with 0");
        assert_eq!(
            judged("command = \"x\"", ended(Some(2), "")),
            "fail x: exits with 2: nothing said"
        );
        assert_eq!(judged("command = \"x\"", ended(None, "a")), "fail x: ends by a signal: a");
        let unit =
            |active: &str, sub: &str| Answer::Unit { active: active.into(), sub: sub.into() };
        assert_eq!(
            judged("unit = \"a.service\"", unit("active", "running")),
            "pass a.service: is active (running)"
        );
        assert_eq!(
            judged("unit = \"a.service\"", unit("activating", "auto-restart")),
            "fail a.service: is activating (auto-restart)"
        );
        assert_eq!(judged("file = \"/a\"", Answer::Absent), "fail /a: is not there");
    }

    #[test]
    fn what_could_not_be_asked_is_unknown() {
        let ended = Answer::Ended { code: Some(127), output: "sh: x: not found".to_owned() };
        assert_eq!(
            judged("command = \"x\"", ended),
            "unknown x: the command could not be run: sh: x: not found"
        );
        assert!(judged("tcp = \"a:1\"", Answer::Unasked("no".to_owned())).starts_with("unknown"));
        assert!(judged("tcp = \"a:1\"", Answer::Absent).starts_with("unknown"));
    }

    #[test]
    fn a_certificate_needs_a_fortnight() {
        let certificate = |from: &str, until: &str| Answer::Certificate {
            subject: "CN=a".to_owned(),
            from: from.parse().expect("a time"),
            until: until.parse().expect("a time"),
        };
        let check = "certificate = \"127.0.0.1:443\"";
        let said = |from, until| judged(check, certificate(from, until));
        assert!(said("2026-01-01T00:00:00Z", "2026-12-04T22:00:00Z").starts_with("pass"));
        assert!(said("2026-01-01T00:00:00Z", "2026-12-04T21:00:00Z").contains("a fortnight left"));
        assert!(said("2026-01-01T00:00:00Z", "2026-11-20T22:00:00Z").contains("expired"));
        assert!(said("2026-11-21T00:00:00Z", "2027-11-20T22:00:00Z").contains("not valid yet"));
    }
}
