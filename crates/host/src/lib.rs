//! The root hand: observes a machine into facts.
//!
//! Decides nothing: what a fact means is a check's business, in `model`.

mod certificates;
mod clock;
mod detached;
mod files;
pub mod kept;
mod logs;
mod machine;
mod memory;
mod network;
pub mod observer;
mod packages;
mod postgres;
pub mod probe;
mod storage;
mod tls_config;
mod units;
pub mod upkeep;
