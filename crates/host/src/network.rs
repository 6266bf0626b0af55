//! Observes listening sockets in every network namespace.
//!
//! Reads `/proc` only, apart from the packet filter's rules, which their own tools print. Leaves
//! out who may listen.

mod address;
pub(crate) mod control_group;
mod forward;
mod packet_filter;
mod table;
mod walk;

use model::facts::network::Network;
use model::seen::Seen;

pub(crate) async fn observe() -> Network {
    let (walked, published) =
        tokio::join!(tokio::task::spawn_blocking(walk::walk), packet_filter::published());
    let mut network = match walked {
        Ok(network) => network,
        Err(error) => {
            return Network {
                sockets: Seen::unseen(format!("the look at /proc broke off: {error}")),
                ..Network::default()
            };
        }
    };
    // What proxies pass on was seen in the walk already.
    network.published = match (network.published, published) {
        (Seen::Seen(mut by_proxy), Seen::Seen(by_filter)) => {
            by_proxy.extend(by_filter);
            by_proxy.sort();
            by_proxy.dedup();
            Seen::Seen(by_proxy)
        }
        (_, unseen) => unseen,
    };
    network
}
