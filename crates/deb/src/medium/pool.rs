//! The signed repository of a medium, kept beside the cache so that the next run only adds to it.
//!
//! Leaves out which packages it has, and the rest of the medium.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::medium::error::Error;
use crate::medium::plan::{Source, Wanted};
use crate::progress::Progress;
use crate::repository::{How, Incoming, Key, Origin, Place, Repository, Settings};

/// `Origin` and `Label` of the suites.
const NAME: &str = "stead-medium";

/// What a repository shall hold.
pub struct Pool<'a> {
    /// By their sums, with the fetched files.
    pub packages: &'a BTreeMap<String, (Wanted, PathBuf)>,
    pub releases: Vec<String>,
    pub architectures: Vec<String>,
    /// The file of the key that signs.
    pub key: &'a Path,
    pub now: Timestamp,
}

/// A package's place below the repository, by its sum.
pub type Paths = BTreeMap<String, String>;

impl Pool<'_> {
    /// Brings the repository in `folder` to what it shall be, and publishes it there.
    pub fn publish(
        &self,
        folder: &Path,
        progress: &dyn Progress,
    ) -> Result<(Repository, Paths), Error> {
        let repository = match self.kept(folder)? {
            Some(repository) => repository,
            None => self.begin(folder, progress)?,
        };
        let there: BTreeSet<String> =
            repository.list()?.into_iter().map(|(_, entry)| entry.sha256).collect();
        let mut groups: BTreeMap<Vec<String>, Vec<Incoming>> = BTreeMap::new();
        for (sum, (wanted, path)) in self.packages {
            if !there.contains(sum) {
                let suites = wanted.releases.iter().cloned().collect();
                let incoming = Incoming { path: path.clone(), origin: origin(&wanted.source) };
                groups.entry(suites).or_default().push(incoming);
            }
        }
        progress.step("entering the packages into the medium's repository");
        for (suites, incoming) in groups {
            repository.add(&incoming, &suites, progress)?;
        }
        repository.publish(How { at: self.now, xz: false, rescan: false }, progress)?;
        let entries = repository.list()?.into_iter();
        let paths = entries.map(|(_, entry)| (entry.sha256, entry.path)).collect();
        Ok((repository, paths))
    }

    fn settings(&self) -> Settings {
        Settings {
            name: NAME.to_owned(),
            suites: self.releases.clone(),
            architectures: self.architectures.clone(),
            url: None,
        }
    }

    /// The repository of the last run without what is no longer wanted; none if it is simpler to
    /// begin anew.
    fn kept(&self, folder: &Path) -> Result<Option<Repository>, Error> {
        let Ok(repository) = Repository::open(folder) else { return Ok(None) };
        let Ok(list) = repository.list() else { return Ok(None) };
        let same_key = matches!(
            (fs::read(self.key), fs::read(Place { folder: folder.to_owned() }.key())),
            (Ok(one), Ok(other)) if one == other
        );
        if !same_key || repository.settings != self.settings() {
            return Ok(None);
        }
        let mut gone: Vec<Key> = Vec::new();
        let mut stay: BTreeSet<(String, String)> = BTreeSet::new();
        for (key, entry) in list {
            match self.packages.get(&entry.sha256) {
                Some((wanted, _)) => {
                    if !wanted.releases.iter().eq(entry.suites.iter().collect::<BTreeSet<_>>()) {
                        return Ok(None);
                    }
                    stay.insert((key.package, key.version));
                }
                None => gone.push(key),
            }
        }
        // A version goes as a whole, and its file only later: no other may take its name.
        let wanted: BTreeSet<(&str, &str)> = self
            .packages
            .values()
            .map(|(wanted, _)| (&*wanted.package.name, &*wanted.package.version))
            .collect();
        if gone.iter().any(|key| wanted.contains(&(&*key.package, &*key.version))) {
            return Ok(None);
        }
        let mut asked: Vec<String> =
            gone.iter().map(|key| format!("{}={}", key.package, key.version)).collect();
        asked.dedup();
        if !asked.is_empty() {
            repository.remove(&asked)?;
        }
        Ok(Some(repository))
    }

    fn begin(&self, folder: &Path, progress: &dyn Progress) -> Result<Repository, Error> {
        let failed = |source| Error::Write { path: folder.to_owned(), source };
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(error));
            }
            _ => {}
        }
        fs::create_dir_all(folder).map_err(failed)?;
        let place = Place { folder: folder.to_owned() };
        let key = fs::read(self.key)
            .map_err(|source| Error::Read { path: self.key.to_owned(), source })?;
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(place.key());
        file.and_then(|mut file| std::io::Write::write_all(&mut file, &key)).map_err(failed)?;
        Ok(Repository::init(folder, self.settings(), self.now, progress)?)
    }
}

fn origin(source: &Source) -> Option<Origin> {
    match source {
        Source::Here(_) => None,
        Source::Suite { origin, .. } => Some(Origin {
            url: origin.url.clone(),
            suite: origin.suite.clone(),
            name: "Debian".to_owned(),
            release: origin.date.clone(),
            keyring: String::new(),
        }),
    }
}
