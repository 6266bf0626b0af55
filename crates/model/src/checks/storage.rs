//! Checks on storage.

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[];
