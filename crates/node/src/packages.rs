//! A repository's published files, for apt on this machine.
//!
//! Leaves out what is in them: whoever reads them checks signatures.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::TcpListener;

use crate::error::Error;

/// A listener and the folder it shows.
pub struct Shelf {
    listener: TcpListener,
    address: SocketAddr,
    folder: PathBuf,
}

impl Shelf {
    /// Takes the port, and no other: clients have it in their sources.
    ///
    /// # Errors
    /// If other machines could reach it, or the port is taken.
    pub async fn open(address: SocketAddr, folder: PathBuf) -> Result<Self, Error> {
        if !address.ip().is_loopback() {
            return Err(Error::Public { address });
        }
        let failed = |source| Error::Shelf { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, folder })
    }

    /// What clients write behind `URIs:`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Serves until the future is dropped.
    pub async fn serve(self) {
        web::serve_folder(self.listener, &self.folder).await;
    }
}
