//! `stead repo serve`: what is published, for apt on this machine.
//!
//! Leaves out `stead up --serve`, which does the same beside watching.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use deb::repository::Repository;
use node::packages::Shelf;

use crate::cli::loopback;
use crate::{end, output};

/// Serve a repository on this machine's loopback until Ctrl-C.
///
/// Other machines need a web server that shows public/, or a stick; for them a node opens no port.
#[derive(Debug, Args)]
pub struct Serve {
    /// The repository
    pub folder: PathBuf,

    /// Where to listen; only addresses of this machine's own loopback
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7834", value_parser = loopback)]
    pub listen: SocketAddr,
}

pub async fn run(arguments: &Serve) -> anyhow::Result<u8> {
    let repository = Repository::open(&arguments.folder)?;
    let shelf = Shelf::open(arguments.listen, repository.public()).await?;
    let end = end::ended()?;
    output::print(&format!("Serving {} at {}\n", arguments.folder.display(), shelf.url()))?;
    tokio::select! {
        () = end => {}
        () = shelf.serve() => {}
    }
    Ok(0)
}
