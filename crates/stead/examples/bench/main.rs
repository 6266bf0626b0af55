//! Measures what stead costs and prints a table; docs/benchmarks.md says how each is read.
//!
//! `cargo build --release && cargo run --release -p stead --example bench -- check`
//! Leaves out what is fast enough not to be asked for.

mod backing_up;
mod check;
mod closure;
mod database;
mod drill;
mod gauge;
mod idle;
mod journal;
mod page;
#[path = "../../../deb/tests/it/plain.rs"]
mod plain;
mod publish;
mod sockets;

use std::path::PathBuf;

use anyhow::{Context, bail};

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["check"] => check::run(),
        ["backup"] => backing_up::run(2048),
        ["backup", mebibytes] => backing_up::run(mebibytes.parse()?),
        ["backup-many"] => backing_up::many(1_000_000),
        ["backup-many", files] => backing_up::many(files.parse()?),
        ["database"] => database::run(),
        ["drill"] => drill::run(),
        // What `backup`, `backup-many` and `database` run.
        ["backup-act", action, work] => backing_up::act(action, &std::path::absolute(work)?),
        ["idle"] => idle::run(10),
        ["idle", minutes] => idle::run(minutes.parse()?),
        ["page"] => page::run(),
        ["closure"] => closure::run(),
        ["closure", "compare", suite, architecture, count, more @ ..] => {
            closure::compare(suite, architecture, count, more)
        }
        // What `closure` runs.
        ["closure-six"] => closure::six(),
        ["closure-many", count] => closure::many(count),
        ["publish", sizes @ ..] => publish::run(&publish::sizes(sizes)?),
        // What `check` runs inside the machine that it makes.
        ["sockets", count] => sockets::hold(count.parse()?),
        ["journal", count] => journal::fill(count.parse()?),
        ["gauge", runs, command @ ..] => gauge::run(runs.parse()?, command),
        ["load", url, cookie] => page::load(url, cookie),
        _ => bail!(
            "say one of: backup [MIB], backup-many [FILES], check, closure, closure compare SUITE ARCHITECTURE COUNT, \
             database, drill, idle [MINUTES], page, publish [PACKAGES…]"
        ),
    }
}

/// Where what is made once is kept: outside of the tree.
fn cache() -> anyhow::Result<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let folder = variable("STEAD_CACHE")
        .or_else(|| variable("HOME").map(|home| home.join(".cache/stead")))
        .context("HOME is not set")?
        .join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The release build of stead, beside this program.
fn stead() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder = here.ancestors().nth(2).context("target/release/examples/bench")?;
    let stead = folder.join("stead");
    if !stead.is_file() {
        bail!("{} is missing: `cargo build --release` makes it", stead.display());
    }
    Ok(stead)
}
