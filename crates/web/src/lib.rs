//! Server-rendered pages over `api`: what a browser and a scraper see of a stead.
//!
//! Leaves out where the answers come from, and every rule about what is good or bad.

mod assets;
pub mod doors;
mod error;
mod events;
mod files;
mod frame;
mod guard;
mod metrics;
mod page;
mod refused;
mod routes;
mod secret;
mod server;
mod show;

pub use doors::Doors;
pub use error::Error;
pub use server::{serve, serve_folder};
