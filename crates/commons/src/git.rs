//! The few things asked of git, by its own program.
//!
//! The member's hooks, signing and templates are left out: a commit made by stead never asks.

use std::path::Path;
use std::process::{Command, Stdio};

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
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        // A caller within another repository's hook must not redirect us.
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .output();
    match output {
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
