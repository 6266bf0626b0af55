//! The lab by hand: make an image ahead of time, boot a machine to look around, clear up.
//! Tests do not need it; they call the library.

use std::process::{Command, ExitCode, ExitStatus};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use lab::{Fleet, Image};

/// Real Debian machines, for tests and for a look around
#[derive(Parser)]
#[command(name = "lab", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make and cache the image with these packages, and print where it is
    Image { packages: Vec<String> },
    /// Boot a machine with these packages, run a command in it, and take it down again
    Boot {
        packages: Vec<String>,
        /// Leave it without a network
        #[arg(long)]
        no_network: bool,
        /// Put this program of yours at /usr/local/bin first
        #[arg(long, value_name = "FILE")]
        install: Vec<std::path::PathBuf>,
        /// What to run; a shell if nothing is said
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Take down what killed runs left behind
    Sweep,
}

fn main() -> ExitCode {
    match act(Cli::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn act(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Image { packages } => {
            let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
            println!("{}", Image::with(&packages)?.root().display());
        }
        Verb::Boot { packages, no_network, install, command } => {
            let Some(fleet) = Fleet::new("lab")? else { return Ok(ExitCode::FAILURE) };
            let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
            let mut spec = fleet.machine("lab").packages(&packages);
            if no_network {
                spec = spec.no_network();
            }
            Image::with(&packages)?;
            let start = Instant::now();
            let machine = spec.boot()?;
            eprintln!("lab: booted in {:.1} s", start.elapsed().as_secs_f64());
            for program in install {
                machine.install(&program)?;
            }
            let mut words: Vec<&str> = command.iter().map(String::as_str).collect();
            if words.is_empty() {
                words = vec!["bash", "-l"];
            }
            let status = interactive(&mut machine.command(&words)?)?;
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
        }
        Verb::Sweep => match lab::sweep()? {
            0 => println!("Nothing was left behind."),
            1 => println!("Took down 1 run."),
            swept => println!("Took down {swept} runs."),
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn interactive(command: &mut Command) -> Result<ExitStatus> {
    if let Some(kind) = std::env::var_os("TERM") {
        command.env("TERM", kind);
    }
    command.status().context("cannot enter the machine")
}
