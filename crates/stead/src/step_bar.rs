//! Progress of `deb`'s long work: a bar on a terminal, a line per step elsewhere.
//!
//! Leaves out the looks at a machine, which have `bar`.

use std::io::{IsTerminal, stderr};

use deb::progress::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// Shows steps; gone when dropped.
pub struct StepBar {
    bar: Option<ProgressBar>,
}

impl StepBar {
    pub fn new() -> Self {
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {wide_msg}");
            ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar }
    }
}

impl Progress for StepBar {
    fn step(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None => output::say(text),
        }
    }

    fn count(&self, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
        }
    }

    fn bytes(&self, done: u64, total: Option<u64>) {
        if let (Some(bar), Some(total)) = (&self.bar, total) {
            bar.set_length(total >> 10);
            bar.set_position(done >> 10);
        }
    }
}

impl Drop for StepBar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
