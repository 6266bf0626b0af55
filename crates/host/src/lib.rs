//! The root hand: observes a machine into facts, drills backups and restores them.
//!
//! Decides nothing: what a fact or a drill's step means is a rule's business, in `model`.

mod certificates;
mod clock;
mod detached;
pub mod drill;
pub mod error;
mod files;
pub mod kept;
mod logs;
mod machine;
mod memory;
mod network;
pub mod observer;
mod outlook;
mod packages;
mod patience;
mod postgres;
pub mod probe;
pub mod restore;
mod storage;
mod tls_config;
mod units;
pub mod upkeep;
