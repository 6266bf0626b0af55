//! Arguments that many commands take.
//!
//! Leaves out those of one command, which stand with it.

use clap::Args;

#[derive(Debug, Args)]
pub struct Json {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What is chosen for a recipe's settings.
#[derive(Debug, Args)]
pub struct Set {
    /// Choose a setting, as `--set port=8080`; `stead recipe show` lists them
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub pairs: Vec<String>,
}
