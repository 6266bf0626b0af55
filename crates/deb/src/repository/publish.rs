//! What clients see becomes what the manifest says, suite by suite, each at one moment.
//!
//! New files come first, under the names of their sums; a suite's `InRelease` is renamed into
//! place last. Until that moment clients read the old one, whose files are all still there.
//! Leaves out reading packages that did not change since they were added.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use serde::Serialize;

use crate::progress::Progress;
use crate::repository::entry::{Entry, Key, Stamp};
use crate::repository::error::Error;
use crate::repository::files::{Batch, beside, unfinished};
use crate::repository::intake;
use crate::repository::listing::{self, Sum, Text};
use crate::repository::manifest::{KEPT, Manifest, SIGNED};
use crate::repository::record::Record;
use crate::repository::settings::{Place, Settings};
use crate::repository::squeezed::{Form, squeeze};
use crate::signing::Key as SigningKey;
use crate::sum;

/// How to publish.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// `Date` of the Release files and time of their signatures.
    pub at: Timestamp,
    /// `Packages.xz` too: smaller, and slow to make.
    pub xz: bool,
    /// Read every package of the pool again instead of those whose file looks changed.
    pub rescan: bool,
}

/// What was published.
#[derive(Debug, Serialize)]
pub struct Publication {
    /// Counts publications, from 1.
    pub generation: u64,
    pub suites: Vec<PublishedSuite>,
    /// Files of the pool that no index of the last publications names any more, deleted now.
    pub deleted: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct PublishedSuite {
    pub suite: String,
    /// Packages in at least one of its indexes.
    pub packages: usize,
}

pub(crate) fn publish(
    place: &Place,
    settings: &Settings,
    key: &SigningKey,
    manifest: &mut Manifest,
    how: How,
    progress: &dyn Progress,
) -> Result<Publication, Error> {
    progress.step("checking the pool");
    let changed = check_pool(place, manifest, how.rescan)?;
    manifest.append(changed)?;
    let generation = manifest.generation();
    fs::create_dir_all(place.cache()).map_err(Error::io("make the folder", place.cache()))?;
    let sources = source_files(place, settings, key)?;

    progress.step("writing the indexes");
    let mut batch = Batch::default();
    for (path, content) in &sources {
        batch.write(path, content.as_bytes())?;
    }
    let mut suites = Vec::new();
    for suite in &settings.suites {
        let mut sums = Vec::new();
        let mut links = Vec::new();
        let mut names: HashSet<&Key> = HashSet::new();
        for architecture in &settings.architectures {
            let listed = listing::listed(manifest.packages.iter(), suite, architecture);
            names.extend(listed.iter().map(|(key, _)| *key));
            let folder = format!("main/binary-{architecture}");
            let mut index = |text: Text, folder: &str, name: &str, forms: &[Form]| {
                let cache = place.cache().join(format!("{suite}-{architecture}-{name}"));
                write_index(&mut batch, place, suite, folder, name, &text, forms, &cache)
            };
            let forms: &[Form] = if how.xz { &[Form::Gzip, Form::Xz] } else { &[Form::Gzip] };
            let name = format!("Contents-{architecture}");
            let (packages, contents) =
                rayon::join(|| listing::packages(&listed), || listing::contents(&listed));
            for (one, link) in [
                index(packages, &folder, "Packages", forms)?,
                index(contents, "main", &name, &[Form::Gzip])?,
            ] {
                sums.extend(one);
                links.extend(link);
            }
        }
        sums.sort_by(|one, other| one.path.cmp(&other.path));
        suites.push((suite, names.len(), sums, links));
    }
    batch.place()?;

    progress.step("signing");
    let mut signed = Vec::new();
    for (suite, _, sums, _) in &suites {
        signed.push(sign(settings, key, suite, how.at, sums)?);
    }
    // Written down before clients can see it: what they see is never swept away too early.
    let records = suites.iter().zip(&signed).map(|((suite, _, _, links), signed)| {
        let files = links.iter().map(|link| link.by_hash.clone());
        let texts = [&signed.release, &signed.apart];
        let texts = texts.map(|text| format!("{SIGNED}{}", sum::sha256(text.as_bytes())));
        let files = files.chain(texts).collect();
        Record::Published { suite: (*suite).clone(), generation, files }
    });
    let records = records.collect();
    manifest.append(records)?;
    for ((suite, _, _, links), signed) in suites.iter().zip(&signed) {
        let dist = place.dist(suite);
        for link in links {
            set_link(&dist.join(&link.by_hash), &dist.join(&link.path))?;
        }
        let mut batch = Batch::default();
        batch.write(&dist.join("Release.gpg"), signed.apart.as_bytes())?;
        batch.write(&dist.join("Release"), signed.release.as_bytes())?;
        batch.write(&dist.join("InRelease"), signed.inside.as_bytes())?;
        batch.place()?;
    }
    let deleted = sweep(place, settings, manifest, generation)?;
    manifest.tidy()?;
    let suites = suites
        .into_iter()
        .map(|(suite, packages, _, _)| PublishedSuite { suite: suite.clone(), packages })
        .collect();
    Ok(Publication { generation, suites, deleted })
}

/// What vouches for a suite.
struct Signed {
    release: String,
    /// `Release.gpg`
    apart: String,
    /// `InRelease`
    inside: String,
}

fn sign(
    settings: &Settings,
    key: &SigningKey,
    suite: &str,
    at: Timestamp,
    sums: &[Sum],
) -> Result<Signed, Error> {
    let failed = |source| Error::Key { source };
    let release = listing::release(&settings.name, suite, &settings.architectures, at, sums);
    let apart = key.detached(release.as_bytes(), at).map_err(failed)?;
    let inside = key.cleartext(&release, at).map_err(failed)?;
    Ok(Signed { release, apart, inside })
}

/// Looks at every file of the pool. One that looks as it did when it was read is not read again;
/// another one is, and stops the publication if its sum is not the one that was added.
fn check_pool(place: &Place, manifest: &Manifest, rescan: bool) -> Result<Vec<Record>, Error> {
    let packages: Vec<(&Key, &Entry)> = manifest.packages.iter().collect();
    let changed: Result<Vec<Option<Record>>, Error> = packages
        .par_iter()
        .with_min_len(64)
        .map(|(key, entry)| {
            let path = place.pooled(&entry.path);
            let stamp = match fs::symlink_metadata(&path) {
                Ok(found) if found.is_file() => Stamp::of(&found),
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("read", path)(error));
                }
                _ => return Err(missing(key, entry)),
            };
            if stamp == entry.stamp && !rescan {
                return Ok(None);
            }
            let record = |new: Entry| {
                (new != **entry).then(|| Record::Package((*key).clone(), Box::new(new)))
            };
            if rescan {
                let reading = intake::read(&path, None)?;
                if reading.sha256 != entry.sha256 {
                    return Err(tampered(key, entry, reading.sha256));
                }
                let stanza = reading.stanza(&entry.path);
                let files = reading.files;
                return Ok(record(Entry { stamp, stanza, files, ..(*entry).clone() }));
            }
            let (found, _) = sum::sha256_of_file(&path).map_err(Error::io("read", &path))?;
            if found != entry.sha256 {
                return Err(tampered(key, entry, found));
            }
            Ok(record(Entry { stamp, ..(*entry).clone() }))
        })
        .collect();
    Ok(changed?.into_iter().flatten().collect())
}

fn missing(key: &Key, entry: &Entry) -> Error {
    Error::Missing { key: Box::new(key.clone()), path: entry.path.clone() }
}

fn tampered(key: &Key, entry: &Entry, found: String) -> Error {
    let (path, expected) = (entry.path.clone(), entry.sha256.clone());
    Error::Tampered { key: Box::new(key.clone()), path, found, expected }
}

/// A file under its own name that is the same as the one under its sum's.
struct Link {
    by_hash: String,
    path: String,
}

/// Writes an index under the names of its sums; gives the lines of Release and the links to set.
#[allow(clippy::too_many_arguments)]
fn write_index(
    batch: &mut Batch,
    place: &Place,
    suite: &str,
    folder: &str,
    name: &str,
    text: &Text,
    forms: &[Form],
    cache: &Path,
) -> Result<(Vec<Sum>, Vec<Link>), Error> {
    let pieces = text.pieces();
    let (plain, squeezed) = rayon::join(
        || sum::sha256(text.text.as_bytes()),
        || {
            forms
                .iter()
                .map(|form| {
                    let ending = if *form == Form::Gzip { "gz" } else { "xz" };
                    Ok((ending, squeeze(&pieces, *form, &cache.with_added_extension(ending))?))
                })
                .collect::<Result<Vec<_>, Error>>()
        },
    );
    let mut sums =
        vec![Sum { sha256: plain, size: text.text.len(), path: format!("{folder}/{name}") }];
    let mut links = Vec::new();
    for (ending, bytes) in squeezed? {
        let sha256 = sum::sha256(&bytes);
        let path = format!("{folder}/{name}.{ending}");
        let by_hash = format!("{folder}/by-hash/SHA256/{sha256}");
        batch.write(&place.dist(suite).join(&by_hash), &bytes)?;
        sums.push(Sum { sha256, size: bytes.len(), path: path.clone() });
        links.push(Link { by_hash, path });
    }
    Ok((sums, links))
}

/// Lets a name show another file, at one moment; copies where the file system has no hard links.
fn set_link(from: &Path, to: &Path) -> Result<(), Error> {
    let between = beside(to);
    let _ = fs::remove_file(&between);
    if fs::hard_link(from, &between).is_err() {
        fs::copy(from, &between).map_err(Error::io("write", &between))?;
    }
    fs::rename(&between, to).map_err(Error::io("put in place", to))?;
    // Renaming a file to another name of the same file does nothing at all.
    let _ = fs::remove_file(&between);
    Ok(())
}

/// Deletes what no publication of the last few names.
fn sweep(
    place: &Place,
    settings: &Settings,
    manifest: &mut Manifest,
    generation: u64,
) -> Result<Vec<String>, Error> {
    for suite in &settings.suites {
        let dist = place.dist(suite);
        let named: HashSet<PathBuf> = manifest
            .published
            .get(suite)
            .into_iter()
            .flatten()
            .flat_map(|(_, files)| files.iter().filter(|file| !file.starts_with(SIGNED)))
            .map(|file| dist.join(file))
            .collect();
        let folders: HashSet<&Path> = named.iter().filter_map(|file| file.parent()).collect();
        for folder in folders {
            let files = fs::read_dir(folder).map_err(Error::io("list", folder))?;
            for file in files.flatten().map(|file| file.path()) {
                if unfinished(&file) || !named.contains(&file) {
                    fs::remove_file(&file).map_err(Error::io("delete", &file))?;
                }
            }
        }
    }
    let outdated = manifest
        .gone
        .iter()
        .filter(|(_, last)| **last + KEPT as u64 <= generation)
        .map(|(path, _)| path.clone());
    let outdated: Vec<String> = outdated.collect();
    for path in &outdated {
        let file = place.pooled(path);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("delete", file)(error));
            }
            _ => {
                // The folder goes with its last file.
                let _ = file.parent().map(fs::remove_dir);
            }
        }
    }
    manifest
        .append(outdated.iter().map(|path| Record::Deleted { path: path.clone() }).collect())?;
    Ok(outdated)
}

/// The certificate, and for each suite a `.sources` file that carries it (sources.list(5)).
fn source_files(
    place: &Place,
    settings: &Settings,
    key: &SigningKey,
) -> Result<Vec<(PathBuf, String)>, Error> {
    let certificate = key.certificate().map_err(|source| Error::Key { source })?;
    let public = place.public();
    let url = match &settings.url {
        Some(url) => url.clone(),
        None => {
            let whole = std::path::absolute(&public).map_err(Error::io("find", &public))?;
            // apt reads addresses: a blank would end one.
            format!("file:{}", whole.display().to_string().replace('%', "%25").replace(' ', "%20"))
        }
    };
    let mut armour = String::new();
    for line in certificate.lines() {
        armour.push_str("\n ");
        armour.push_str(if line.is_empty() { "." } else { line });
    }
    let text = |suite: &str| {
        format!("Types: deb\nURIs: {url}\nSuites: {suite}\nComponents: main\nSigned-By:{armour}\n")
    };
    let name = &settings.name;
    let mut files = vec![(public.join("key.asc"), certificate.clone())];
    if let Some(first) = settings.suites.first() {
        files.push((public.join(format!("{name}.sources")), text(first)));
    }
    if settings.suites.len() > 1 {
        for suite in &settings.suites {
            files.push((public.join(format!("{name}-{suite}.sources")), text(suite)));
        }
    }
    Ok(files)
}
