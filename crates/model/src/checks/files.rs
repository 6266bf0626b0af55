//! Checks on who may read secrets and private keys.

mod keys;
mod secrets;

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[secrets::CHECK, keys::CHECK];
