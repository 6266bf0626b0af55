//! A folder of packages that apt reads: signed, published at one moment, every version kept until
//! it is sealed.
//!
//! ```text
//! DIR/repository.toml   name, suites, architectures: what a person chose
//! DIR/key.secret        the signing key, mode 0600
//! DIR/manifest          what is in the pool
//! DIR/public/           what a web server may show: dists, pool, key.asc, <name>.sources
//! ```
//!
//! Leaves out serving it, and fetching packages of other repositories.

mod change;
mod entry;
mod error;
mod files;
mod intake;
mod listing;
mod lock;
mod manifest;
mod publish;
mod record;
mod settings;
mod squeezed;
mod verify;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

pub use change::{Added, Incoming, Removed};
pub use entry::{Entry, Key, Origin, Stamp};
pub use error::Error;
pub use publish::{How, Publication, PublishedSuite};
pub use settings::{Place, Settings};
pub use verify::{Fault, Verification};

use lock::Lock;
use manifest::Manifest;

use crate::progress::Progress;
use crate::signing;

/// A repository of this machine.
pub struct Repository {
    place: Place,
    pub settings: Settings,
}

impl Repository {
    /// Makes a repository with a new key, and publishes its empty suites.
    ///
    /// What other people may not read is unreadable for them even if the folder itself is open;
    /// `public/` is readable for everybody, whatever the umask.
    pub fn init(
        folder: &Path,
        settings: Settings,
        at: Timestamp,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        settings.check()?;
        let place = Self::place(folder)?;
        let folder = place.folder.as_path();
        if place.settings().exists() {
            return Err(Error::Exists { path: folder.to_owned() });
        }
        files::make_folder(folder)?;
        files::make_folder(&place.public())?;
        let _lock = Lock::take(&place)?;
        let name = format!("{} packages", settings.name);
        // A key that is there was left by an `init` that was stopped, or brought from elsewhere.
        if !place.key().exists() {
            signing::Key::generate(&place.key(), &name).map_err(|source| Error::Key { source })?;
        }
        let cache = place.cache();
        fs::create_dir_all(&cache)
            .and_then(|()| fs::set_permissions(&cache, Permissions::from_mode(0o700)))
            .map_err(Error::io("make the folder", &cache))?;
        let text = toml::to_string(&settings).expect("names and lists of names");
        let mut batch = files::Batch::default();
        batch.write(&place.settings(), text.as_bytes())?;
        let repository = Self { place: place.clone(), settings };
        repository.publish_locked(How { at, xz: false, rescan: false }, progress)?;
        batch.place()?;
        Ok(repository)
    }

    /// Opens a repository that [`Repository::init`] made.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let place = Self::place(folder)?;
        let settings = Settings::read(&place)?;
        Ok(Self { place, settings })
    }

    /// Whole, so that every file has a folder with a name.
    fn place(folder: &Path) -> Result<Place, Error> {
        let folder = std::path::absolute(folder).map_err(Error::io("find", folder))?;
        Ok(Place { folder })
    }

    /// What a web server may show.
    pub fn public(&self) -> PathBuf {
        self.place.public()
    }

    /// The key that signs it.
    pub fn key(&self) -> Result<signing::Key, Error> {
        signing::Key::open(&self.place.key()).map_err(|source| Error::Key { source })
    }

    /// Copies packages into the pool for these suites, all if none is given. Nothing is added if
    /// one of them is refused. Clients see them after the next publication.
    pub fn add(
        &self,
        incoming: &[Incoming],
        suites: &[String],
        progress: &dyn Progress,
    ) -> Result<Added, Error> {
        let _lock = Lock::take(&self.place)?;
        let mut manifest = Manifest::read(&self.place.manifest())?;
        let suites = if suites.is_empty() { &self.settings.suites } else { suites };
        change::add(&self.place, &self.settings, &mut manifest, incoming, suites, progress)
    }

    /// Takes packages out of the next publication: `name=version`, or `name` for its sealed ones.
    pub fn remove(&self, asked: &[String]) -> Result<Removed, Error> {
        let _lock = Lock::take(&self.place)?;
        change::remove(&mut Manifest::read(&self.place.manifest())?, asked)
    }

    /// Takes every sealed version out that a newer one replaces.
    pub fn prune(&self) -> Result<Removed, Error> {
        let _lock = Lock::take(&self.place)?;
        change::prune(&mut Manifest::read(&self.place.manifest())?)
    }

    /// Says that nobody will roll back to a version any more, so that it may go.
    pub fn seal(&self, package: &str, version: &str) -> Result<Vec<Key>, Error> {
        let _lock = Lock::take(&self.place)?;
        change::seal(&mut Manifest::read(&self.place.manifest())?, package, version)
    }

    /// Shows clients what is in the repository now. If it fails, they see what they saw before.
    pub fn publish(&self, how: How, progress: &dyn Progress) -> Result<Publication, Error> {
        let _lock = Lock::take(&self.place)?;
        self.publish_locked(how, progress)
    }

    fn publish_locked(&self, how: How, progress: &dyn Progress) -> Result<Publication, Error> {
        let mut manifest = Manifest::read(&self.place.manifest())?;
        publish::publish(&self.place, &self.settings, &self.key()?, &mut manifest, how, progress)
    }

    /// Reads everything that is served, and holds it against signatures and the manifest.
    pub fn verify(&self, progress: &dyn Progress) -> Result<Verification, Error> {
        let _lock = Lock::take(&self.place)?;
        let manifest = Manifest::read(&self.place.manifest())?;
        verify::verify(&self.place, &self.settings, &self.key()?, &manifest, progress)
    }

    /// Every package, in the order of names, versions (as text) and architectures.
    pub fn list(&self) -> Result<Vec<(Key, Entry)>, Error> {
        Ok(Manifest::read(&self.place.manifest())?.packages.into_iter().collect())
    }
}
