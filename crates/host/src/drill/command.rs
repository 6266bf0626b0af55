//! Runs one program with a time limit and keeps what it said.
//!
//! Leaves out where it runs: here or inside a sealed machine, its caller decides.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use model::text::printable;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::Error;

/// How much of each output is kept, in bytes; what comes later is read and dropped.
const MOST: usize = 256 * 1024;
/// How long to read on after a program ended whose children still hold its output open.
const GRACE: Duration = Duration::from_millis(200);

/// What a program left.
#[derive(Debug)]
pub(crate) struct Left {
    /// None if it ended by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Left {
    pub(crate) fn well(&self) -> bool {
        self.code == Some(0)
    }

    /// How it ended and its last words, for people.
    pub(crate) fn told(&self) -> String {
        let said = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let lines: Vec<&str> = said.trim().lines().rev().take(3).collect();
        let last: Vec<&str> = lines.into_iter().rev().collect();
        let last = printable(&last.join("; "), 400);
        let ended = match self.code {
            Some(code) => format!("exit status {code}"),
            None => "ended by a signal".to_owned(),
        };
        if last.is_empty() {
            format!("{ended}, and it said nothing")
        } else {
            format!("{ended}: {last}")
        }
    }
}

/// Runs a program to its end, or kills its process group after `limit`.
///
/// # Errors
/// If it cannot be started or is too slow; how it ended is the caller's to judge.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Left, Error> {
    let name = name(command);
    let failed = |source| Error::Run { program: name.clone(), source };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let stdout = child.stdout.take().map(keep);
    let stderr = child.stderr.take().map(keep);
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break Some(status);
        }
        if Instant::now() >= deadline {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                // It may have ended just now.
                let _gone = kill_process_group(group, Signal::KILL);
            }
            child.wait().map_err(failed)?;
            break None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    let text = |kept: Option<mpsc::Receiver<Vec<u8>>>| {
        let bytes = kept.and_then(|kept| kept.recv_timeout(GRACE).ok()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    match status {
        Some(status) => {
            Ok(Left { code: status.code(), stdout: text(stdout), stderr: text(stderr) })
        }
        None => Err(Error::Slow { program: name, seconds: limit.as_secs() }),
    }
}

/// As [`run`], but an error unless it exits with 0; gives its standard output.
pub(crate) fn must(command: &mut Command, limit: Duration) -> Result<String, Error> {
    let left = run(command, limit)?;
    if left.well() {
        return Ok(left.stdout);
    }
    Err(Error::Ended { program: name(command), told: left.told() })
}

/// Names a command; where one leads to another by `--`, the other is the one meant.
fn name(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|word| word.to_string_lossy()));
    let first = words.iter().position(|word| word == "--").map_or(0, |found| found + 1);
    printable(&words[first.min(words.len())..].join(" "), 200)
}

fn keep(mut from: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        let mut block = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut block) {
            let room = MOST.saturating_sub(kept.len()).min(count);
            kept.extend_from_slice(&block[..room]);
        }
        // Nobody may be waiting any more.
        let _unheard = sender.send(kept);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        command
    }

    #[test]
    fn a_program_says_how_it_ended() {
        let error = must(&mut shell("echo no room >&2; exit 3"), Duration::from_secs(20));
        let error = error.expect_err("it failed").to_string();
        assert!(error.contains("exit status 3: no room"), "{error}");
    }

    #[test]
    fn a_slow_program_is_ended() {
        let slow = run(&mut shell("sleep 3600"), Duration::from_millis(50));
        assert!(matches!(slow, Err(Error::Slow { .. })));
    }
}
