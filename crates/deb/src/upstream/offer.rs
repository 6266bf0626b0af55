//! What verified suites offer for one architecture: one index, and the packages behind it.
//!
//! Leaves out which of them are needed.

use std::fs;
use std::path::PathBuf;

use crate::fetch::Cache;
use crate::fetch::address::shown;
use crate::fetch::digest::Digest;
use crate::fetch::error::Error as FetchError;
use crate::index::compact::{self, Column};
use crate::index::{self, Id, Index, PRIORITY, PRIORITY_BACKPORTS};
use crate::progress::Progress;
use crate::upstream::error::Error;
use crate::upstream::keep::write_whole;
use crate::upstream::suite::{IndexFile, Verified};
use crate::upstream::unpack;

/// The packages of some suites for one architecture.
#[derive(Debug)]
pub struct Offer<'a> {
    pub index: Index,
    /// What each file of the index is called, and the suite that it is of.
    files: Vec<(String, &'a Verified)>,
}

impl<'a> Offer<'a> {
    /// Reads the suites' indexes, those named first being preferred where two offer the same
    /// version. The compact form of each is kept in the cache, by the index's sum.
    pub fn of(
        suites: &'a [Verified],
        architecture: &str,
        cache: &Cache,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let mut offer = Self { index: Index::new(architecture), files: Vec::new() };
        for suite in suites {
            let priority = match (suite.release.not_automatic, suite.release.automatic_upgrades) {
                (false, _) => PRIORITY,
                (true, true) => PRIORITY_BACKPORTS,
                (true, false) => 1,
            };
            let ours =
                |file: &&IndexFile| file.architecture == architecture || file.architecture == "all";
            for file in suite.indexes.iter().filter(ours) {
                let name = format!("{} {}", suite.upstream.title(), file.listed);
                offer.add(&name, file, priority, cache, progress)?;
                offer.files.push((name, suite));
            }
        }
        Ok(offer)
    }

    fn add(
        &mut self,
        name: &str,
        file: &IndexFile,
        priority: i16,
        cache: &Cache,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let failed = |error: index::Error| Error::Index(Box::new(error));
        let folder = cache.folder().join("compact");
        let kept = folder.join(file.digest.hexadecimal());
        // What is of an older version, or was cut short, is made anew.
        let text = fs::read_to_string(&kept).ok().filter(|text| compact::lines(text).is_some());
        if let Some(text) = text {
            return self.index.add_compact(name, priority, text).map_err(failed);
        }
        progress.step(&format!("reading {name}"));
        let read = |source| Error::Read { path: file.path.clone(), source };
        let input = unpack::open(&file.path, &file.listed).map_err(read)?;
        let text = compact::compact(input)
            .map_err(|source| failed(index::Error::Compact { file: name.to_owned(), source }))?;
        write_whole(&folder, &kept, text.as_bytes())?;
        self.index.add_compact(name, priority, text).map_err(failed)
    }

    /// The suite that a package comes from.
    pub fn suite(&self, package: Id) -> &'a Verified {
        let file = self.index.file(package);
        let found = self.files.iter().find(|(name, _)| name == file);
        found.expect("each file of the index was added with its suite").1
    }

    /// Where a package lies.
    pub fn url(&self, package: Id) -> String {
        let base = self.suite(package).upstream.base.trim_end_matches('/');
        format!("{base}/{}", self.index.get(package, Column::Filename))
    }

    /// Fetches a package into the cache, verified against the index, and gives its path.
    pub fn package(
        &self,
        package: Id,
        cache: &Cache,
        progress: &dyn Progress,
    ) -> Result<PathBuf, Error> {
        let index = &self.index;
        let digest = Digest::sha256(index.get(package, Column::Sha256)).map_err(|_| {
            let package = index.name(package).to_owned();
            Error::Package { package, what: "the SHA256", expected: "SHA256 sum" }
        })?;
        let size = index.number(package, Column::Size);
        let url = self.url(package);
        let differs = |expected: String, got: String| Error::Differs {
            url: shown(&url),
            listing: index.file(package).to_owned(),
            expected,
            got,
        };
        let fetched = cache.fetch_at_most(&url, &digest, size, progress);
        let path = fetched.map_err(|error| match error {
            FetchError::WrongSum { expected, got, .. } => {
                differs(expected.to_string(), got.to_string())
            }
            FetchError::TooLarge { .. } => {
                differs(format!("{size} bytes"), "more than that".to_owned())
            }
            error => Error::from(error),
        })?;
        let found =
            fs::metadata(&path).map_err(|source| Error::Read { path: path.clone(), source })?.len();
        if found != size {
            return Err(differs(format!("{size} bytes"), format!("{found} bytes")));
        }
        Ok(path)
    }
}
