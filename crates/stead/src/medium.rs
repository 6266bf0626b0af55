//! `stead medium`: make, verify.
//!
//! Leaves out what happens on the machine that installs from it: that is the medium's own script.

mod arguments;
mod make;
mod recipes;
mod verify;

use clap::Subcommand;
use node::home::Address;

use crate::medium::arguments::{Make, Verify};

/// Make and check media: all that services need on machines without a network.
///
/// A medium is a folder on a stick, or an image of one. On the target, `sh /media/.../install`
/// needs nothing but a bare Debian.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
    stead medium make --with babeld-mesh,static-site /media/stick/stead\n  \
    stead medium make --for arm64,armhf --release trixie --with babeld workshop.img\n  \
    stead medium verify /media/stick/stead")]
pub enum Medium {
    Make(Make),
    Verify(Verify),
}

pub async fn run(address: &Address, command: &Medium) -> anyhow::Result<u8> {
    match command {
        Medium::Make(arguments) => make::run(address, arguments),
        Medium::Verify(arguments) => verify::run(arguments),
    }
}
