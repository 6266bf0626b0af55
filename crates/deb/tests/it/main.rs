//! The room's I/O against fixtures: folders, archives, and servers on loopback.
//!
//! Leaves out booted machines, which `stead`'s tests have.

mod closures;
mod cookbook;
mod debian;
mod fetching;
mod oracle;
mod plain;
mod repository;
mod signing;
mod sources;
mod upstream;
mod web;
