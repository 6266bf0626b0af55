//! What a medium will be, before any package is fetched: what each target needs, and its size.
//!
//! Leaves out fetching and writing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::fetch::Cache;
use crate::fetch::digest::Digest;
use crate::medium::choice::{self, Built, Choice, Package, Whence};
use crate::medium::description::{Origin, Service};
use crate::medium::error::Error;
use crate::medium::target::Target;
use crate::progress::Progress;
use crate::upstream::{self, Offer, Upstream, Verified};

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct Order {
    pub targets: Vec<Target>,
    /// Names of packages: Debian's, or of what was built.
    pub services: Vec<String>,
    /// The packages of recipes, and `stead` itself.
    pub built: Vec<Built>,
    /// Whether recommended packages come too.
    pub recommends: bool,
    /// Where Debian is; this machine's own sources or Debian's servers if missing.
    pub mirror: Option<Mirror>,
    pub now: Timestamp,
}

/// A copy of Debian.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// The folder that holds `dists`, as a URL.
    pub url: String,
    pub keyring: PathBuf,
}

/// What will be on the medium.
#[derive(Clone, Debug)]
pub struct Plan {
    pub choices: Vec<Choice>,
    /// Where Debian's packages come from.
    pub origins: Vec<Origin>,
    /// Every package once, by its sum.
    pub pool: BTreeMap<String, Wanted>,
    pub warnings: Vec<String>,
}

/// A package of the pool.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub package: Package,
    pub source: Source,
    /// The releases that need it.
    pub releases: BTreeSet<String>,
}

/// Where a package's file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// At a URL, in this suite.
    Suite { url: String, origin: Origin },
    /// It was built here.
    Here(PathBuf),
}

/// The plan in figures, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figures {
    pub targets: Vec<TargetFigures>,
    /// Packages in all; those that several targets need are counted once.
    pub packages: usize,
    pub bytes: u64,
    /// Of these, what has to be fetched.
    pub to_fetch: u64,
}

/// What one target needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetFigures {
    pub release: String,
    pub architecture: String,
    pub services: Vec<Service>,
    pub packages: usize,
    pub bytes: u64,
}

/// Reads the indexes and chooses; only indexes are fetched.
pub fn plan(order: &Order, cache: &Cache, progress: &dyn Progress) -> Result<Plan, Error> {
    let mut plan = Plan {
        choices: Vec::new(),
        origins: Vec::new(),
        pool: BTreeMap::new(),
        warnings: Vec::new(),
    };
    let releases: BTreeSet<&str> = order.targets.iter().map(|one| &*one.release).collect();
    for release in releases {
        let targets: Vec<&Target> =
            order.targets.iter().filter(|target| target.release == release).collect();
        let architectures: Vec<String> =
            targets.iter().map(|target| target.architecture.clone()).collect();
        progress.step(&format!("reading the indexes of {release}"));
        let mut suites = Vec::new();
        for upstream in upstreams(order, release, &architectures)? {
            let verified = upstream.refresh(cache, order.now, progress).map_err(upstream_failed)?;
            plan.warnings.extend(verified.warnings.iter().cloned());
            plan.origins.push(origin(&verified));
            suites.push(verified);
        }
        for target in targets {
            let mut offer = Offer::of(&suites, &target.architecture, cache, progress)
                .map_err(upstream_failed)?;
            choice::add_built(&mut offer.index, &order.built)?;
            let choice = choice::choose(
                &offer.index,
                target,
                &order.services,
                &order.built,
                order.recommends,
            )?;
            plan.enter(&choice, &offer);
            plan.choices.push(choice);
        }
    }
    plan.origins.sort();
    plan.origins.dedup();
    Ok(plan)
}

fn upstreams(
    order: &Order,
    release: &str,
    architectures: &[String],
) -> Result<Vec<Upstream>, Error> {
    match &order.mirror {
        None => upstream::for_release(release, architectures).map_err(upstream_failed),
        Some(mirror) => Ok(vec![Upstream {
            base: mirror.url.clone(),
            suite: release.to_owned(),
            components: vec!["main".to_owned()],
            architectures: architectures.to_vec(),
            keyring: upstream::Keyring::Files(vec![mirror.keyring.clone()]),
        }]),
    }
}

fn origin(suite: &Verified) -> Origin {
    Origin {
        url: suite.upstream.base.clone(),
        suite: suite.upstream.suite.clone(),
        date: suite.release.date.to_string(),
    }
}

impl Plan {
    fn enter(&mut self, choice: &Choice, offer: &Offer) {
        for package in &choice.packages {
            let wanted = self.pool.entry(package.sha256.clone()).or_insert_with(|| Wanted {
                package: package.clone(),
                source: match &package.whence {
                    Whence::Here(path) => Source::Here(path.clone()),
                    Whence::Suite(id) => {
                        Source::Suite { url: offer.url(*id), origin: origin(offer.suite(*id)) }
                    }
                },
                releases: BTreeSet::new(),
            });
            wanted.releases.insert(choice.target.release.clone());
        }
    }

    /// Counts, given what the cache has already.
    pub fn figures(&self, cache: &Cache) -> Figures {
        let there =
            |sum: &str| Digest::sha256(sum).is_ok_and(|digest| cache.find(&digest).is_some());
        let to_fetch = self
            .pool
            .iter()
            .filter(|(sum, one)| matches!(one.source, Source::Suite { .. }) && !there(sum))
            .map(|(_, one)| one.package.bytes)
            .sum();
        Figures {
            targets: self
                .choices
                .iter()
                .map(|choice| TargetFigures {
                    release: choice.target.release.clone(),
                    architecture: choice.target.architecture.clone(),
                    services: choice.services.clone(),
                    packages: choice.packages.len(),
                    bytes: choice.bytes(),
                })
                .collect(),
            packages: self.pool.len(),
            bytes: self.bytes(),
            to_fetch,
        }
    }

    /// In bytes.
    pub fn bytes(&self) -> u64 {
        self.pool.values().map(|one| one.package.bytes).sum()
    }
}

fn upstream_failed(source: upstream::Error) -> Error {
    Error::Upstream(Box::new(source))
}
