//! Makes a medium, or brings one up to date: fetches, publishes, has apt judge, copies.
//!
//! Leaves out choosing the packages, which is `plan`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::fetch::Cache;
use crate::fetch::digest::Digest;
use crate::medium::description::{Description, Judge, Offer, Pooled};
use crate::medium::error::Error;
use crate::medium::image::{self, Form};
use crate::medium::plan::{Plan, Source, Wanted};
use crate::medium::pool::{Paths, Pool};
use crate::medium::stage::Stage;
use crate::medium::sync::{self, Synced};
use crate::medium::{judging, names};
use crate::progress::Progress;
use crate::signing::Key;
use crate::sum;

/// The same on every medium.
const INSTALL: &str = include_str!("install.sh");

/// What goes on the medium beside packages, and how.
#[derive(Clone, Debug)]
pub struct Extras {
    /// Paths on the medium and their content: `recipes/…`, `docs/…`.
    pub files: Vec<(String, Vec<u8>)>,
    /// The plan's history, a git bundle.
    pub plan: Option<PathBuf>,
    /// Whether recommended packages were brought.
    pub recommends: bool,
    /// The file of the key that signs, as `signing::Key` keeps it.
    pub key: PathBuf,
    /// Of an image.
    pub form: Form,
    pub now: Timestamp,
}

/// What was made.
#[derive(Clone, Debug, Serialize)]
pub struct Made {
    pub offers: Vec<Offer>,
    /// The SHA-256 of `key.gpg`: who installs can compare it.
    pub key_sha256: String,
    /// Files on the medium, the list and its signature left out.
    pub files: usize,
    /// All of them, in bytes.
    pub bytes: u64,
    pub synced: Synced,
    /// The image's size, if it is one.
    pub image_bytes: Option<u64>,
}

/// Makes the medium at `place`, a folder or (with the ending `.img`) an image.
///
/// Interrupted at any moment, the next run goes on: what was fetched is in the cache, and the
/// place holds the old state or the new one, or says by its list that it is not whole.
pub fn make(
    plan: &Plan,
    extras: &Extras,
    place: &Path,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Made, Error> {
    let is_image = image::is_wanted(place);
    if is_image {
        extras.form.ready()?;
    } else {
        sync::check_place(place)?;
    }
    let key = Key::open(&extras.key).map_err(|source| Error::Sign { source })?;
    let work = Work::open(cache, place, progress)?;
    let packages = fetch(plan, cache, progress)?;

    let releases: BTreeSet<&String> = plan.choices.iter().map(|one| &one.target.release).collect();
    let architectures: BTreeSet<&String> =
        plan.choices.iter().map(|one| &one.target.architecture).collect();
    let pool = Pool {
        packages: &packages,
        releases: releases.into_iter().cloned().collect(),
        architectures: architectures.into_iter().cloned().collect(),
        key: &extras.key,
        now: extras.now,
    };
    let (repository, paths) = pool.publish(&work.folder.join("repository"), progress)?;

    let certificate = key.certificate_bytes().map_err(|source| Error::Sign { source })?;
    let judge =
        judging::judge(plan, &repository.public(), &certificate, extras.recommends, progress)?;
    let description = describe(plan, &paths, &key, judge, extras)?;

    let mut stage = Stage::default();
    for (sum, path) in &paths {
        let from = repository.public().join(path);
        stage.add_file(&format!("{}/{path}", names::REPOSITORY), &from, Some(sum))?;
    }
    let dists = repository.public().join("dists");
    stage.add_folder(&format!("{}/dists", names::REPOSITORY), &dists)?;
    let key_sha256 = sum::sha256(&certificate);
    stage.add_bytes(names::INSTALL, INSTALL.into())?;
    stage.add_bytes(names::KEY, certificate)?;
    stage.add_bytes(names::LIST, description.list().into_bytes())?;
    stage.add_bytes(names::README, description.readme(&key_sha256).into_bytes())?;
    let json = serde_json::to_vec_pretty(&description).expect("names, numbers and texts");
    stage.add_bytes(names::DESCRIPTION, json)?;
    for (path, bytes) in &extras.files {
        stage.add_bytes(path, bytes.clone())?;
    }
    if let Some(bundle) = &extras.plan {
        stage.add_file(names::PLAN, bundle, None)?;
    }
    stage.seal(&key)?;

    let (synced, image_bytes) = if is_image {
        let tree = work.folder.join("tree");
        let synced = sync::sync(&stage, &tree, progress)?;
        progress.step("writing the image");
        (synced, Some(image::write(&tree, place, extras.form)?))
    } else {
        (sync::sync(&stage, place, progress)?, None)
    };
    Ok(Made {
        offers: description.offers,
        key_sha256,
        files: stage.len(),
        bytes: stage.iter().map(|(_, staged)| staged.bytes).sum(),
        synced,
        image_bytes,
    })
}

/// Brings every package into the cache, verified.
fn fetch(
    plan: &Plan,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<BTreeMap<String, (Wanted, PathBuf)>, Error> {
    progress.step(&format!("fetching {} packages", plan.pool.len()));
    let mut fetched = BTreeMap::new();
    for (number, (sum, wanted)) in plan.pool.iter().enumerate() {
        let path = match &wanted.source {
            Source::Here(path) => path.clone(),
            Source::Suite { url, .. } => {
                let digest = Digest::sha256(sum)
                    .map_err(|_| Error::Digest { package: wanted.package.name.clone() })?;
                let most = wanted.package.bytes;
                cache
                    .fetch_at_most(url, &digest, most, progress)
                    .map_err(|source| Error::Fetch { source: Box::new(source) })?
            }
        };
        fetched.insert(sum.clone(), (wanted.clone(), path));
        progress.count(number as u64 + 1, plan.pool.len() as u64);
    }
    Ok(fetched)
}

/// Where a medium's repository is kept between runs: beside the cache, by the medium's path.
struct Work {
    folder: PathBuf,
    /// Held as long as the folder is used.
    _lock: File,
}

impl Work {
    /// In the folder: the path of the medium.
    const PLACE: &str = "place";
    const LOCK: &str = "lock";

    /// Makes the folder, and waits while another process makes the same medium.
    fn open(cache: &Cache, place: &Path, progress: &dyn Progress) -> Result<Self, Error> {
        let place = std::path::absolute(place)
            .map_err(|source| Error::Read { path: place.to_owned(), source })?;
        let path = place.as_os_str().as_encoded_bytes();
        let all = cache.folder().join("media");
        let folder = all.join(&sum::sha256(path)[..16]);
        let failed = |source| Error::Write { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(failed)?;
        let lock = File::create(folder.join(Self::LOCK)).map_err(failed)?;
        if lock.try_lock().is_err() {
            progress.step("waiting for another process that makes this medium");
            lock.lock().map_err(failed)?;
        }
        fs::write(folder.join(Self::PLACE), path).map_err(failed)?;
        Self::forget(&all, &folder);
        Ok(Self { folder, _lock: lock })
    }

    /// Removes the folders of media that are gone; a stick that comes back costs some time only.
    fn forget(all: &Path, own: &Path) {
        for folder in fs::read_dir(all).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let of = fs::read(folder.join(Self::PLACE)).unwrap_or_default();
            if folder == own || of.is_empty() || Path::new(OsStr::from_bytes(&of)).exists() {
                continue;
            }
            let free =
                File::open(folder.join(Self::LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
            if free {
                // What stays takes room, nothing else.
                let _ = fs::remove_dir_all(&folder);
            }
        }
    }
}

fn describe(
    plan: &Plan,
    paths: &Paths,
    key: &Key,
    judge: Judge,
    extras: &Extras,
) -> Result<Description, Error> {
    let mut packages: Vec<Pooled> = plan
        .pool
        .iter()
        .map(|(sum, wanted)| Pooled {
            package: wanted.package.name.clone(),
            version: wanted.package.version.clone(),
            architecture: wanted.package.architecture.clone(),
            path: paths
                .get(sum)
                .map(|path| format!("{}/{path}", names::REPOSITORY))
                .unwrap_or_default(),
            sha256: sum.clone(),
            bytes: wanted.package.bytes,
            from: match &wanted.source {
                Source::Here(_) => "built here".to_owned(),
                Source::Suite { url, .. } => url.clone(),
            },
        })
        .collect();
    packages.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Description {
        format: 1,
        made: extras.now,
        by: concat!("stead ", env!("CARGO_PKG_VERSION")).to_owned(),
        key: key.fingerprint(),
        recommends: extras.recommends,
        offers: plan
            .choices
            .iter()
            .map(|choice| Offer {
                release: choice.target.release.clone(),
                architecture: choice.target.architecture.clone(),
                services: choice.services.clone(),
                packages: choice.packages.len(),
                bytes: choice.bytes(),
                judge,
            })
            .collect(),
        sources: plan.origins.clone(),
        packages,
    })
}
