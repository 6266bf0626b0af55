//! Backups of a service: what is taken, where it is kept, and how it comes back.
//!
//! Leaves out when a backup is due, which service rests meanwhile, and the drill.

pub mod postgres;
