//! Runs one command with a time limit and keeps what it said.
//! Where the command runs, here or inside a machine, its caller decides.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// How long to read on after a command ended whose children still hold its output open.
const GRACE: Duration = Duration::from_millis(200);

/// What a command left: its exit status and its whole output, invalid UTF-8 replaced.
#[derive(Debug, Clone)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Says whether the command exited with 0.
    pub fn success(&self) -> bool {
        self.status.success()
    }
}

/// As [`Output`], byte for byte.
pub(crate) struct Bytes {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Bytes {
    pub(crate) fn text(self) -> Output {
        Output {
            status: self.status,
            stdout: String::from_utf8_lossy(&self.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&self.stderr).into_owned(),
        }
    }
}

/// What a command reads.
pub(crate) enum Input {
    Nothing,
    Bytes(Vec<u8>),
    File(File),
}

/// Runs a command to its end, or kills it with all its process group after `limit`.
///
/// Fails when it cannot be started or is too slow; the exit status is the caller's to judge.
pub(crate) fn run(command: &mut Command, input: Input, limit: Duration) -> Result<Bytes> {
    let name = describe(command);
    let (stdin, bytes) = match input {
        Input::Nothing => (Stdio::null(), None),
        Input::Bytes(bytes) => (Stdio::piped(), Some(bytes)),
        Input::File(file) => (Stdio::from(file), None),
    };
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start `{name}`"))?;
    if let (Some(bytes), Some(mut stdin)) = (bytes, child.stdin.take()) {
        // A command that does not read to the end is no fault of this side.
        thread::spawn(move || stdin.write_all(&bytes).is_ok());
    }
    let stdout = child.stdout.take().map(Stream::new);
    let stderr = child.stderr.take().map(Stream::new);
    let status = wait(&mut child, limit)?;
    let stdout = stdout.map(Stream::finish).unwrap_or_default();
    let stderr = stderr.map(Stream::finish).unwrap_or_default();
    match status {
        Some(status) => Ok(Bytes { status, stdout, stderr }),
        None => bail!(
            "`{name}` was killed after {limit:?}; it had said:\n{}{}",
            String::from_utf8_lossy(&stdout),
            String::from_utf8_lossy(&stderr)
        ),
    }
}

/// Runs a command that must exit with 0, and gives its standard output.
pub(crate) fn must(command: &mut Command, input: Input, limit: Duration) -> Result<Vec<u8>> {
    let name = describe(command);
    let bytes = run(command, input, limit)?;
    if bytes.status.success() {
        return Ok(bytes.stdout);
    }
    bail!(
        "`{name}` failed, {}:\n{}{}",
        bytes.status,
        String::from_utf8_lossy(&bytes.stdout),
        String::from_utf8_lossy(&bytes.stderr)
    )
}

/// Waits for a child; `None` when it had to be killed.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Names a command; where one leads to another by `--`, the other is the one meant.
fn describe(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|word| word.to_string_lossy()));
    let first = words.iter().position(|word| word == "--").map_or(0, |found| found + 1);
    words[first..].join(" ")
}

/// One output of a command, read by a thread so that neither pipe can fill up.
struct Stream {
    read: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
}

impl Stream {
    fn new(mut source: impl Read + Send + 'static) -> Self {
        let read = Arc::new(Mutex::new(Vec::new()));
        let (done, end) = mpsc::channel();
        let kept = Arc::clone(&read);
        thread::spawn(move || {
            let mut block = [0; 64 * 1024];
            while let Ok(length @ 1..) = source.read(&mut block) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&block[..length]);
            }
            done.send(())
        });
        Self { read, end }
    }

    fn finish(self) -> Vec<u8> {
        let _ = self.end.recv_timeout(GRACE);
        std::mem::take(&mut *self.read.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_larger_than_a_pipe_arrives_whole() {
        let mut command = shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; exit 3");
        let bytes = run(&mut command, Input::Nothing, Duration::from_secs(20)).unwrap();
        assert_eq!((bytes.stdout.len(), bytes.stderr.len()), (300_000, 300_000));
        assert_eq!(bytes.status.code(), Some(3));
    }

    #[test]
    fn a_slow_command_is_killed_and_its_words_are_kept() {
        let start = Instant::now();
        let mut command = shell("echo so far; sleep 100");
        let error = must(&mut command, Input::Nothing, Duration::from_millis(200)).unwrap_err();
        assert!(error.to_string().contains("so far"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_child_left_in_the_background_does_not_hold_the_command_up() {
        let start = Instant::now();
        let mut command = shell("sleep 5 & echo done");
        let bytes = run(&mut command, Input::Nothing, Duration::from_secs(60)).unwrap();
        assert_eq!(bytes.stdout, b"done\n");
        assert!(start.elapsed() < Duration::from_secs(4));
    }

    #[test]
    fn input_reaches_the_command() {
        let input = Input::Bytes(vec![7; 200_000]);
        let count = must(&mut shell("wc -c"), input, Duration::from_secs(20)).unwrap();
        assert_eq!(String::from_utf8(count).unwrap().trim(), "200000");
    }
}
