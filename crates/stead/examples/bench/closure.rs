//! Closures beside apt's: how long they take, and how often they are the same.
//!
//! Leaves out fetching packages; the indexes are fetched once, into stead's own cache.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail};
use deb::closure::{Options, Solver};
use deb::fetch::Cache;
use deb::index::Index;
use deb::oracle::{Answer, Oracle, Reader};
use deb::progress::Silent;
use deb::selection;
use deb::upstream::{DEBIAN_KEYRING, Keyring, Offer, Upstream, Verified};
use jiff::Timestamp;

use crate::gauge::{self, Run};

/// What a small server of a community has.
const ROOTS: [&str; 6] =
    ["babeld", "git", "nginx-light", "postgresql", "prometheus-node-exporter", "python3-venv"];
const RUNS: usize = 9;
const SETS: usize = 300;

/// A suite of Debian, verified, from the cache.
fn suites(suite: &str, architecture: &str, offline: bool) -> anyhow::Result<[Verified; 1]> {
    let upstream = Upstream {
        base: "http://deb.debian.org/debian".to_owned(),
        suite: suite.to_owned(),
        components: vec!["main".to_owned()],
        architectures: vec![architecture.to_owned()],
        keyring: Keyring::Files(vec![PathBuf::from(DEBIAN_KEYRING)]),
    };
    let cache = Cache::open(Cache::default_folder())?.offline(offline);
    Ok([upstream.refresh(&cache, Timestamp::now(), &Silent)?])
}

fn offer<'a>(suites: &'a [Verified; 1], architecture: &str) -> anyhow::Result<Offer<'a>> {
    let cache = Cache::open(Cache::default_folder())?;
    Ok(Offer::of(suites, architecture, &cache, &Silent)?)
}

/// Reads the index and finds the closure of the six roots; what `run` measures.
pub fn six() -> anyhow::Result<()> {
    let suites = suites("bookworm", "amd64", true)?;
    let offer = offer(&suites, "amd64")?;
    let mut solver = Solver::new(&offer.index);
    println!("{}", solver.closure(&ROOTS, Options::default())?.len());
    Ok(())
}

/// Reads the index and finds the closures of many sets.
pub fn many(count: &str) -> anyhow::Result<()> {
    let suites = suites("bookworm", "amd64", true)?;
    let offer = offer(&suites, "amd64")?;
    let mut solver = Solver::new(&offer.index);
    let began = Instant::now();
    let mut packages = 0;
    for roots in sets(&offer.index, count.parse()?) {
        packages += solver.solve(&roots, Options::default()).map_or(0, |it| it.chosen.len());
    }
    println!("{packages} packages in {:.3} s without the reading", began.elapsed().as_secs_f64());
    Ok(())
}

/// The table of docs/benchmarks.md.
pub fn run() -> anyhow::Result<()> {
    let suites = suites("bookworm", "amd64", false)?;
    let offer = offer(&suites, "amd64")?;
    let chosen = Solver::new(&offer.index).closure(&ROOTS, Options::default())?.len();
    println!("{} packages in the index, {chosen} in the closure of six\n", offer.index.len());
    println!("| work | wall s | CPU s | peak RSS MiB |\n|---|---|---|---|");
    let own = std::env::current_exe()?.display().to_string();
    row("closure of 6, index read and verified", &[&own, "closure-six"], || Ok(()))?;
    let stead = crate::stead()?.display().to_string();
    let mut words = vec![stead.as_str(), "closure", "--offline", "--release", "bookworm"];
    words.extend(ROOTS);
    // Once with the network, so that all suites of this machine's apt are in the cache.
    let online: Vec<&str> = words.iter().copied().filter(|word| *word != "--offline").collect();
    gauge::once(&online)?;
    row("`stead closure`, all suites of this machine", &words, || Ok(()))?;
    row("300 closures, index read and verified", &[&own, "closure-many", "300"], || Ok(()))?;
    let oracle = Oracle::find().context("apt-get")?;
    let reader = selection::reader(&oracle, &suites, "amd64")?;
    let settings = reader.settings().display().to_string();
    let setting = format!("APT_CONFIG={settings}");
    let mut words = vec!["env", &setting, "apt-get", "install", "-s", "-qq"];
    words.extend(ROOTS);
    row("apt, its cache warm", &words, || Ok(()))?;
    let cold = || {
        for name in ["pkgcache.bin", "srcpkgcache.bin"] {
            let path = reader.settings().with_file_name("cache").join(name);
            std::fs::remove_file(path)?;
        }
        Ok(())
    };
    row("apt, its cache cold", &words, cold)?;
    if Command::new("apt-rdepends").arg("--version").output().is_ok() {
        let mut words = vec!["env", &setting, "apt-rdepends"];
        words.extend(ROOTS);
        row("apt-rdepends", &words, || Ok(()))?;
    } else {
        println!("| apt-rdepends | not installed | | |");
    }
    let began = Instant::now();
    let loops = sets(&offer.index, SETS / 10);
    for roots in &loops {
        reader.ask(roots, false)?;
    }
    let all = began.elapsed().as_secs_f64() / loops.len() as f64 * SETS as f64;
    println!("| 300 closures by apt, from {} in a loop | {all:.0} | | |", loops.len());
    Ok(())
}

fn row(work: &str, words: &[&str], before: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut runs: Vec<Run> = Vec::new();
    for _ in 0..RUNS {
        before()?;
        runs.push(gauge::once(words)?);
    }
    let Run { wall_seconds, cpu_seconds, peak_kib, .. } = gauge::median(runs)?;
    let mib = peak_kib as f64 / 1024.0;
    println!("| {work} | {wall_seconds:.3} | {cpu_seconds:.2} | {mib:.0} |");
    Ok(())
}

/// Compares closures of random sets with apt's plans, and prints the counts.
pub fn compare(suite: &str, architecture: &str, count: &str, more: &[&str]) -> anyhow::Result<()> {
    let recommends = match more {
        [] => false,
        ["recommends"] => true,
        _ => bail!("say: compare SUITE ARCHITECTURE COUNT [recommends]"),
    };
    let suites = suites(suite, architecture, false)?;
    let offer = offer(&suites, architecture)?;
    let oracle = Oracle::find().context("apt-get")?;
    let reader = selection::reader(&oracle, &suites, architecture)?;
    let mut solver = Solver::new(&offer.index);
    let (mut equal, mut doubtful, mut different) = (0, 0, 0);
    for roots in sets(&offer.index, count.parse()?) {
        match judge(&mut solver, &offer.index, &reader, &roots, recommends)? {
            Judgement::Equal => equal += 1,
            Judgement::Doubtful => doubtful += 1,
            Judgement::Different(names) => {
                different += 1;
                println!("differs: {}: {}", roots.join(" "), names.join(" "));
            }
        }
    }
    println!(
        "{suite} {architecture}{}: {equal} equal, {doubtful} in doubt of themselves, \
         {different} different",
        if recommends { " with recommends" } else { "" }
    );
    Ok(())
}

enum Judgement {
    Equal,
    /// It says itself that apt must be asked.
    Doubtful,
    Different(Vec<String>),
}

fn judge(
    solver: &mut Solver<'_>,
    index: &Index,
    reader: &Reader,
    roots: &[&str],
    recommends: bool,
) -> anyhow::Result<Judgement> {
    let ours = match solver.solve(roots, Options { recommends, base: false }) {
        Ok(found) if found.doubts.is_empty() => found.chosen,
        _ => return Ok(Judgement::Doubtful),
    };
    let pair = |name: &str, version: &str| format!("{name}={version}");
    let ours: BTreeSet<String> =
        ours.iter().map(|it| pair(index.name(it.package), index.version(it.package))).collect();
    let theirs: BTreeSet<String> = match reader.ask(roots, recommends)? {
        Answer::Plan(plan) => plan.iter().map(|it| pair(&it.name, &it.version)).collect(),
        Answer::No(why) => return Ok(Judgement::Different(vec![why])),
    };
    let names: Vec<String> = ours.symmetric_difference(&theirs).cloned().collect();
    Ok(if names.is_empty() { Judgement::Equal } else { Judgement::Different(names) })
}

/// Sets of one to eight random packages, the same for the same index.
fn sets(index: &Index, count: usize) -> Vec<Vec<&str>> {
    let all: Vec<&str> = index.packages().map(|id| index.name(id)).collect();
    // xorshift64*.
    let mut state: u64 = 20_261_120;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d) as usize
    };
    (0..count).map(|_| (0..=next() % 8).map(|_| all[next() % all.len()]).collect()).collect()
}
