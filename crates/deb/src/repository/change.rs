//! Packages come in and go out, all of a command or none.
//!
//! Leaves out what clients see: that changes when a publication does it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use model::text::printable;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use serde::Serialize;

use crate::progress::Progress;
use crate::repository::entry::{Entry, Key, Origin, Stamp};
use crate::repository::error::Error;
use crate::repository::files::{at_once, create, make_folder, sync_all, sync_folder};
use crate::repository::intake::{self, Reading};
use crate::repository::manifest::Manifest;
use crate::repository::record::Record;
use crate::repository::settings::{Place, Settings};

/// From so many files on, the whole disk is written at once instead of file by file.
const MANY: usize = 64;
/// So many clashes of paths are told.
const MOST_WARNINGS: usize = 20;

/// A package that shall come in.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub path: PathBuf,
    pub origin: Option<Origin>,
}

/// What came in.
#[derive(Debug, Default, Serialize)]
pub struct Added {
    pub added: Vec<Key>,
    /// Were there already, with the same bytes, in the same suites.
    pub known: Vec<Key>,
    pub warnings: Vec<String>,
}

/// What went out of the indexes; the files go some publications later.
#[derive(Debug, Default, Serialize)]
pub struct Removed {
    pub removed: Vec<Key>,
    /// Stayed, since they are not sealed and were not asked for by version.
    pub kept: Vec<Key>,
}

/// Copies packages into the pool; nothing is added if one of them cannot be.
pub(crate) fn add(
    place: &Place,
    settings: &Settings,
    manifest: &mut Manifest,
    incoming: &[Incoming],
    suites: &[String],
    progress: &dyn Progress,
) -> Result<Added, Error> {
    for suite in suites {
        if !settings.suites.contains(suite) {
            let known = settings.suites.join(", ");
            return Err(Error::Suite { given: printable(suite, 80), known });
        }
    }
    let hall = Hall::open(place)?;
    let done = AtomicU64::new(0);
    let read: Result<Vec<(PathBuf, Reading, Stamp)>, Error> = incoming
        .par_iter()
        .enumerate()
        .map(|(number, one)| {
            let copy = hall.folder.join(number.to_string());
            let file = create(&copy)?;
            let reading = intake::read(&one.path, Some(&file))?;
            let stamp = Stamp::of(&file.metadata().map_err(Error::io("read", &copy))?);
            progress.count(done.fetch_add(1, Ordering::Relaxed) + 1, incoming.len() as u64);
            Ok((copy, reading, stamp))
        })
        .collect();

    let mut answer = Added::default();
    let mut entering: BTreeMap<Key, (PathBuf, Entry)> = BTreeMap::new();
    let mut wider: Vec<Record> = Vec::new();
    let mut taken: HashMap<String, Key> =
        manifest.packages.iter().map(|(key, entry)| (entry.path.clone(), key.clone())).collect();
    for ((copy, reading, stamp), one) in read?.into_iter().zip(incoming) {
        let key = reading.key.clone();
        if key.architecture != "all" && !settings.architectures.contains(&key.architecture) {
            return Err(Error::Architecture {
                path: one.path.clone(),
                given: key.architecture,
                known: settings.architectures.join(", "),
            });
        }
        let known = manifest.packages.get(&key);
        if let Some(old) = known.or(entering.get(&key).map(|(_, entry)| entry)) {
            if old.sha256 != reading.sha256 {
                return Err(Error::Differs {
                    path: one.path.clone(),
                    key: Box::new(key),
                    new: reading.sha256,
                    old: old.sha256.clone(),
                });
            }
            let mut entry = old.clone();
            entry.suites.extend(suites.iter().filter(|suite| !old.suites.contains(suite)).cloned());
            if known.is_some() && entry != *old {
                wider.push(Record::Package(key.clone(), Box::new(entry)));
                answer.added.push(key);
            } else {
                answer.known.push(key);
            }
            continue;
        }
        let mut path = reading.place();
        if taken.contains_key(&path) {
            path = reading.place_with_epoch();
        }
        taken.insert(path.clone(), key.clone());
        let stanza = reading.stanza(&path);
        let entry = Entry {
            path,
            stamp,
            sha256: reading.sha256,
            suites: suites.to_vec(),
            sealed: false,
            origin: one.origin.clone(),
            stanza,
            files: reading.files,
        };
        answer.added.push(key.clone());
        entering.insert(key, (copy, entry));
    }
    answer.warnings = clashes(manifest, &entering);
    settle(place, &entering)?;
    let records =
        entering.into_iter().map(|(key, (_, entry))| Record::Package(key, Box::new(entry)));
    manifest.append(records.chain(wider).collect())?;
    Ok(answer)
}

/// Gives copies that are on the disk their names in the pool.
fn settle(place: &Place, entering: &BTreeMap<Key, (PathBuf, Entry)>) -> Result<(), Error> {
    if entering.is_empty() {
        return Ok(());
    }
    let copies: Vec<&(PathBuf, Entry)> = entering.values().collect();
    let many = copies.len() >= MANY;
    if many {
        sync_all(&place.folder)?;
    } else {
        at_once(&copies, |(copy, _)| {
            File::open(copy).and_then(|file| file.sync_all()).map_err(Error::io("write", copy))
        })?;
    }
    let mut folders: Vec<PathBuf> = Vec::new();
    for (copy, entry) in copies {
        let path = place.pooled(&entry.path);
        let folder = path.parent().expect("a file has a folder");
        make_folder(folder)?;
        fs::rename(copy, &path).map_err(Error::io("put in place", &path))?;
        folders.extend(folder.ancestors().take(3).map(Path::to_owned));
    }
    if many {
        return sync_all(&place.folder);
    }
    folders.sort_unstable();
    folders.dedup();
    at_once(&folders, |folder| sync_folder(folder))
}

/// The folder where copies wait, empty at the beginning and gone at the end.
struct Hall {
    folder: PathBuf,
}

impl Hall {
    fn open(place: &Place) -> Result<Self, Error> {
        let folder = place.folder.join("incoming");
        // What a killed process left.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).map_err(Error::io("make the folder", &folder))?;
        Ok(Self { folder })
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Says where a new package has a file that a package of another name has as well: dpkg installs
/// one of the two only, unless they are declared to replace or exclude each other.
fn clashes(manifest: &Manifest, entering: &BTreeMap<Key, (PathBuf, Entry)>) -> Vec<String> {
    let mut owners: HashMap<&str, Vec<(&Key, &Entry)>> = HashMap::new();
    for (key, (_, entry)) in entering {
        for file in entry.files.lines() {
            owners.entry(file).or_default().push((key, entry));
        }
    }
    let mut found: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let new = entering.iter().map(|(key, (_, entry))| (key, entry));
    for (key, entry) in manifest.packages.iter().chain(new) {
        for file in entry.files.lines() {
            for (other, theirs) in owners.get(file).into_iter().flatten() {
                let apart = other.package == key.package
                    || !entry.suites.iter().any(|suite| theirs.suites.contains(suite))
                    || !meet(&key.architecture, &other.architecture)
                    || settled(key, entry, other, theirs);
                if !apart {
                    let (one, two) = (key.package.as_str(), other.package.as_str());
                    found.entry((one.min(two), one.max(two))).or_insert(file);
                }
            }
        }
    }
    let more = found.len().saturating_sub(MOST_WARNINGS);
    let mut warnings: Vec<String> = found
        .into_iter()
        .take(MOST_WARNINGS)
        .map(|((one, two), file)| format!("{one} and {two} both have /{}", printable(file, 200)))
        .collect();
    if more > 0 {
        warnings.push(format!("{more} more pairs of packages have a path in common"));
    }
    warnings
}

fn meet(one: &str, other: &str) -> bool {
    one == other || one == "all" || other == "all"
}

/// Whether one of two packages declares what happens to the other.
fn settled(key: &Key, entry: &Entry, other: &Key, theirs: &Entry) -> bool {
    let names = |entry: &Entry, package: &str| {
        ["Replaces", "Conflicts"].into_iter().filter_map(|field| entry.field(field)).any(|list| {
            list.split([',', '|'])
                .any(|one| one.trim().split([' ', '(', ':']).next() == Some(package))
        })
    };
    names(entry, &other.package) || names(theirs, &key.package)
}

/// Takes packages out: `name=version` by name, `name` those of its versions that are sealed.
pub(crate) fn remove(manifest: &mut Manifest, asked: &[String]) -> Result<Removed, Error> {
    let mut answer = Removed::default();
    for one in asked {
        let (package, version) = match one.split_once('=') {
            Some((package, version)) => (package, Some(version)),
            None => (one.as_str(), None),
        };
        let before = answer.removed.len();
        let mut there = false;
        for (key, entry) in manifest.packages.iter().filter(|(key, _)| key.package == package) {
            match version {
                Some(version) if version == key.version => answer.removed.push(key.clone()),
                None if entry.sealed => answer.removed.push(key.clone()),
                None => answer.kept.push(key.clone()),
                Some(_) => continue,
            }
            there = true;
        }
        if !there {
            return Err(Error::Unknown { given: printable(one, 200) });
        }
        if answer.removed.len() == before {
            return Err(Error::Unsealed { package: package.to_owned() });
        }
    }
    answer.removed.sort();
    answer.removed.dedup();
    take_out(manifest, &answer.removed)?;
    Ok(answer)
}

/// Takes every sealed version out that a newer one in the repository replaces.
pub(crate) fn prune(manifest: &mut Manifest) -> Result<Removed, Error> {
    let newer = |key: &Key| {
        manifest.packages.keys().any(|other| {
            other.package == key.package
                && other.architecture == key.architecture
                && order(&other.version, &key.version).is_gt()
        })
    };
    let sealed = manifest.packages.iter().filter(|(_, entry)| entry.sealed).map(|(key, _)| key);
    let removed: Vec<Key> = sealed.filter(|key| newer(key)).cloned().collect();
    take_out(manifest, &removed)?;
    Ok(Removed { removed, kept: Vec::new() })
}

fn take_out(manifest: &mut Manifest, keys: &[Key]) -> Result<(), Error> {
    let generation = manifest.generation() - 1;
    let records = keys.iter().map(|key| Record::Gone {
        key: key.clone(),
        path: manifest.packages[key].path.clone(),
        generation,
    });
    let records = records.collect();
    manifest.append(records)
}

/// Lets a version go, in all architectures: it is no longer needed for a rollback.
pub(crate) fn seal(
    manifest: &mut Manifest,
    package: &str,
    version: &str,
) -> Result<Vec<Key>, Error> {
    let found: Vec<(Key, Entry)> = manifest
        .packages
        .iter()
        .filter(|(key, _)| key.package == package && key.version == version)
        .map(|(key, entry)| (key.clone(), entry.clone()))
        .collect();
    if found.is_empty() {
        let given = format!("{} {}", printable(package, 100), printable(version, 100));
        return Err(Error::Unknown { given });
    }
    let keys = found.iter().map(|(key, _)| key.clone()).collect();
    let records = found
        .into_iter()
        .filter(|(_, entry)| !entry.sealed)
        .map(|(key, entry)| Record::Package(key, Box::new(Entry { sealed: true, ..entry })));
    manifest.append(records.collect())?;
    Ok(keys)
}

/// The order of versions, as dpkg has it.
pub(crate) fn order(one: &str, other: &str) -> std::cmp::Ordering {
    match (one.parse::<debversion::Version>(), other.parse::<debversion::Version>()) {
        (Ok(one), Ok(other)) => one.cmp(&other),
        _ => one.cmp(other),
    }
}
