//! Progress of a look: a bar on a terminal, a line per part elsewhere when it takes long.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use host::observer::Observer;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// Off a terminal, a look that is shorter than this says nothing.
const SHORT: Duration = Duration::from_secs(10);

/// Shows how far a look has come; gone when dropped.
pub struct Bar {
    bar: Option<ProgressBar>,
    began: Instant,
}

impl Bar {
    pub fn new() -> Self {
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}");
            ProgressBar::new(Observer::PARTS)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
                .with_message("looking at this machine")
        });
        Self { bar, began: Instant::now() }
    }

    /// A part is done.
    pub fn seen(&self, part: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(format!("seen: {part}"));
                bar.inc(1);
            }
            None if self.began.elapsed() >= SHORT => output::say(&format!("seen: {part}")),
            None => {}
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
