//! Checks on postgres.

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];
