//! Runs the program as a person would, in a home of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// No command of these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A person's home, gone when dropped.
pub struct Home {
    folder: TempDir,
}

/// A `stead up` that runs; killed when dropped.
pub struct Running {
    child: Child,
    /// What it printed until its page was served, and the page's one-time URL.
    pub said: String,
    pub url: String,
}

impl Home {
    pub fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder") }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of keys and record, once there is one.
    pub fn state(&self) -> PathBuf {
        let folder = self.path().join(".local/share/stead");
        let mut entries = std::fs::read_dir(folder).expect("a state folder");
        entries.next().expect("one stead").expect("readable").path()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stead"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("XDG_DATA_HOME")
            .env_remove("STEAD_DIR")
            .env_remove("STEAD_STATE")
            .env_remove("SUDO_USER")
            .env("HOME", self.path())
            .env("USER", "el")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("runs")
    }

    /// Runs a command that must end with this code; gives what it printed.
    pub fn expect(&self, code: &[i32], arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        let ended = output.status.code().unwrap_or(-1);
        assert!(code.contains(&ended), "{arguments:?} ended with {ended}:\n{said}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Starts `stead up` on a free port and waits until its page is served.
    pub fn up(&self) -> Running {
        let mut child = self
            .command(&["up", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut said = String::new();
        let began = Instant::now();
        while let Some(Ok(line)) = lines.next() {
            if began.elapsed() > PATIENCE {
                break;
            }
            said.push_str(&line);
            said.push('\n');
            if let Some((_, url)) = line.split_once("once: ") {
                let url = url.trim().to_owned();
                // Whatever comes later must not block the program.
                std::thread::spawn(move || lines.for_each(drop));
                return Running { child, said, url };
            }
        }
        let _ = child.kill();
        let _ = child.wait();
        panic!("`stead up` served no page:\n{said}");
    }
}

impl Running {
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// Ctrl-C; gives the exit code.
    pub fn interrupt(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_raw(self.pid()).expect("a process id");
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("signalled");
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().expect("waited") {
                return status.code();
            }
            std::thread::yield_now();
        }
        panic!("Ctrl-C did not end it");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A GET without anything a browser adds; gives status and the whole answer.
pub fn get(url: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let rest = url.strip_prefix("http://").expect("http");
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = std::net::TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut request = format!("GET /{path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answered");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, answer)
}
