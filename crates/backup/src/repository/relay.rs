//! Passes the engine's progress on to who asked for the work, and turns its panics into errors.
//!
//! Leaves out what the work is.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustic_core::{Progress as Shown, ProgressBars, ProgressType, RusticProgress};

use crate::progress::Progress;

/// The name of threads whose panic becomes an error, so that nobody else needs to tell of it: it
/// may say all that the engine holds.
pub const THREAD: &str = "engine";

/// How often the progress is passed on.
const TICK: Duration = Duration::from_millis(100);

/// Bytes of the engine's present step.
#[derive(Debug, Default)]
pub struct Relay {
    done: AtomicU64,
    total: AtomicU64,
}

impl Relay {
    /// Begins a step of so many bytes; 0 if nobody knows.
    pub fn begin(&self, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    pub fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What the engine holds: it counts bytes here, and all else nowhere.
#[derive(Clone, Debug)]
pub struct Bars(pub Arc<Relay>);

#[derive(Debug)]
struct Meter {
    relay: Arc<Relay>,
    counts_bytes: bool,
}

impl ProgressBars for Bars {
    fn progress(&self, progress_type: ProgressType, _prefix: &str) -> Shown {
        let counts_bytes = matches!(progress_type, ProgressType::Bytes);
        if counts_bytes {
            self.0.begin(0);
        }
        Shown::new(Meter { relay: self.0.clone(), counts_bytes })
    }
}

impl RusticProgress for Meter {
    fn is_hidden(&self) -> bool {
        !self.counts_bytes
    }

    fn set_length(&self, length: u64) {
        if self.counts_bytes {
            self.relay.total.store(length, Ordering::Relaxed);
        }
    }

    fn set_title(&self, _title: &str) {}

    fn inc(&self, bytes: u64) {
        if self.counts_bytes {
            self.relay.add(bytes);
        }
    }

    fn finish(&self) {}
}

/// Works on a thread of its own, and tells `progress` from this one meanwhile. A panic of the
/// engine is given back as its text.
pub fn watch<T: Send>(
    relay: &Relay,
    progress: &dyn Progress,
    work: impl FnOnce() -> T + Send,
) -> Result<T, String> {
    relay.begin(0);
    let watcher = thread::current();
    thread::scope(|scope| {
        let worker =
            thread::Builder::new().name(THREAD.to_owned()).spawn_scoped(scope, move || {
                let _wake = Wake(watcher);
                work()
            });
        let worker = worker.map_err(|error| format!("no thread could be started: {error}"))?;
        let mut told = 0;
        while !worker.is_finished() {
            thread::park_timeout(TICK);
            let done = relay.done.load(Ordering::Relaxed);
            if done != told {
                told = done;
                let total = Some(relay.total.load(Ordering::Relaxed)).filter(|total| *total > 0);
                progress.bytes(done, total);
            }
        }
        worker.join().map_err(|panic| text(panic.as_ref()))
    })
}

/// Wakes the watcher when the work ends, whichever way.
struct Wake(thread::Thread);

impl Drop for Wake {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}
