//! Serves the local socket: who may open its folder may ask.
//!
//! Leaves out the messages' form, which is `api`'s.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::answer::Answer;
use api::refusal::Refusal;
use api::wire::{self, LONGEST_ANSWER, LONGEST_REQUEST, Outcome, Question};
use model::text::with_causes;
use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::error::Error;

/// How many may be connected at once.
const CLIENTS: usize = 16;
/// How long a client may keep a connection without asking.
const SILENCE: Duration = Duration::from_secs(30);

/// Listens; what is left of an earlier process that was killed is cleared away.
///
/// Only the process that holds the watch's lock may call this.
pub(crate) fn bind(path: &Path) -> Result<UnixListener, Error> {
    let failed = |source| Error::Socket { path: path.to_owned(), source };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    UnixListener::bind(path).map_err(failed)
}

/// Answers for as long as it is polled.
pub(crate) async fn serve(listener: UnixListener, answer: Arc<dyn Answer>) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    // A client that breaks off is its own affair.
                    let _ = talk(stream, &*answer).await;
                    drop(place);
                });
            }
            // As when files run out: waiting is all that helps.
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn talk(stream: UnixStream, answer: &dyn Answer) -> Result<(), api::error::Error> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    while let Ok(question) =
        timeout(SILENCE, wire::read::<Question>(&mut reader, LONGEST_REQUEST)).await
    {
        let (outcome, last): (Outcome, bool) = match question {
            Ok(Some(Question { request })) => (answer.ask(request).await, false),
            Ok(None) => break,
            // Where the next question begins in what follows, nobody can tell: this was the last.
            Err(error) => (Err(Refusal::Bad(with_causes(&error))), true),
        };
        match timeout(SILENCE, wire::write(&mut writer, &outcome, LONGEST_ANSWER)).await {
            Ok(written) => written?,
            Err(_) => break,
        }
        if last {
            break;
        }
    }
    Ok(())
}
