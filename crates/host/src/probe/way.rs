//! Where a question is asked: on this machine, or inside another that runs on it.
//!
//! Leaves out what is asked.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::process::Command;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The way to a machine's programs and files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// Its process 1, as this host counts; none for this machine itself.
    leader: Option<i32>,
}

impl Way {
    pub(crate) const fn here() -> Self {
        Self { leader: None }
    }

    pub(crate) const fn inside(leader: i32) -> Self {
        Self { leader: Some(leader) }
    }

    /// A program of that machine.
    pub(crate) fn command(&self, program: &str) -> Command {
        let Some(leader) = self.leader else { return Command::new(program) };
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={leader}")).args(["--all", "--", program]);
        command
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .env("USER", "root");
        command
    }

    /// Opens a file of that machine to be read; its links lead nowhere else.
    pub(crate) fn open(&self, path: &str) -> io::Result<File> {
        self.reach(path, OFlags::RDONLY)
    }

    pub(crate) fn metadata(&self, path: &str) -> io::Result<Metadata> {
        self.reach(path, OFlags::PATH)?.metadata()
    }

    fn reach(&self, path: &str, flags: OFlags) -> io::Result<File> {
        let root = match self.leader {
            Some(leader) => File::open(format!("/proc/{leader}/root"))?,
            None => File::open("/")?,
        };
        let flags = flags | OFlags::CLOEXEC;
        let found = openat2(&root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)?;
        Ok(File::from(found))
    }
}

/// Takes the calling thread into the network of a machine.
pub(crate) fn enter_network(leader: i32) -> Result<(), String> {
    let failed = |error: io::Error| format!("cannot enter the machine's network: {error}");
    let network = File::open(format!("/proc/{leader}/ns/net")).map_err(failed)?;
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|error| failed(error.into()))
}
