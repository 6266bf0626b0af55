//! Work that may hang, done on a thread of its own and waited for only so long.
//!
//! Leaves out stopping it: a system call that hangs on a dead disk cannot be stopped, so the
//! thread is left behind, and not counted among those that the runtime waits for at its end.

use std::time::Duration;

use model::seen::Seen;

/// Runs `look` on its own thread; unseen if it takes longer than `limit`.
pub(crate) async fn within<T: Send + 'static>(
    limit: Duration,
    what: &str,
    look: impl FnOnce() -> T + Send + 'static,
) -> Seen<T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let spawned = std::thread::Builder::new().name("stead-look".to_owned()).spawn(move || {
        // Nobody may be waiting any more: then the answer is of no use.
        let _ = sender.send(look());
    });
    if let Err(error) = spawned {
        return Seen::unseen(format!("cannot start a thread to look at {what}: {error}"));
    }
    match tokio::time::timeout(limit, receiver).await {
        Ok(Ok(value)) => Seen::Seen(value),
        Ok(Err(_)) => Seen::unseen(format!("looking at {what} broke off; a defect of stead")),
        Err(_) => Seen::unseen(format!("looking at {what} took longer than {} s", limit.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_look_that_hangs_is_unseen_and_a_quick_one_seen() {
        let (release, held) = mpsc::channel::<()>();
        let hung = within(Duration::from_millis(20), "a dead disk", move || {
            let _ = held.recv();
        });
        assert!(matches!(hung.await, Seen::Unseen(reason) if reason.contains("a dead disk")));
        drop(release);
        assert_eq!(within(Duration::from_secs(60), "a disk", || 7).await, Seen::Seen(7));
    }

    #[tokio::test]
    async fn a_look_that_panics_is_unseen() {
        let broken = within(Duration::from_secs(60), "x", || -> u8 { panic!("on purpose") });
        assert!(matches!(broken.await, Seen::Unseen(_)));
    }
}
