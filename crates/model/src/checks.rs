//! Every check there is.

pub mod certificates;
pub mod files;
pub mod logs;
pub mod memory;
pub mod network;
pub mod packages;
pub mod postgres;
pub mod storage;
pub mod time;
pub mod units;
pub mod upkeep;

use crate::check::Check;

/// Every check, in the order of the house's list.
pub fn all() -> impl Iterator<Item = &'static Check> {
    [
        units::CHECKS,
        memory::CHECKS,
        network::CHECKS,
        postgres::CHECKS,
        storage::CHECKS,
        packages::CHECKS,
        certificates::CHECKS,
        files::CHECKS,
        time::CHECKS,
        logs::CHECKS,
        upkeep::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// The check of that name.
pub fn named(name: &str) -> Option<&'static Check> {
    all().find(|check| check.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_check_teaches() {
        let mut names = BTreeSet::new();
        for check in all() {
            let name = check.name;
            assert!(names.insert(name), "`{name}` stands twice");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
            for text in [check.title, check.asks, check.mend] {
                assert!(!text.trim().is_empty(), "`{name}` lacks a text");
            }
            assert!(!check.commands.is_empty(), "`{name}` names no command");
        }
    }
}
