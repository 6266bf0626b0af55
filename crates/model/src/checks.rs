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
use crate::entry::RunV1;

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

/// So many names a partial run spells out.
const NAMED: usize = 5;

/// What a run of these checks is called: [`RunV1::WHOLE`] for all there are, else with their names.
pub fn run_of(checks: &[&Check]) -> String {
    let asked = |name| checks.iter().any(|check| check.name == name);
    if all().all(|check| asked(check.name)) {
        return RunV1::WHOLE.to_owned();
    }
    let names: Vec<&str> = checks.iter().take(NAMED).map(|check| check.name).collect();
    let more = match checks.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} {}{more}", RunV1::WHOLE, names.join(" "))
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

    #[test]
    fn a_run_of_some_checks_is_never_taken_for_a_whole_one() {
        let every: Vec<&Check> = all().collect();
        assert_eq!(run_of(&every), RunV1::WHOLE);
        let [first, second, ..] = every[..] else { panic!("there are checks") };
        assert_eq!(run_of(&[first, second]), format!("check {} {}", first.name, second.name));
        assert!(run_of(&every[1..]).ends_with(&format!(" and {} more", every.len() - 1 - NAMED)));
    }
}
