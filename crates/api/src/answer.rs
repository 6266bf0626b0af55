//! Whoever can be asked: the node itself, a test's stand-in.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::watch;

use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::request::Request;

/// An answer on its way.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Reply, Refusal>> + Send + 'a>>;

/// Answers requests. Object-safe, so that pages hold an `Arc<dyn Answer>`.
pub trait Answer: Send + Sync + 'static {
    /// Answers with the reply of the request's name, or says why not.
    fn ask(&self, request: Request) -> Asking<'_>;

    /// A number that grows whenever something a page shows has changed.
    fn changes(&self) -> watch::Receiver<u64>;
}
