//! Runs another program: no shell, no terminal, no pipe between two of them, nothing inherited.
//!
//! Leaves out what programs are run for.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::postgres::cluster::User;
use crate::refusal::Refusal;

/// How much of what a program says of its trouble is kept, in bytes.
const SAID: u64 = 16 * 1024;

/// A program that runs; it is killed if it is dropped before it ended.
pub(crate) struct Program {
    name: String,
    child: Child,
    /// Without a name, so that it is gone with us; a file never makes its writer wait.
    said: File,
    ended: bool,
}

impl Drop for Program {
    fn drop(&mut self) {
        if !self.ended {
            // It may have ended just now.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Where a program's input and output lead.
pub(crate) struct Ways {
    pub(crate) input: Option<File>,
    pub(crate) output: Output,
}

pub(crate) enum Output {
    Nowhere,
    /// Read with [`Program::output`].
    Read,
    Into(File),
}

impl Program {
    pub(crate) fn start(
        program: &Path,
        words: &[impl AsRef<OsStr>],
        user: Option<User>,
        ways: Ways,
    ) -> Result<Self, Refusal> {
        let name = program.file_name().unwrap_or(program.as_os_str());
        let name = name.to_string_lossy().into_owned();
        let unable = |source| Refusal::Run { program: name.clone(), source };
        let said = tempfile::tempfile().map_err(unable)?;
        let mut command = Command::new(program);
        command
            .args(words)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", "/nonexistent")
            .current_dir("/")
            .stdin(ways.input.map_or_else(Stdio::null, Stdio::from))
            .stderr(said.try_clone().map_err(unable)?)
            // Ctrl-C at the terminal is for us: we end it, and clear up behind it.
            .process_group(0);
        command.stdout(match ways.output {
            Output::Nowhere => Stdio::null(),
            Output::Read => Stdio::piped(),
            Output::Into(file) => Stdio::from(file),
        });
        if let Some(user) = user {
            // As root this drops the supplementary groups as well.
            command.uid(user.uid).gid(user.gid);
        }
        let child = command.spawn().map_err(unable)?;
        Ok(Self { name, child, said, ended: false })
    }

    /// What it writes; once.
    pub(crate) fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits for its end, which must be a success.
    pub(crate) fn end(mut self) -> Result<(), Refusal> {
        let waited = self.child.wait();
        self.ended = true;
        let program = self.name.clone();
        let status = waited.map_err(|source| Refusal::Run { program: program.clone(), source })?;
        if status.success() {
            return Ok(());
        }
        Err(Refusal::Failed { program, status: status.to_string(), words: self.said() })
    }

    /// The last of what it said on stderr.
    fn said(&mut self) -> String {
        let mut bytes = Vec::new();
        let length = self.said.metadata().map(|all| all.len()).unwrap_or_default();
        let start = std::io::SeekFrom::Start(length.saturating_sub(SAID));
        let read = self.said.seek(start).and_then(|_| self.said.read_to_end(&mut bytes));
        match read {
            Ok(0) => "it says nothing".to_owned(),
            Ok(_) => String::from_utf8_lossy(&bytes).trim().to_owned(),
            Err(error) => format!("what it says cannot be read: {error}"),
        }
    }
}

/// Runs a program to its end and gives back what it wrote, at most `most` bytes.
pub(crate) fn read(
    program: &Path,
    words: &[impl AsRef<OsStr>],
    most: u64,
) -> Result<String, Refusal> {
    let ways = Ways { input: None, output: Output::Read };
    let mut running = Program::start(program, words, None, ways)?;
    let mut bytes = Vec::new();
    if let Some(output) = running.output() {
        let program = running.name.clone();
        output
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|source| Refusal::Run { program, source })?;
    }
    running.end()?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
