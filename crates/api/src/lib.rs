//! What the node is asked and what it answers: requests, views, and the local socket's client.
//!
//! Leaves out who answers (the node) and where the answers come from (the record).

pub mod answer;
pub mod client;
pub mod error;
pub mod refusal;
pub mod reply;
pub mod request;
pub mod view;
pub mod wire;

// The nouns that views are made of, so that a client needs no second crate.
pub use model::{backup, check, checks, facts, host_name, reading, report, seen, text, verdict};
