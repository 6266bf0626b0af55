//! Choosing packages as apt would: by our closure, and by apt itself where that is in doubt.
//!
//! Leaves out fetching what was chosen.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use model::text::printable;

use crate::closure::{self, Chosen, Options, Solver};
use crate::index::Id;
use crate::oracle::{self, Answer, Oracle, Planned, Reader, Shelf};
use crate::upstream::{Offer, Verified};

/// Packages that fit together, and who says so.
#[derive(Clone, Debug)]
pub struct Selection {
    pub packages: Vec<Chosen>,
    pub by: By,
}

/// Who chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Our closure, without any doubt.
    Closure,
    /// Our closure, with these doubts, since this machine has no apt to ask.
    DoubtfulClosure(Vec<String>),
    /// The real apt, since our closure had these doubts.
    Apt(Vec<String>),
}

/// Nothing can be chosen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Closure(Box<closure::Error>),
    #[error("{own}; apt refuses too: {said}")]
    Refused { own: String, said: String },
    #[error("cannot ask apt")]
    Oracle(#[source] Box<oracle::Error>),
    #[error("cannot lay out the indexes for apt in `{path}`")]
    Shelf { path: PathBuf, source: io::Error },
    #[error("apt chose {name} {version}, which the indexes do not have")]
    Unknown { name: String, version: String },
    #[error("cannot read a keyring for apt")]
    Keyring(#[source] Box<crate::upstream::Error>),
}

/// Chooses packages from what the suites offer for the index's architecture.
pub fn select(
    offer: &Offer<'_>,
    suites: &[Verified],
    roots: &[&str],
    options: Options,
) -> Result<Selection, Error> {
    select_with(Oracle::find().as_ref(), offer, suites, roots, options)
}

/// As [`select`], with an apt of the caller's choice.
pub fn select_with(
    oracle: Option<&Oracle>,
    offer: &Offer<'_>,
    suites: &[Verified],
    roots: &[&str],
    options: Options,
) -> Result<Selection, Error> {
    let mut solver = Solver::new(&offer.index);
    let found = solver.solve(roots, options);
    let (doubts, found) = match found {
        Ok(found) if found.doubts.is_empty() => {
            return Ok(Selection { packages: found.chosen, by: By::Closure });
        }
        Ok(found) => (found.doubts.clone(), Ok(found)),
        Err(error @ (closure::Error::Unmet { .. } | closure::Error::Broken { .. })) => {
            (vec![error.to_string()], Err(error))
        }
        Err(error) => return Err(Error::Closure(Box::new(error))),
    };
    let Some(oracle) = oracle else {
        let found = found.map_err(|error| Error::Closure(Box::new(error)))?;
        return Ok(Selection { packages: found.chosen, by: By::DoubtfulClosure(doubts) });
    };
    let mut all = roots.to_vec();
    if options.base {
        all.extend(solver.base_names());
    }
    let reader = reader(oracle, suites, offer.index.architecture())?;
    let answer = reader.ask(&all, options.recommends).map_err(asking)?;
    let plan = match answer {
        Answer::Plan(plan) => plan,
        Answer::No(said) => {
            let own = printable(&doubts.join("; "), 500);
            return Err(Error::Refused { own, said });
        }
    };
    let set = plan.iter().map(|planned| known(offer, planned)).collect::<Result<Vec<Id>, _>>()?;
    let packages = solver.explain(roots, &set).map_err(|error| Error::Closure(Box::new(error)))?;
    Ok(Selection { packages, by: By::Apt(doubts) })
}

fn known(offer: &Offer<'_>, planned: &Planned) -> Result<Id, Error> {
    let index = &offer.index;
    let unknown = || Error::Unknown {
        name: printable(&planned.name, 100),
        version: printable(&planned.version, 100),
    };
    let name = index.find(&planned.name).ok_or_else(unknown)?;
    let candidate = index.candidate(name).filter(|id| index.version(*id) == planned.version);
    let other = || index.versions(name).find(|id| index.version(*id) == planned.version);
    candidate.or_else(other).ok_or_else(unknown)
}

/// Lets apt read the indexes that were verified, as its only sources.
pub fn reader(oracle: &Oracle, suites: &[Verified], architecture: &str) -> Result<Reader, Error> {
    let folder = tempfile::Builder::new().prefix("stead-shelves-").tempdir();
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Shelf { path, source }
    };
    let folder = folder.map_err(failed(&std::env::temp_dir()))?;
    let mut shelves = Vec::new();
    for (number, suite) in suites.iter().enumerate() {
        let place = folder.path().join(number.to_string());
        lay_out(&place, suite).map_err(failed(&place))?;
        let upstream = &suite.upstream;
        let keyrings = upstream.keyring.read();
        shelves.push(Shelf {
            folder: place,
            suite: upstream.suite.clone(),
            components: upstream.components.clone(),
            keyrings: keyrings.map_err(|error| Error::Keyring(Box::new(error)))?,
            by_hash: false,
        });
    }
    // apt keeps what it read in folders of its own.
    oracle.read(&shelves, architecture).map_err(asking)
}

fn asking(error: oracle::Error) -> Error {
    Error::Oracle(Box::new(error))
}

/// `dists` as apt wants it, the indexes being links into the cache.
fn lay_out(place: &Path, suite: &Verified) -> io::Result<()> {
    let dists = place.join("dists").join(&suite.upstream.suite);
    fs::create_dir_all(&dists)?;
    fs::write(dists.join("InRelease"), &suite.signed)?;
    for index in &suite.indexes {
        let path = dists.join(&index.listed);
        fs::create_dir_all(path.parent().unwrap_or(&dists))?;
        symlink(&index.path, path)?;
    }
    Ok(())
}
