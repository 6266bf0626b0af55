//! The few things asked of git, by its own program.
//!
//! The member's hooks, signing and templates are left out: a commit made by stead never asks.

use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A folder on a mount whose server is gone must not keep us.
const PATIENCE: Duration = Duration::from_secs(20);

/// In whose name a commit is made, unless git knows better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    pub name: String,
    pub address: String,
}

/// How it went. Git keeps the history; the plan itself does without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// The plan is written but has no history, for this reason.
    NoHistory(String),
}

impl Outcome {
    pub(crate) fn and_then(self, next: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Done => next(),
            Self::NoHistory(_) => self,
        }
    }
}

/// Makes the folder a repository with the branch `main`.
pub(crate) fn init(folder: &Path) -> Outcome {
    run(folder, &["init", "--quiet", "--initial-branch=main", "--template="])
}

/// Writes the whole history into one file, from which `git clone` makes it again.
pub fn bundle(folder: &Path, to: &Path) -> Outcome {
    run(folder, &["bundle", "create", "--quiet", &to.to_string_lossy(), "--all"])
}

/// Commits just these files.
pub(crate) fn commit(folder: &Path, files: &[&str], message: &str, author: &Author) -> Outcome {
    let mut add = vec!["add", "--"];
    add.extend(files);
    let identity = identity(folder, author);
    let mut commit: Vec<&str> = identity.iter().map(String::as_str).collect();
    commit.extend(["-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"]);
    commit.extend(["commit", "--quiet", "--message", message, "--"]);
    commit.extend(files);
    run(folder, &add).and_then(|| run(folder, &commit))
}

/// What git does not know of the author already.
fn identity(folder: &Path, author: &Author) -> Vec<String> {
    let known = |key: &str| matches!(run(folder, &["config", key]), Outcome::Done);
    let mut settings = Vec::new();
    for (key, value) in [("user.name", &author.name), ("user.email", &author.address)] {
        if !known(key) {
            settings.push("-c".to_owned());
            settings.push(format!("{key}={value}"));
        }
    }
    settings
}

fn run(folder: &Path, arguments: &[&str]) -> Outcome {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(folder)
        .args(arguments)
        // A caller within another repository's hook must not redirect us.
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null());
    match output(command, PATIENCE) {
        Ok(output) if output.status.success() => Outcome::Done,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Outcome::NoHistory(format!("git: {}", model::text::printable(said.trim(), 300)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Outcome::NoHistory("git is not installed: `apt install git`".to_owned())
        }
        Err(error) => Outcome::NoHistory(format!("cannot run git: {error}")),
    }
}

/// As [`Command::output`], with a time limit, after which the process is ended.
fn output(mut command: Command, patience: Duration) -> io::Result<Output> {
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    ended.recv_timeout(patience).unwrap_or_else(|_| {
        if let Some(pid) = pid {
            // It may have ended just now.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("no end within {patience:?}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_never_ends_is_ended() {
        let mut command = Command::new("sleep");
        command.arg("3600");
        let error = output(command, Duration::from_millis(1)).expect_err("ended");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
