//! Tells open pages that something changed; they then fetch themselves anew.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;

/// How many pages may listen at once. The rest are told to come again.
const LISTENERS: usize = 64;
/// The shortest time between two events, so that a burst of changes is one fetch.
const PAUSE: Duration = Duration::from_millis(500);
/// A sign of life this often, so that both sides notice a dead connection.
const ALIVE: Duration = Duration::from_secs(15);

/// The places of those who listen.
#[derive(Clone, Debug)]
pub(crate) struct Gallery(Arc<Semaphore>);

impl Default for Gallery {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LISTENERS)))
    }
}

struct Listener {
    changes: watch::Receiver<u64>,
    first: bool,
    _place: OwnedSemaphorePermit,
}

impl Gallery {
    /// A stream of `changed` events, each with the number of the newest change; the first comes
    /// at once, so that a page can tell whether it is already old.
    pub(crate) fn listen(&self, changes: watch::Receiver<u64>) -> Response {
        let Ok(place) = Arc::clone(&self.0).try_acquire_owned() else {
            return (StatusCode::SERVICE_UNAVAILABLE, "too many pages listen").into_response();
        };
        let listener = Listener { changes, first: true, _place: place };
        let events = stream::unfold(listener, |mut listener| async move {
            if !std::mem::take(&mut listener.first) {
                listener.changes.changed().await.ok()?;
                sleep(PAUSE).await;
            }
            let number = *listener.changes.borrow_and_update();
            Some((Event::default().event("changed").data(number.to_string()), listener))
        })
        .map(Ok::<_, Infallible>);
        Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)).into_response()
    }
}
