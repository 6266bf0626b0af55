//! Packages of other repositories for our own: fetched, verified, and where each came from.
//!
//! Leaves out adding them: that is `repository`'s.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use model::text::printable;

use crate::closure::{self, Options, Solver};
use crate::fetch::Cache;
use crate::index::Id;
use crate::progress::Progress;
use crate::repository::{Incoming, Origin};
use crate::sum;
use crate::upstream::{self, Keyring, Offer, Upstream, Verified};

/// Which packages are wanted.
#[derive(Clone, Debug)]
pub struct Wish {
    pub upstreams: Vec<Upstream>,
    /// Without `all`.
    pub architectures: Vec<String>,
    pub packages: Vec<String>,
    /// All that they need too, down to what every Debian has.
    pub dependencies: bool,
}

/// What was fetched.
#[derive(Debug, Default)]
pub struct Gathered {
    pub packages: Vec<Incoming>,
    /// What a person should know, as a package that one architecture lacks.
    pub warnings: Vec<String>,
}

/// Packages could not be gathered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Upstream(Box<upstream::Error>),
    #[error("cannot find what the packages need for {architecture}")]
    Closure { architecture: String, source: Box<closure::Error> },
    #[error("no package is called `{name}` for {architectures} there")]
    NoPackage { name: String, architectures: String },
    #[error("cannot read the keyring `{path}`")]
    Keyring { path: PathBuf, source: std::io::Error },
}

/// Fetches packages into the cache, each verified: the suite's signature vouches for the index,
/// the index for the package's sum. Those for all architectures are given once.
pub fn gather(
    wish: &Wish,
    cache: &Cache,
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<Gathered, Error> {
    let failed = |error| Error::Upstream(Box::new(error));
    let mut gathered = Gathered::default();
    let mut suites: Vec<Verified> = Vec::new();
    for upstream in &wish.upstreams {
        let suite = upstream.refresh(cache, now, progress).map_err(failed)?;
        gathered.warnings.extend(suite.warnings.iter().cloned());
        suites.push(suite);
    }
    let mut origins: BTreeMap<String, Origin> = BTreeMap::new();
    for suite in &suites {
        origins.insert(suite.upstream.title(), origin(suite)?);
    }
    let mut found: BTreeMap<PathBuf, Incoming> = BTreeMap::new();
    let mut lacking: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for architecture in &wish.architectures {
        let offer = Offer::of(&suites, architecture, cache, progress).map_err(failed)?;
        let (here, lacks): (Vec<&str>, Vec<&str>) =
            wish.packages.iter().map(String::as_str).partition(|name| {
                offer.index.find(name).is_some_and(|name| offer.index.candidate(name).is_some())
            });
        for name in lacks {
            lacking.entry(name).or_default().push(architecture);
        }
        let chosen = choose(&offer, &here, architecture, wish.dependencies)?;
        for (done, id) in chosen.iter().enumerate() {
            progress.count(done as u64, chosen.len() as u64);
            let path = offer.package(*id, cache, progress).map_err(failed)?;
            let origin = origins.get(&offer.suite(*id).upstream.title()).cloned();
            found.entry(path.clone()).or_insert(Incoming { path, origin });
        }
    }
    for (name, architectures) in lacking {
        let (name, listed) = (printable(name, 200), architectures.join(", "));
        if architectures.len() == wish.architectures.len() {
            return Err(Error::NoPackage { name, architectures: listed });
        }
        gathered.warnings.push(format!("no {name} for {listed}"));
    }
    gathered.packages = found.into_values().collect();
    Ok(gathered)
}

fn choose(
    offer: &Offer,
    roots: &[&str],
    architecture: &str,
    dependencies: bool,
) -> Result<Vec<Id>, Error> {
    if !dependencies {
        let named = roots.iter().filter_map(|name| offer.index.find(name));
        return Ok(named.filter_map(|name| offer.index.candidate(name)).collect());
    }
    let options = Options { recommends: false, base: false };
    let chosen = Solver::new(&offer.index).closure(roots, options).map_err(|source| {
        Error::Closure { architecture: architecture.to_owned(), source: Box::new(source) }
    })?;
    Ok(chosen.into_iter().map(|one| one.package).collect())
}

fn origin(suite: &Verified) -> Result<Origin, Error> {
    let keys = match &suite.upstream.keyring {
        Keyring::Text(text) => text.as_bytes().to_vec(),
        Keyring::Files(paths) => {
            let mut all = Vec::new();
            for path in paths {
                let read = fs::read(path);
                let failed = |source| Error::Keyring { path: path.clone(), source };
                all.extend(read.map_err(failed)?);
            }
            all
        }
    };
    let date = suite.release.date.to_zoned(jiff::tz::TimeZone::UTC);
    Ok(Origin {
        url: printable(&suite.upstream.base, 500),
        suite: suite.upstream.suite.clone(),
        name: suite.release.origin.clone().unwrap_or_default(),
        release: rfc2822::to_string(&date).unwrap_or_default(),
        keyring: sum::sha256(&keys),
    })
}
