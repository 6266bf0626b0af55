//! Progress of a backup, a restore or a drill: a bar on a terminal, a line per step elsewhere.
//!
//! Leaves out the looks at a machine and the building of packages, which have bars of their own.

use std::io::{IsTerminal, stderr};

use ::backup::progress::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// Shows what is under way; gone when dropped.
pub struct BytesBar {
    bar: Option<ProgressBar>,
}

impl BytesBar {
    pub fn new() -> Self {
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:24} {bytes}/{total_bytes} {wide_msg}");
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar }
    }

    /// Names the step that is under way, on a terminal: elsewhere a line follows when it has ended.
    pub fn begin(&self, name: &str) {
        if let Some(bar) = &self.bar {
            bar.set_length(0);
            bar.set_position(0);
            bar.set_message(name.to_owned());
        }
    }

    /// Says a line above the bar.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::say(line)),
            None => output::say(line),
        }
    }
}

impl Progress for BytesBar {
    fn step(&self, text: &str) {
        match &self.bar {
            Some(_) => self.begin(text),
            None => output::say(text),
        }
    }

    fn bytes(&self, done: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            bar.set_length(total.unwrap_or(done));
            bar.set_position(done);
        }
    }
}

impl Drop for BytesBar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
