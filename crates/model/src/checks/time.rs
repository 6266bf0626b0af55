//! Checks on the clock: whether something keeps it, and whether it jumped.

mod jump;
mod sync;

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[sync::CHECK, jump::CHECK];
