//! PostgreSQL: a dump with its manifest from one snapshot, and a dump restored and counted again.
//!
//! Leaves out passwords: roles log in over the local socket as the system user of their name.

pub mod cluster;
