//! Many listening sockets.

use std::net::TcpListener;

/// Holds `count` of them on loopback until it is killed.
pub fn hold(count: usize) -> anyhow::Result<()> {
    let sockets: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    println!("{} sockets", sockets.len());
    loop {
        std::thread::park();
    }
}
