//! A drill on another host of the plan, through the system's own `ssh`: its configuration, its
//! keys, its known hosts.
//!
//! Leaves out what is drilled. The other side is this same program with `--here`; it reads a key
//! from its standard input, if one is sent, and ends when that is closed, whatever closed it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use backup::password::Password;
use jiff::Timestamp;
use model::backup::drill::{DrillV1, Outcome, judge};
use model::host_name::HostName;
use model::text::printable;

/// No drill says more, in bytes.
const LARGEST: u64 = 1024 * 1024;
/// No line of progress is longer, in bytes; what is, counts as more than one.
const LINE: u64 = 64 * 1024;
/// How often is looked whether `ssh` has ended once its answer is whole.
const END: Duration = Duration::from_millis(10);
/// How often is asked whether somebody wants it to end.
const ASK: Duration = Duration::from_millis(100);
/// What the script there ends with if there is no such program, as a shell does.
const NO_PROGRAM: i32 = 127;
/// What `ssh` itself ends with, ssh(1).
const NO_SSH: i32 = 255;
/// How `clap` ends on an argument that it does not know.
const USAGE: i32 = 2;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`ssh` does not run")]
    Ssh { source: std::io::Error },
    #[error("`{address}` is no host for `ssh`")]
    Address { host: HostName, address: String },
    #[error("cannot reach {host} by `ssh {address}`: {told}")]
    Unreachable { host: HostName, address: String, told: String },
    #[error("there is no `stead` on {host}")]
    NoStead { host: HostName },
    #[error("the `stead` on {host} is another version and does not drill for others: {told}")]
    Older { host: HostName, told: String },
    #[error("{host} did not drill: {told}")]
    There { host: HostName, told: String },
    #[error("what {host} answered is no drill as it was asked for: {told}")]
    Answer { host: HostName, told: String },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Ssh { .. } => "`apt-get install openssh-client`".to_owned(),
            Self::Address { host, .. } => {
                format!("write `address` in hosts/{host}.toml as `ssh` takes it, as `root@{host}`")
            }
            Self::Unreachable { host, address, .. } => format!(
                "`ssh {address} true` has to work without asking; `address` in hosts/{host}.toml \
                 and ~/.ssh/config say where and as whom"
            ),
            Self::NoStead { host } => format!(
                "copy this program there: `scp $(command -v stead) root@{host}:/usr/local/bin/`"
            ),
            Self::Older { host, .. } => format!("put the same version on {host}"),
            Self::There { .. } | Self::Answer { .. } => return None,
        })
    }
}

/// What is asked of the other host.
#[derive(Clone, Copy, Debug)]
pub struct Errand<'a> {
    pub host: &'a HostName,
    /// As `ssh` takes it.
    pub address: &'a str,
    /// The plan's folder there; the usual one if missing.
    pub plan: Option<&'a str>,
    /// What follows `stead drill`.
    pub words: &'a [&'a str],
    /// The repository's key, if the host need not have it.
    pub key: Option<&'a Password>,
}

/// Drills there. `say` gets each line of progress; `is_over` is asked now and then whether to end
/// it, and whatever it says, the other side is waited for, unless it says so twice.
///
/// # Errors
/// If there was no drill, not even one that proves nothing.
pub fn drill(
    errand: &Errand<'_>,
    say: impl Fn(&str) + Sync,
    is_over: impl Fn() -> Over,
) -> Result<DrillV1, Error> {
    let Errand { host, address, .. } = *errand;
    if address.is_empty() || address.starts_with('-') || address.contains(char::is_whitespace) {
        return Err(Error::Address { host: host.clone(), address: address.to_owned() });
    }
    let mut child = begin(errand)?;
    let stdin = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let (sender, ended) = mpsc::channel();
        let answer = scope.spawn(move || {
            let mut text = Vec::new();
            let read = stdout.map(|stdout| stdout.take(LARGEST).read_to_end(&mut text));
            drop((read, sender));
            text
        });
        let errors = scope.spawn(|| heard(stderr, &say));
        let status = wait(&mut child, stdin, errand.key, &ended, is_over);
        let text = answer.join().unwrap_or_default();
        let errors = errors.join().unwrap_or_default();
        match serde_json::from_slice(&text) {
            Ok(drill) => Ok(drill),
            Err(_) => Err(why(errand, status.map_err(|source| Error::Ssh { source })?, &errors)),
        }
    })
}

/// What the drill has to be of.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub host: &'a HostName,
    pub service: &'a str,
    pub target: &'a str,
    /// How the snapshot's id begins, if one was named.
    pub snapshot: Option<&'a str>,
    /// By the clock here.
    pub asked: Timestamp,
}

/// Takes an answer that arrived at this time for what it shows, and for nothing more. The other
/// host's clock is not believed: the drill was made between the question and the answer.
///
/// # Errors
/// If it is of something else, or its steps do not show what it says.
pub fn accept(wanted: &Wanted<'_>, answer: DrillV1, now: Timestamp) -> Result<DrillV1, Error> {
    let Wanted { host, service, target, snapshot, asked } = *wanted;
    let refused =
        |told: String| Err(Error::Answer { host: host.clone(), told: printable(&told, 300) });
    let names = [&answer.service, &answer.host, &answer.target];
    if names != [service, host.as_str(), target] {
        let [service, host, target] = names;
        return refused(format!("it is of {service} from {target} on {host}"));
    }
    if let (Some(id), Some(named)) = (&answer.snapshot, snapshot)
        && !id.starts_with(named)
    {
        return refused(format!("it is of snapshot {id}, and {named} was named"));
    }
    let (outcome, reason) = judge(&answer.steps);
    if outcome != answer.outcome {
        let (said, shown) = (answer.outcome.word(), outcome.word());
        return refused(format!("it says {said}, and its steps show {shown}: {reason}"));
    }
    if outcome == Outcome::Pass && (answer.snapshot.is_none() || answer.snapshot_at.is_none()) {
        return refused("it says PASS and names no snapshot".to_owned());
    }
    // Whichever clock went back meanwhile, the answer is not older than the question.
    Ok(DrillV1 { at: answer.at.clamp(asked, now.max(asked)), ..answer })
}

/// Whether somebody wants it to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    No,
    /// The other side takes everything away, and says so.
    Soon,
    /// Without waiting for that: it does so all the same.
    Now,
}

fn begin(errand: &Errand<'_>) -> Result<Child, Error> {
    Command::new("ssh")
        .args(["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "ControlMaster=no"])
        .args(["-o", "ServerAliveInterval=15", "--", errand.address])
        .arg(format!("exec sh -c {}", quoted(&script(errand))))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C is for us: the other side is told by the end of its input.
        .process_group(0)
        .spawn()
        .map_err(|source| Error::Ssh { source })
}

/// What is run there, as root.
fn script(errand: &Errand<'_>) -> String {
    let mut line = "stead".to_owned();
    let plan = errand.plan.map(|plan| ["--dir", plan]);
    let words = plan.iter().flatten().chain(&["drill"]).chain(errand.words);
    for word in words.chain(&["--json", "--here", errand.host.as_str()]) {
        line.push(' ');
        line.push_str(&quoted(word));
    }
    format!(
        "command -v stead >/dev/null || exit {NO_PROGRAM}; \
         if [ \"$(id -u)\" = 0 ]; then exec {line}; else exec sudo -n {line}; fi"
    )
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Sends the key, or says that none comes.
fn send(mut stdin: &ChildStdin, key: Option<&Password>) -> std::io::Result<()> {
    let mut line = key.map_or_else(String::new, |key| key.reveal().to_owned());
    line.push('\n');
    stdin.write_all(line.as_bytes())?;
    stdin.flush()
}

/// Says that no key comes: the drill takes the one that its host keeps.
pub(crate) fn no_key(stdin: &ChildStdin) -> std::io::Result<()> {
    send(stdin, None)
}

/// Hands progress on, and keeps what tells of an error.
fn heard(stderr: Option<impl Read>, say: &(impl Fn(&str) + Sync)) -> Vec<String> {
    let mut errors = Vec::new();
    let Some(stderr) = stderr else { return errors };
    let (mut from, mut line) = (BufReader::new(stderr), Vec::new());
    while let Ok(1..) = from.by_ref().take(LINE).read_until(b'\n', &mut line) {
        let line = printable(String::from_utf8_lossy(&std::mem::take(&mut line)).trim_end(), 1000);
        // What is no step of a drill is of `ssh`, of the shell there, or an error.
        if is_progress(&line) {
            say(&line);
        } else if !line.trim().is_empty() && errors.len() < 20 {
            errors.push(line.trim().to_owned());
        }
    }
    errors
}

/// Whether a line tells how a drill goes on.
fn is_progress(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("Drilling") || matches!(words.next(), Some("done" | "bad" | "barred"))
}

/// Whether a line of this program tells of an error.
pub(crate) fn is_error(line: &str) -> bool {
    ["error: ", "cause: ", "hint: "].iter().any(|start| line.trim_start().starts_with(start))
}

fn wait(
    child: &mut Child,
    stdin: Option<ChildStdin>,
    key: Option<&Password>,
    ended: &mpsc::Receiver<()>,
    is_over: impl Fn() -> Over,
) -> std::io::Result<ExitStatus> {
    // Who is gone already says why on its way out.
    let mut stdin = stdin.filter(|stdin| send(stdin, key).is_ok());
    let mut answered = false;
    loop {
        if answered {
            drop(stdin.take());
            // It may say all that it has to and stay all the same.
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(END);
        } else {
            let waited = ended.recv_timeout(ASK);
            answered = waited != Err(mpsc::RecvTimeoutError::Timeout);
        }
        match is_over() {
            Over::No => {}
            Over::Soon => drop(stdin.take()),
            Over::Now => {
                child.kill()?;
                return child.wait();
            }
        }
    }
}

fn why(errand: &Errand<'_>, status: ExitStatus, errors: &[String]) -> Error {
    let host = errand.host.clone();
    let told = match errors {
        [] => format!("it said nothing, {status}"),
        errors => errors.join("; "),
    };
    match status.code() {
        Some(NO_SSH) => Error::Unreachable { host, address: errand.address.to_owned(), told },
        Some(NO_PROGRAM) => Error::NoStead { host },
        Some(USAGE) => Error::Older { host, told },
        _ => Error::There { host, told },
    }
}

#[cfg(test)]
mod tests {
    use model::backup::drill::{Ended, Step, StepV1};

    use super::*;

    #[test]
    fn what_is_run_there_is_quoted_and_holds_no_key() {
        let host = "bramble".parse().expect("a label");
        let words = ["chat", "--snapshot", "4f2c'; rm -rf /; '"];
        let key = Password::generate().expect("bytes");
        let errand = Errand {
            host: &host,
            address: "root@bramble",
            plan: Some("/srv/mesh"),
            words: &words,
            key: Some(&key),
        };
        let line = script(&errand);
        assert!(line.contains("exec stead '--dir' '/srv/mesh' 'drill' 'chat' '--snapshot' "));
        assert!(line.contains(r"'4f2c'\''; rm -rf /; '\''' '--json' '--here' 'bramble'"), "{line}");
        assert!(!line.contains(key.reveal()));
    }

    #[test]
    fn an_answer_is_taken_only_for_what_was_asked_and_is_shown() {
        let host: HostName = "bramble".parse().expect("a label");
        let time = |second| Timestamp::from_second(second).expect("in range");
        let wanted = Wanted {
            host: &host,
            service: "chat",
            target: "disk",
            snapshot: Some("4f2c"),
            asked: time(1000),
        };
        let done =
            |step| StepV1 { step, ended: Ended::Done, milliseconds: 1, evidence: String::new() };
        use Step::{Clear, Fetch, Files, Machine, Manifest, Sealed, Service};
        let good = DrillV1 {
            service: "chat".to_owned(),
            host: "bramble".to_owned(),
            target: "disk".to_owned(),
            snapshot: Some(format!("4f2c{}", "0".repeat(60))),
            snapshot_at: Some(time(900)),
            at: time(5),
            outcome: Outcome::Pass,
            reason: String::new(),
            steps: [Fetch, Files, Machine, Manifest, Service, Sealed, Clear].map(done).to_vec(),
            restore_milliseconds: Some(1),
            milliseconds: 1,
        };
        let taken = |one: &DrillV1| accept(&wanted, one.clone(), time(2000));
        assert_eq!(taken(&good).expect("as asked").at, time(1000));
        let ahead = DrillV1 { at: time(9_000_000), ..good.clone() };
        assert_eq!(taken(&ahead).expect("as asked").at, time(2000));
        for other in [
            DrillV1 { target: "offsite".to_owned(), ..good.clone() },
            DrillV1 { service: "wiki".to_owned(), ..good.clone() },
            DrillV1 { host: "runko".to_owned(), ..good.clone() },
            DrillV1 { snapshot: Some("5".repeat(64)), ..good.clone() },
            DrillV1 { snapshot: None, ..good.clone() },
            DrillV1 { snapshot_at: None, ..good.clone() },
            DrillV1 { steps: Vec::new(), ..good.clone() },
            DrillV1 { outcome: Outcome::Fail, ..good.clone() },
        ] {
            assert!(taken(&other).is_err(), "{other:?}");
        }
        let none = DrillV1 { steps: Vec::new(), outcome: Outcome::Unknown, ..good };
        assert!(taken(&none).is_ok(), "what could not run is told");
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_whole() {
        let endless = std::io::repeat(b'x').take(10 * LINE);
        let errors = heard(Some(endless), &|_: &str| {});
        assert_eq!(errors.len(), 10);
        assert!(errors.iter().all(|line| line.len() < 1100));
        let said = std::sync::Mutex::new(Vec::new());
        let say = |line: &str| said.lock().expect("whole").push(line.to_owned());
        let errors = heard(Some(&b"fetch done 1 s\nerror: no\n"[..]), &say);
        assert_eq!(
            (errors, said.into_inner().expect("whole").len()),
            (vec!["error: no".into()], 1)
        );
    }

    #[test]
    fn who_stays_after_its_answer_can_still_be_ended() {
        let mut child = Command::new("sh")
            .args(["-c", "exec >&- 2>&-; sleep 3600"])
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("a shell");
        let (sender, ended) = mpsc::channel();
        drop(sender);
        let asked = std::cell::Cell::new(0);
        let is_over = || {
            asked.set(asked.get() + 1);
            if asked.get() > 2 { Over::Now } else { Over::No }
        };
        let stdin = child.stdin.take();
        let status = wait(&mut child, stdin, None, &ended, is_over).expect("waited for");
        assert_eq!(status.code(), None, "it was killed");
    }

    #[test]
    fn progress_is_told_from_errors() {
        assert!(is_progress("fetch      done      1.2 s  snapshot 4f2c"));
        assert!(is_progress("Drilling chat in a machine without a network"));
        assert!(!is_progress("error: the plan has no service `chat`"));
        assert!(!is_progress("ssh: connect to host bramble port 22: Connection refused"));
    }
}
