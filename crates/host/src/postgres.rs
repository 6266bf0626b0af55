//! Observes PostgreSQL clusters through their Unix sockets.
//!
//! Asks only, in read-only transactions, with a short patience, and never waits long for a lock.
//! Leaves out servers that only listen on TCP.

mod ask;
mod connect;
mod find;
mod mask;
mod row;

use std::time::Duration;

use model::facts::postgres::{Cluster, Postgres};
use model::seen::Seen;

use crate::postgres::find::Target;

/// The most clusters that are asked.
const MOST: usize = 16;

/// How long one cluster may take in all.
const PATIENCE: Duration = Duration::from_secs(12);

pub(crate) async fn observe() -> Postgres {
    let found = match tokio::task::spawn_blocking(find::find).await {
        Ok(found) => found,
        Err(error) => {
            return Postgres {
                clusters: Seen::unseen(format!("the look for PostgreSQL broke off: {error}")),
            };
        }
    };
    let mut clusters = found.silent;
    let asked = futures_util::future::join_all(found.targets.into_iter().take(MOST).map(cluster));
    clusters.extend(asked.await.into_iter().flatten());
    clusters.sort_by(|a, b| (&a.name, &a.socket).cmp(&(&b.name, &b.socket)));
    Postgres { clusters: Seen::Seen(clusters) }
}

/// Asks one cluster; `None` if it is a pooler's socket, which stands for no cluster.
async fn cluster(target: Target) -> Option<Cluster> {
    let (name, server) = match tokio::time::timeout(PATIENCE, ask::server(&target)).await {
        Ok(Ok(Some((name, server)))) => (name, Seen::Seen(server)),
        Ok(Ok(None)) => return None,
        Ok(Err(reason)) => (None, Seen::Unseen(reason)),
        Err(_) => (None, Seen::unseen(format!("no answer within {} s", PATIENCE.as_secs()))),
    };
    let name = name.or(target.name).unwrap_or_else(|| format!("port {}", target.port));
    let name = match &target.container {
        Some(container) => format!("{name} in {container}"),
        None => name,
    };
    Some(Cluster { name, socket: target.socket, container: target.container.is_some(), server })
}
