//! Checks on certificates: how long they last, and whether the renewed one is in use.
//!
//! Leaves out trust: whether a browser would accept the issuer is not asked.

mod expiry;
mod served;

#[cfg(test)]
mod fixture;

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[expiry::CHECK, served::CHECK];
