//! The room's I/O against real repositories and servers on loopback.
//!
//! Leaves out booted machines, which `stead`'s tests have.

mod postgres;
mod scratch;
