//! Messages on the local socket: one line of JSON each.
//!
//! Leaves out who may connect (the socket's folder says) and time limits (the caller sets them).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::error::Error;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::request::Request;

/// The longest request, in bytes.
pub const LONGEST_REQUEST: usize = 16 * 1024;
/// The longest answer, in bytes.
pub const LONGEST_ANSWER: usize = 32 * 1024 * 1024;

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    #[serde(flatten)]
    pub request: Request,
}

/// What the node sends back: `{"Ok": reply}` or `{"Err": refusal}`.
pub type Outcome = Result<Reply, Refusal>;

/// Reads one message of at most `limit` bytes; `None` when the other side hung up between two.
///
/// # Errors
/// [`Error::Long`] for a longer line, [`Error::HungUp`] for half a line, [`Error::Garbled`] for
/// what is no such message, [`Error::Talk`] when reading fails.
pub async fn read<M: DeserializeOwned>(
    from: &mut (impl AsyncBufRead + Unpin),
    limit: usize,
) -> Result<Option<M>, Error> {
    let mut line = Vec::new();
    let mut bounded = from.take(limit as u64 + 1);
    bounded.read_until(b'\n', &mut line).await.map_err(|source| Error::Talk { source })?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => {
            serde_json::from_slice(&line).map(Some).map_err(|source| Error::Garbled { source })
        }
        Some(_) if line.len() >= limit => Err(Error::Long { limit }),
        Some(_) => Err(Error::HungUp),
    }
}

/// Writes one message of at most `limit` bytes.
///
/// # Errors
/// [`Error::Long`] for a longer one, of which nothing is written; [`Error::Talk`] when writing
/// fails.
pub async fn write<M: Serialize>(
    to: &mut (impl AsyncWrite + Unpin),
    message: &M,
    limit: usize,
) -> Result<(), Error> {
    let mut line = serde_json::to_vec(message).map_err(|source| Error::Garbled { source })?;
    if line.len() > limit {
        return Err(Error::Long { limit });
    }
    line.push(b'\n');
    to.write_all(&line).await.map_err(|source| Error::Talk { source })?;
    to.flush().await.map_err(|source| Error::Talk { source })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn taken(bytes: &[u8]) -> Result<Option<Question>, Error> {
        read(&mut &bytes[..], 60).await
    }

    #[tokio::test]
    async fn only_whole_short_well_formed_lines_are_taken() {
        let question = Question { request: Request::Changes { host: None, limit: 3 } };
        let mut line = Vec::new();
        write(&mut line, &question, LONGEST_REQUEST).await.expect("written");
        assert_eq!(line, b"{\"ask\":\"changes\",\"host\":null,\"limit\":3}\n");
        assert_eq!(taken(&line).await.expect("read"), Some(question));
        assert!(taken(b"").await.expect("the end").is_none());
        assert!(matches!(taken(b"{\"ask\"").await, Err(Error::HungUp)));
        assert!(matches!(taken(b"{}\n").await, Err(Error::Garbled { .. })));
        assert!(matches!(taken(&[b'['; 1000]).await, Err(Error::Long { limit: 60 })));
    }

    #[tokio::test]
    async fn a_refusal_crosses_the_wire_as_a_refusal() {
        let outcome = Outcome::Err(Refusal::Absent("host `x`".to_owned()));
        let mut line = Vec::new();
        write(&mut line, &outcome, LONGEST_ANSWER).await.expect("written");
        let back: Option<Outcome> = read(&mut &line[..], LONGEST_ANSWER).await.expect("read");
        assert_eq!(back, Some(outcome));
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_is_not_begun() {
        let mut line = Vec::new();
        let refusal = Refusal::Bad("x".repeat(100));
        assert!(matches!(write(&mut line, &refusal, 50).await, Err(Error::Long { limit: 50 })));
        assert!(line.is_empty());
    }
}
