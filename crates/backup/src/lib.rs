//! Backups of a service: what is taken, where it is kept, and how it comes back.
//!
//! Leaves out when a backup is due, which service rests meanwhile, and the drill.

pub mod append_only;
pub mod credentials;
pub mod database;
pub mod denial;
mod digest;
pub mod dumped;
pub mod error;
pub mod exchange;
pub mod files;
pub mod key_file;
pub mod keys;
pub mod lease;
pub mod lock;
pub mod manifest;
pub mod paper;
pub mod password;
pub mod places;
pub mod postgres;
mod program;
pub mod progress;
pub mod proof;
pub mod reach;
pub mod refusal;
pub mod repository;
pub mod rest;
pub mod save;
pub mod seal;
pub mod snapshot;
pub mod source;
pub mod sqlite;
pub mod staging;
pub mod target;
pub mod user;
pub mod whole;
