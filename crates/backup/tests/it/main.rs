//! The room's I/O against restic itself, real repositories and servers on loopback.
//!
//! Leaves out booted machines, which `stead`'s tests have.

mod bad_dumps;
mod damage;
mod exchange;
mod failures;
mod leases;
mod place;
mod postgres;
mod rest;
mod restic;
mod save;
mod scratch;
mod sqlite;
mod targets;
mod tree;
