//! Checks on listening sockets: databases that others reach, and what nobody planned.
//!
//! Leaves out whether a packet filter stands in between: a rule can be flushed, a bind cannot.

mod database;
mod door;
mod listen;
#[cfg(test)]
mod sample;

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[database::EXPOSED, listen::UNEXPECTED];
