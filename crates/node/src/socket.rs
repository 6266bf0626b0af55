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
                    let _ = talk(stream, &*answer, SILENCE).await;
                    drop(place);
                });
            }
            // As when files run out: waiting is all that helps.
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// Answers one client until it hangs up, says what cannot be read, or is silent for too long.
async fn talk(
    stream: UnixStream,
    answer: &dyn Answer,
    silence: Duration,
) -> Result<(), api::error::Error> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    while let Ok(question) =
        timeout(silence, wire::read::<Question>(&mut reader, LONGEST_REQUEST)).await
    {
        let (outcome, last): (Outcome, bool) = match question {
            Ok(Some(Question { request })) => (answer.ask(request).await, false),
            Ok(None) => break,
            // Where the next question begins in what follows, nobody can tell: this was the last.
            Err(error) => (Err(Refusal::Bad(with_causes(&error))), true),
        };
        match timeout(silence, wire::write(&mut writer, &outcome, LONGEST_ANSWER)).await {
            Ok(written) => written?,
            Err(_) => break,
        }
        if last {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use api::answer::Asking;
    use api::client::Client;
    use api::request::Request;
    use api::view::link::Link;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::watch;

    use super::*;

    /// Has a link for everybody.
    struct Linking;

    impl Answer for Linking {
        fn ask(&self, _: Request) -> Asking<'_> {
            Box::pin(async { Ok(Link { url: "http://x/".to_owned() }.into()) })
        }

        fn changes(&self) -> watch::Receiver<u64> {
            watch::Sender::new(0).subscribe()
        }
    }

    /// What the node sends to who says this and then no more, until it hangs up.
    async fn heard(said: &[u8], silence: Duration) -> String {
        let (mut ours, theirs) = UnixStream::pair().expect("two ends");
        let talked = tokio::spawn(async move { talk(theirs, &Linking, silence).await });
        // The node may hang up before it has read all of a long line.
        let _ = ours.write_all(said).await;
        let mut heard = Vec::new();
        let _ = ours.read_to_end(&mut heard).await;
        talked.await.expect("no panic").expect("ended well");
        String::from_utf8(heard).expect("text")
    }

    #[tokio::test]
    async fn what_is_no_question_is_refused_and_ends_the_talk() {
        let garbage = heard(b"GET / HTTP/1.1\n{\"ask\":\"link\"}\n", SILENCE).await;
        assert!(garbage.starts_with("{\"Err\":{\"refusal\":\"bad\""), "{garbage}");
        assert_eq!(garbage.lines().count(), 1, "what follows is not answered");
        let long = heard(&vec![b'x'; LONGEST_REQUEST + 1], SILENCE).await;
        assert!(long.contains("longer than"), "{long}");
    }

    #[tokio::test]
    async fn a_client_that_stops_in_the_middle_is_let_go() {
        assert_eq!(heard(b"{\"ask\":", Duration::from_millis(20)).await, "");
    }

    #[tokio::test]
    async fn a_silent_client_keeps_nobody_else_waiting_and_a_dead_socket_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("node.sock");
        drop(bind(&path).expect("the first"));
        let listener = bind(&path).expect("what a killed process left is in nobody's way");
        let serving = tokio::spawn(serve(listener, Arc::new(Linking)));
        let _silent = UnixStream::connect(&path).await.expect("connected");
        let mut client = Client::connect(&path).await.expect("connected");
        let link: Link = client.view(Request::Link).await.expect("answered");
        assert_eq!(link.url, "http://x/");
        serving.abort();
    }
}
