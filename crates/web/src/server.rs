//! Takes connections: few at a time, slow ones not for long.
//!
//! Leaves out what is answered: that is `routes`'.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::answer::Answer;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::doors::Doors;
use crate::{files, routes};

/// How many connections are open at once. More wait until one ends.
const CONNECTIONS: usize = 128;
/// How long a request's head may take to arrive, and how long a connection may idle.
const HEAD: Duration = Duration::from_secs(10);
/// The longest head, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// The most header lines.
const HEADERS: usize = 64;
/// How long a connection may live, whatever it does; live updates connect again.
const LIFE: Duration = Duration::from_secs(30 * 60);

/// Serves the page until the future is dropped, which ends every connection.
pub async fn serve(listener: TcpListener, answer: Arc<dyn Answer>, doors: Doors) {
    connections(listener, routes::router(answer, doors)).await;
}

/// Serves the files of a folder, to whoever asks on this machine, until the future is dropped.
pub async fn serve_folder(listener: TcpListener, folder: &Path) {
    let port = listener.local_addr().map_or(0, |address| address.port());
    connections(listener, files::router(folder, port)).await;
}

async fn connections(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes it");
        while connections.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // Out of file descriptors, or a client that is gone: neither ends the page.
            Err(_) => {
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // A page is many small writes; a failure costs speed only.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_buf_size(LONGEST_HEAD)
                .max_headers(HEADERS)
                .serve_connection(TokioIo::new(stream), service);
            // Whatever ends a connection, there is nobody to tell.
            let _ = timeout(LIFE, connection).await;
            drop(place);
        });
    }
}
