//! `stead recipe explain`: all that a package will do, before it does anything.
//!
//! Leaves out the words, which are `model::layout::explain`'s.

use clap::Args;
use model::layout::Payload;
use model::layout::explain::Explanation;
use node::home::Address;

use crate::flags::{Json, Set};
use crate::recipe::laid::{self, Arch};
use crate::{named, output};

/// Print every file, user, unit, maintainer script and command of a package, each with its line.
///
/// Nothing is built and nothing is changed. What the source would fetch is told by its address;
/// with --fetch it is fetched, as a build would, and its files are told too.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead recipe explain node-exporter              what it would install and run\n  \
    stead recipe explain chat --set port=8080       with a setting of your own\n  \
    stead recipe explain chat --scripts             with the maintainer scripts, whole\n  \
    stead recipe explain chat --json | jq '.acts[] | select(.when == \"purge\")'")]
pub struct Explain {
    /// A folder or a name
    pub recipe: String,

    #[command(flatten)]
    pub set: Set,

    #[command(flatten)]
    pub arch: Arch,

    /// Fetch what the source names, and tell its files
    #[arg(long)]
    pub fetch: bool,

    /// Tell every file, however many there are
    #[arg(long)]
    pub all: bool,

    /// Print the maintainer scripts too
    #[arg(long)]
    pub scripts: bool,

    #[command(flatten)]
    pub json: Json,
}

pub fn run(address: &Address, arguments: &Explain) -> anyhow::Result<u8> {
    let named = named::recipe(address, &arguments.recipe)?;
    let values = named::values(&named, &arguments.set)?;
    let architecture = arguments.arch.of(&named);
    let work = tempfile::tempdir()?;
    let payload = if arguments.fetch || laid::at_hand(&named) {
        Some(laid::payload(&named, &architecture, work.path())?)
    } else {
        None
    };
    let none = Payload::default();
    let brought = payload.as_ref().unwrap_or(&none);
    let layout = laid::layout(&named, &values, brought, &architecture)?;
    let explanation = Explanation::of(&named.read, &layout, payload.as_ref());
    if arguments.json.json {
        output::json(&explanation)?;
    } else {
        output::print(&explanation.text(arguments.all, arguments.scripts))?;
    }
    Ok(0)
}
