//! `stead recipe script`: a standalone shell script for a Debian without stead.
//!
//! Leaves out its words, which are `model::layout::script`'s.

use clap::Args;
use deb::script_payload;
use model::layout::script::render;
use node::home::Address;

use crate::flags::Set;
use crate::recipe::laid::{self, Arch};
use crate::{named, output};

/// Print one shell script that installs, upgrades and removes the service without stead.
///
/// It leaves the same files, users, units and databases as the package does, and keeps what was
/// edited by hand. What the source names is fetched now; the script itself asks only apt.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead recipe script chat > chat.sh            read it, then copy it to the machine\n  \
    stead recipe script chat --arch arm64 > chat.sh\n  \
    sh chat.sh install                            there, as root; also remove, purge, status")]
pub struct Script {
    /// A folder or a name
    pub recipe: String,

    #[command(flatten)]
    pub set: Set,

    #[command(flatten)]
    pub arch: Arch,
}

pub fn run(address: &Address, arguments: &Script) -> anyhow::Result<u8> {
    let named = named::recipe(address, &arguments.recipe)?;
    let values = named::values(&named, &arguments.set)?;
    let architecture = arguments.arch.of(&named);
    let work = tempfile::tempdir()?;
    let payload = laid::payload(&named, &architecture, work.path())?;
    let script = render(&laid::whole(&named, &values, &payload, &architecture)?);
    output::print(&script.text)?;
    if !script.archive.is_empty() {
        output::print(&script_payload::lines(&script.archive)?)?;
    }
    Ok(0)
}
