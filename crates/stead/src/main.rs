//! The `stead` program: parses, calls, prints.
//!
//! Leaves out all logic that a second client would need.

mod address;
mod ask;
mod backup;
mod bar;
mod build;
mod bytes_bar;
mod check;
mod cli;
mod closure;
mod digest_text;
mod drill;
mod due_text;
mod end;
mod facts;
mod flags;
mod link;
mod lint;
mod logs;
mod medium;
mod member;
mod named;
mod output;
mod proof;
mod recipe;
mod record;
mod repo;
mod report_text;
mod restore;
mod root;
mod status;
mod step_bar;
mod teach;
mod up;
mod whence;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// Something failed.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    keep_the_engine_quiet();
    let cli = Cli::parse();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // A file's own text may be part of what is said.
            output::say(&output::tame(&format!("error: {error}")));
            for cause in error.chain().skip(1) {
                output::say(output::tame(&format!("  cause: {cause}")).trim_end());
            }
            if let Some(hint) = teach::hint(&error) {
                output::say(&output::tame(&format!("hint: {hint}")));
            }
            ExitCode::from(FAILED)
        }
    }
}

/// A panic of the backups' engine becomes an error; its text may tell all that the engine holds.
fn keep_the_engine_quiet() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(::backup::repository::ENGINE) {
            usual(panic);
        }
    }));
}

async fn run(cli: Cli) -> anyhow::Result<u8> {
    let address = address::of(&cli);
    match cli.command {
        Command::Up(arguments) => up::run(&address, &arguments).await,
        Command::Check(arguments) => check::run(&address, &arguments).await,
        Command::Facts(arguments) => facts::run(&address, &arguments).await,
        Command::Status(json) => status::run(&address, &json).await,
        Command::Logs(cli::Logs::Digest(arguments)) => logs::digest(&address, &arguments).await,
        Command::Link(json) => link::run(&address, &json).await,
        Command::Record(command) => record::run(&address, &command).await,
        Command::Closure(arguments) => closure::run(&arguments),
        Command::Recipe(command) => recipe::run(&address, &command).await,
        Command::Build(arguments) => build::run(&address, &arguments),
        Command::Lint(arguments) => lint::run(&arguments),
        Command::Whence(arguments) => whence::run(&arguments),
        Command::Repo(command) => repo::run(&command).await,
        Command::Backup(command) => backup::run(&address, &command),
        Command::Proof(arguments) => proof::run(&address, &arguments).await,
        Command::Member(command) => member::run(&address, &command).await,
        Command::Medium(command) => medium::run(&address, &command).await,
        Command::Drill(arguments) => drill::run(&address, &arguments),
        Command::Restore(arguments) => restore::run(&address, &arguments),
        Command::Completions { shell } => teach::completions(shell),
        Command::Man => teach::man(),
    }
}
