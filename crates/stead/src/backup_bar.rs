//! Progress of backups: a bar on a terminal, a line per step elsewhere.
//!
//! Leaves out the looks at a machine and the building of packages, which have bars of their own.

use std::io::{IsTerminal, stderr};

use ::backup::progress::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// Shows steps; gone when dropped.
pub struct BackupBar {
    bar: Option<ProgressBar>,
}

impl BackupBar {
    pub fn new() -> Self {
        let bar = stderr().is_terminal().then(|| {
            let template = "{bar:24} {bytes}/{total_bytes} {wide_msg}";
            let style = ProgressStyle::with_template(template);
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar }
    }
}

impl Progress for BackupBar {
    fn step(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
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

impl Drop for BackupBar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
