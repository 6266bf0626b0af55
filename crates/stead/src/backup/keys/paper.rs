//! `stead backup keys paper` and `read-paper`: a key on one page, and back.

use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::PathBuf;

use anyhow::bail;
use backup::paper::{self, LINES};
use backup::password::Password;
use clap::Args;
use jiff::Timestamp;
use node::ground::Ground;
use node::home::Address;

use crate::backup::keys::opener::{Opener, Out, secret_text};
use crate::output;

/// Print a service's key as one page of plain text, with a sum for each line that finds a typing
/// mistake, and how to use it without stead.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead backup keys paper chat | lp\n  \
    stead backup keys paper chat --identity age.key > page.txt")]
pub struct Paper {
    pub service: String,

    #[command(flatten)]
    opener: Opener,
}

/// Read a key from its page: typed line by line, or from a file or stdin.
#[derive(Debug, Args)]
pub struct ReadPaper {
    pub service: String,

    /// The page's text, or just its four lines
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,

    #[command(flatten)]
    out: Out,
}

pub fn paper(address: &Address, arguments: &Paper) -> anyhow::Result<u8> {
    let ground = Ground::open(address)?;
    let service = ground.service(&arguments.service)?;
    let password = arguments.opener.password(&ground, &service.name)?;
    let targets = service.plan.backups.iter().filter_map(|name| ground.stead.targets.get(name));
    let places: Vec<String> = targets.map(|target| target.repository(&service.name)).collect();
    output::print(&paper::page(&service.name, &password, &places, Timestamp::now())?)?;
    Ok(0)
}

pub fn read(address: &Address, arguments: &ReadPaper) -> anyhow::Result<u8> {
    let name = &arguments.service;
    let password = match &arguments.from {
        Some(path) => paper::read(&secret_text(path)?)?,
        None if stdin().is_terminal() => typed()?,
        None => paper::read(&secret_text("-".as_ref())?)?,
    };
    // A bare machine may have no plan; where there is one, it knows which key is meant.
    if let Ok(ground) = Ground::open(address)
        && let Ok(Some((_, readers))) = ground.sealed(name)
        && readers.fingerprint != password.fingerprint()
    {
        bail!(
            "this is another key: its fingerprint is {}, that of {name} {}",
            password.fingerprint(),
            readers.fingerprint
        );
    }
    arguments.out.put(name, &password)?;
    Ok(0)
}

/// Asks for each line until it is right.
fn typed() -> anyhow::Result<Password> {
    let mut digits = String::new();
    for number in 1..=LINES {
        loop {
            write!(stderr(), "line {number} of {LINES}: ")?;
            let mut line = String::new();
            if stdin().read_line(&mut line)? == 0 {
                bail!("the key was not typed to its end");
            }
            match paper::line(number, &line) {
                Ok(line) => {
                    digits.push_str(&line);
                    break;
                }
                Err(error) => output::say(&format!("{error}; once more")),
            }
        }
    }
    Ok(Password::new(&digits))
}
