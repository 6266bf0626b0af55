//! Checks on upkeep: maintenance that does not end, backups that do not happen.

mod backup;
mod maintenance;

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[maintenance::CHECK, backup::CHECK];
