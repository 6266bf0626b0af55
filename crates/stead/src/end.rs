//! When a person, a service manager or a closing terminal asks to end.
//!
//! Leaves out what ends then.

use std::future::Future;

use tokio::signal::unix::{SignalKind, signal};

/// Ready at Ctrl-C, or when a service manager or a closing terminal asks to end.
pub fn ended() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
