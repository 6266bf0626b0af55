//! Our closures beside the real apt's, for random packages of Debian.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use deb::closure::{Options, Solver};
use deb::fetch::Cache;
use deb::oracle::{Answer, Oracle};
use deb::progress::Silent;
use deb::selection;
use deb::upstream::{DEBIAN_KEYRING, Error, Keyring, Offer, Upstream};
use jiff::Timestamp;

use crate::debian::{has, note};

/// Sets of each kind.
const SETS: usize = 20;

/// Between runs the indexes are kept outside of the tree.
fn cache() -> Cache {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let home = || variable("HOME").unwrap_or_else(std::env::temp_dir).join(".cache/stead");
    let base = variable("STEAD_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|it| it.join("stead")))
        .unwrap_or_else(home);
    let cache = Cache::open(base.join("indexes")).expect("a cache");
    cache.patience(2, Duration::from_secs(1))
}

/// xorshift64*: the same sets on every machine that sees the same index.
fn next(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

#[test]
fn a_closure_is_apts_own_or_doubts_itself() {
    let Some(oracle) = Oracle::find().filter(|_| has(DEBIAN_KEYRING)) else {
        return note("apt-get is missing: closures were not compared with it");
    };
    let cache = cache();
    let upstream = Upstream {
        base: "http://deb.debian.org/debian".to_owned(),
        suite: "bookworm".to_owned(),
        components: vec!["main".to_owned()],
        architectures: vec!["arm64".to_owned()],
        keyring: Keyring::Files(vec![PathBuf::from(DEBIAN_KEYRING)]),
    };
    let suites = match upstream.refresh(&cache, Timestamp::now(), &Silent) {
        Ok(verified) => [verified],
        Err(Error::Fetch(error)) => {
            return note(&format!("Debian's archive was not read: {error}"));
        }
        Err(error) => panic!("{}", model::text::with_causes(&error)),
    };
    let offer = Offer::of(&suites, "arm64", &cache, &Silent).expect("an offer");
    let index = &offer.index;
    let reader = selection::reader(&oracle, &suites, "arm64").expect("apt reads it");
    let mut solver = Solver::new(index);
    let all: Vec<&str> = index.packages().map(|id| index.name(id)).collect();
    let mut state = 20_261_120;
    let mut doubtful = 0;
    for number in 0..2 * SETS {
        let recommends = number % 2 == 1;
        let size = 1 + next(&mut state) as usize % 6;
        let roots: Vec<&str> =
            (0..size).map(|_| all[next(&mut state) as usize % all.len()]).collect();
        let Ok(found) = solver.solve(&roots, Options { recommends, base: false }) else {
            doubtful += 1;
            continue;
        };
        if !found.doubts.is_empty() {
            doubtful += 1;
            continue;
        }
        let ours: BTreeSet<(String, String)> = found
            .chosen
            .iter()
            .map(|it| (index.name(it.package).to_owned(), index.version(it.package).to_owned()))
            .collect();
        match reader.ask(&roots, recommends).expect("an answer") {
            Answer::Plan(plan) => {
                let theirs: BTreeSet<(String, String)> =
                    plan.into_iter().map(|it| (it.name, it.version)).collect();
                let differ: Vec<_> = ours.symmetric_difference(&theirs).collect();
                assert!(differ.is_empty(), "{roots:?}, recommends {recommends}: {differ:?}");
            }
            Answer::No(why) => panic!("{roots:?}: apt refuses: {why}"),
        }
    }
    // More than that, and the rules would be wrong.
    assert!(doubtful * 10 <= 2 * SETS, "{doubtful} of {} sets were in doubt", 2 * SETS);
    // apt's plan is taken where there is a doubt: here it is asked for the same.
    let selected = selection::select(&offer, &suites, &["dvd-slideshow"], Options::default());
    assert!(selected.expect("a selection").packages.len() > 100);
}
