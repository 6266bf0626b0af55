//! Checks on upkeep: maintenance that does not end, backups that do not happen or never restored, restores that
//! were cut short.

mod backup;
mod drill;
mod evidence;
mod maintenance;
mod restore;

use crate::check::Check;

pub(super) const CHECKS: &[Check] =
    &[maintenance::CHECK, backup::CHECK, drill::CHECK, restore::CHECK];
