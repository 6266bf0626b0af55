//! The room's I/O against real repositories and servers on loopback.
//!
//! Leaves out booted machines, which `stead`'s tests have.

mod bad_dumps;
mod postgres;
mod rest;
mod scratch;
mod sqlite;
