//! The way to a port of this machine, and how much is taken from it.

use std::io::ErrorKind;
use std::net::SocketAddr;

use model::recipe::question::{Answer, Place};
use tokio::net::TcpStream;

/// How much of a file, an answer or an output is read, in bytes.
pub(super) const MOST: usize = 1024 * 1024;

/// Connects to the first address that accepts.
pub(super) async fn connect(place: &Place) -> Result<TcpStream, Answer> {
    let mut said = Answer::Unasked("there is no address to ask".to_owned());
    for &address in &place.addresses {
        match TcpStream::connect(SocketAddr::new(address, place.port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => said = failed(&error),
        }
    }
    Err(said)
}

/// Tells what the service does from what this machine lacks.
pub(super) fn failed(error: &std::io::Error) -> Answer {
    match error.kind() {
        ErrorKind::ConnectionRefused => Answer::Refused("nothing listens there".to_owned()),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Answer::Refused("the connection was closed".to_owned()),
        // An address that this machine has not: nobody can answer there.
        ErrorKind::AddrNotAvailable
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable => Answer::Refused(format!("cannot connect: {error}")),
        _ => Answer::Unasked(format!("cannot connect: {error}")),
    }
}
