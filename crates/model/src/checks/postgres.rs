//! Checks on PostgreSQL: who may come in, who holds others up, and what an index may be trusted.
//!
//! Leaves out whether the server can be reached: `database-exposed` sees that from its sockets.

mod blocked;
mod collation;
mod each;
mod hba;
mod query;
#[cfg(test)]
mod sample;
mod size;

use crate::check::Check;

pub(super) const CHECKS: &[Check] =
    &[hba::RULES, query::LONG, query::IDLE, blocked::BLOCKED, collation::COLLATION, size::SIZE];
