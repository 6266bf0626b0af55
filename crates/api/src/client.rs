//! Asks a running node over its local socket.

use std::path::Path;
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::error::Error;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::request::Request;
use crate::wire::{self, LONGEST_ANSWER, LONGEST_REQUEST, Outcome, Question};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an answer may take, from the first byte sent to the last received.
const ANSWER: Duration = Duration::from_secs(20);

/// A connection to a node. One question at a time.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Client {
    /// Connects to the node that listens at `path`.
    ///
    /// # Errors
    /// [`Error::Connect`] when nobody listens there ([`Error::is_absent`]), [`Error::Late`].
    pub async fn connect(path: &Path) -> Result<Self, Error> {
        let stream = within(CONNECT, async {
            UnixStream::connect(path)
                .await
                .map_err(|source| Error::Connect { path: path.to_owned(), source })
        })
        .await?;
        let (reader, writer) = stream.into_split();
        Ok(Self { reader: BufReader::new(reader), writer })
    }

    /// Asks and waits for the reply.
    ///
    /// # Errors
    /// [`Error::Refused`] when the node says no; else the connection is of no more use.
    pub async fn ask(&mut self, request: Request) -> Result<Reply, Error> {
        within(ANSWER, async {
            wire::write(&mut self.writer, &Question { request }, LONGEST_REQUEST).await?;
            let outcome: Outcome =
                wire::read(&mut self.reader, LONGEST_ANSWER).await?.ok_or(Error::HungUp)?;
            Ok(outcome?)
        })
        .await
    }

    /// Asks for one view: `client.view::<Status>(Request::Status)`.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn view<V: TryFrom<Reply, Error = Refusal>>(
        &mut self,
        request: Request,
    ) -> Result<V, Error> {
        Ok(V::try_from(self.ask(request).await?)?)
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(limit, work).await.unwrap_or(Err(Error::Late { seconds: limit.as_secs() }))
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;
    use crate::view::link::Link;

    #[tokio::test]
    async fn a_question_gets_its_answer_or_its_refusal() {
        let folder = std::env::temp_dir().join(format!("stead-client-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("socket");
        let absent = Client::connect(&path).await.expect_err("nobody listens");
        assert!(absent.is_absent());

        let listener = UnixListener::bind(&path).expect("a socket");
        let served = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a client");
            let (reader, mut writer) = stream.into_split();
            let mut reader = BufReader::new(reader);
            while let Some(Question { request }) =
                wire::read(&mut reader, LONGEST_REQUEST).await.expect("a question")
            {
                let result: Outcome = match request {
                    Request::Link => Ok(Link { url: "http://x/".to_owned() }.into()),
                    other => Err(Refusal::NotYet(format!("{other:?}"))),
                };
                wire::write(&mut writer, &result, LONGEST_ANSWER).await.expect("sent");
            }
        });
        let mut client = Client::connect(&path).await.expect("connected");
        let link: Link = client.view(Request::Link).await.expect("a link");
        assert_eq!(link.url, "http://x/");
        let refused = client.ask(Request::Overview).await.expect_err("refused");
        assert!(matches!(refused, Error::Refused(Refusal::NotYet(_))));
        let wrong = client.view::<crate::view::status::Status>(Request::Link).await;
        assert!(matches!(wrong, Err(Error::Refused(Refusal::Failed(_)))));
        drop(client);
        served.await.expect("the server ends");
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
