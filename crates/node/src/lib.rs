//! The daemon: watches a machine, keeps the record, answers what it is asked.
//!
//! Leaves out how anything is shown; a page and a command line are shown the same views.

pub mod answers;
pub mod backups;
pub mod drills;
pub mod error;
pub mod ground;
pub mod home;
pub mod look;
pub mod packages;
pub mod proof;
pub mod remote;
pub mod service;
mod socket;
pub mod watcher;
