//! The commands and their arguments.

use clap::{Args, Parser, Subcommand};

/// Runs a community's servers together: observes, checks, records, shows.
#[derive(Debug, Parser)]
#[command(name = "stead", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask this machine every question and print the answers, worst first
    Check(CheckArguments),
    /// Print what is true of this machine
    Facts(FactsArguments),
}

#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Only these checks
    pub names: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct FactsArguments {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
