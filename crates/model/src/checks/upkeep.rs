//! Checks on upkeep: maintenance that does not end, backups that do not happen or never restored.

mod backup;
mod drill;
mod evidence;
mod maintenance;

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[maintenance::CHECK, backup::CHECK, drill::CHECK];
