//! Observes certificates: in files, and as this machine's own sockets serve them.
//!
//! Leaves out every other machine: only addresses of this one are ever asked.

mod disk;
mod handshake;
mod served;
mod x509;

use std::net::SocketAddr;
use std::time::Duration;

use model::facts::certificates::{Certificate, Certificates};
use model::plan::host::HostPlan;
use model::seen::Seen;
use serde::{Deserialize, Serialize};

/// What is remembered from one run to the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    served: served::Kept,
}

/// A declared path may lie on a network mount whose server is gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Shakes hands with a socket and gives the certificate that it shows, or why there is none.
/// Blocks for some seconds at most.
pub(crate) fn shown(address: SocketAddr, name: Option<&str>) -> Result<Certificate, String> {
    handshake::shake(address, name).map_err(|silence| silence.reason())
}

pub(crate) async fn observe(plan: Option<&HostPlan>, kept: &mut Kept) -> Certificates {
    let declared = plan.map(|plan| plan.certificates.clone()).unwrap_or_default();
    let paths: Vec<String> = declared.iter().filter_map(|one| one.path.clone()).collect();
    let look = tokio::task::spawn_blocking(move || disk::read(&paths));
    let (on_disk, unread) = match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok((files, unread))) => (Seen::Seen(files), unread),
        _ => {
            let reason = format!("no answer from the file system in {PATIENCE:?}");
            (Seen::unseen(reason), Vec::new())
        }
    };
    let files = on_disk.seen().map_or(&[][..], Vec::as_slice);
    let served = served::observe(&declared, files, &mut kept.served).await;
    Certificates { on_disk, unread, served }
}
