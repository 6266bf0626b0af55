//! What can go wrong in the page's doors.

use thiserror::Error;

#[derive(Debug, Error)]
pub enum Error {
    #[error("cannot get random bytes from the kernel")]
    Random { source: getrandom::Error },
}
