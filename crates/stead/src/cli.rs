//! The commands and their arguments, with the help that teaches them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use model::facts::logs::priority;

pub use crate::flags::Json;
use crate::{
    backup, build, closure, drill, lint, medium, member, proof, recipe, repo, restore, whence,
};

/// Runs a community's servers together: observes, checks, records, shows.
///
/// Begin with `stead up`: it makes a stead in ~/our-stead, looks at this machine, prints what is
/// wrong with it, worst first, and serves a page for this machine alone. It changes nothing on
/// the machine itself.
#[derive(Debug, Parser)]
#[command(name = "stead", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a check fails.")]
pub struct Cli {
    /// The plan's folder [default: the one around the working folder, else ~/our-stead]
    #[arg(long, global = true, env = "STEAD_DIR", value_name = "FOLDER", hide_env = true)]
    pub dir: Option<PathBuf>,

    /// The folder of keys and record [default: ~/.local/share/stead/<id>]
    #[arg(long, global = true, env = "STEAD_STATE", value_name = "FOLDER", hide_env = true)]
    pub state: Option<PathBuf>,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Up(Up),
    Check(Check),
    /// Print what is true of this machine
    Facts(Facts),
    /// Print how every host of the stead is, and whether anybody watches
    Status(Json),
    /// Read this machine's journal
    #[command(subcommand)]
    Logs(Logs),
    /// Print a fresh link to the page of the `stead up` that runs
    Link(Json),
    /// Read the record: the signed entries of what happened
    #[command(subcommand)]
    Record(Record),
    #[command(subcommand)]
    Recipe(recipe::Recipe),
    Build(build::Build),
    Lint(lint::Lint),
    Whence(whence::Arguments),
    #[command(subcommand)]
    Repo(repo::Repo),
    #[command(subcommand)]
    Medium(medium::Medium),
    Closure(closure::Closure),
    Drill(drill::Drill),
    Restore(restore::Restore),
    #[command(subcommand)]
    Backup(backup::Backup),
    Proof(proof::Arguments),
    #[command(subcommand)]
    Member(member::Member),
    /// Print a script that completes stead's commands in your shell
    Completions {
        shell: Shell,
    },
    /// Print the manual page, in the form man(1) reads
    Man,
}

/// Make or resume a stead, look at this machine, and keep watching it.
///
/// The first time, it writes a plan (a git folder that you may edit) and, outside of it, this
/// device's key and the record. Each time, it runs all checks, prints the answers, serves a page
/// on this machine alone, and goes on until Ctrl-C. As root it sees more.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead up                         in ~/our-stead\n  \
    stead up --once                  look once, print, record, and end\n  \
    stead --dir /srv/mesh up         in a folder of your choice\n  \
    stead up --serve /srv/mesh       serve a repository of packages as well\n  \
    stead up --dry-run               say what would be made, and make nothing")]
pub struct Up {
    /// What a new stead is called [default: this host's name]
    #[arg(long)]
    pub name: Option<String>,

    /// Where the page listens; only addresses of this machine's own loopback
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7833",
          value_parser = loopback)]
    pub listen: SocketAddr,

    /// Serve no page
    #[arg(long)]
    pub no_page: bool,

    /// Serve this repository as well, for apt on this machine
    #[arg(long, value_name = "REPOSITORY")]
    pub serve: Option<PathBuf>,

    /// Where the repository is served; only addresses of this machine's own loopback
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7834", requires = "serve",
          value_parser = loopback)]
    pub serve_at: SocketAddr,

    /// Minutes between two runs of all checks
    #[arg(long, value_name = "MINUTES", default_value_t = 5,
          value_parser = clap::value_parser!(u16).range(1..=1440))]
    pub every: u16,

    /// Look once, print, record, and end; exits 3 if a check fails
    #[arg(long)]
    pub once: bool,

    /// Say what would be made, and make nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Ask this machine every question and print the answers, worst first.
///
/// Works with or without a stead; with one, the answers are recorded. A check answers pass, warn,
/// fail, or unknown: it could not look, and says why. Exits 3 if a check fails.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  \
    stead check                      everything\n  \
    stead check disk-space           one question\n  \
    stead check explain disk-space   what it asks, how to see it yourself, how to mend it\n  \
    stead check --json | jq '.findings[] | select(.verdict != \"pass\")'")]
pub struct Check {
    #[command(subcommand)]
    pub command: Option<CheckCommand>,

    /// Only these checks
    pub names: Vec<String>,

    /// Print every answer, passes and each unknown too
    #[arg(long, short)]
    pub all: bool,

    #[command(flatten)]
    pub json: Json,
}

#[derive(Debug, Subcommand)]
pub enum CheckCommand {
    /// List every check with its question
    List(Json),
    /// Say what a check asks, the commands that show the same, and how to mend it
    Explain {
        name: String,
        #[command(flatten)]
        json: Json,
    },
}

/// Print what is true of this machine.
#[derive(Debug, Args)]
pub struct Facts {
    /// Only facts whose key starts like this: `machine`, `packages.nginx`
    pub prefix: Option<String>,

    #[command(flatten)]
    pub json: Json,
}

#[derive(Debug, Subcommand)]
pub enum Logs {
    /// Fold the journal to one line per kind of message: count, first, last, and a sample
    Digest(LogsDigest),
}

#[derive(Debug, Args)]
pub struct LogsDigest {
    /// Only messages of units and programs whose name contains this
    #[arg(long, short, value_name = "NAME")]
    pub unit: Option<String>,

    /// Only messages at least this bad: emerg, alert, crit, err, warning, notice, info or 0 to 6
    #[arg(long, short, value_name = "LEVEL", value_parser = level)]
    pub priority: Option<u8>,

    #[command(flatten)]
    pub json: Json,
}

/// A priority of syslog by its name or its number.
fn level(text: &str) -> Result<u8, String> {
    (0..=7).find(|&level| priority(level) == text || level.to_string() == text).ok_or_else(|| {
        "no priority: emerg (0), alert, crit, err (3), warning, notice, info (6), debug (7)"
            .to_owned()
    })
}

#[derive(Debug, Subcommand)]
pub enum Record {
    /// List entries, the newest first
    List {
        /// How many at most
        #[arg(long, default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        json: Json,
    },
    /// Check every signature, link and body of every log
    Verify(Json),
    /// Throw the views away and compute them again from the logs
    Rebuild,
}

/// Refuses an address that other machines reach before anything is looked at.
pub fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "it is no address with a port, as 127.0.0.1:7833".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("it is for this machine alone: take 127.0.0.1 or [::1]".to_owned())
    }
}
