//! Reads all that is served: signatures, indexes, packages, and what belongs to nothing.
//!
//! Leaves out mending it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use model::text::{printable, with_causes};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde::Serialize;

use crate::progress::Progress;
use crate::repository::entry::{Entry, Key};
use crate::repository::error::Error;
use crate::repository::files::unfinished;
use crate::repository::listing;
use crate::repository::manifest::Manifest;
use crate::repository::settings::{Place, Settings};
use crate::signing::{self, Key as SigningKey};
use crate::sum;

/// No index of ours is larger.
const LARGEST_INDEX: u64 = 4 << 30;

/// Harmless for apt, which takes the files by their sums; others wait for the next publication.
const STOPPED: &str = "of another publication than InRelease: one was stopped, publish again";

/// What reading everything found.
#[derive(Debug, Default, Serialize)]
pub struct Verification {
    /// Packages of the pool that were read.
    pub packages: usize,
    /// Index files that were read.
    pub indexes: usize,
    /// What is wrong: to be mended before anybody installs from here.
    pub faults: Vec<Fault>,
    /// What is not served yet, or serves nothing: no harm.
    pub remarks: Vec<Fault>,
}

/// Something about one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// Below `public/`.
    pub path: String,
    /// The package it holds, as `name version (architecture)`, if it does.
    pub package: Option<String>,
    pub fault: String,
}

impl Fault {
    fn file(path: &str, fault: impl Into<String>) -> Self {
        Self { path: printable(path, 300), package: None, fault: fault.into() }
    }

    fn package(key: &Key, entry: &Entry, fault: String) -> Self {
        Self { path: entry.path.clone(), package: Some(key.to_string()), fault }
    }
}

pub(crate) fn verify(
    place: &Place,
    settings: &Settings,
    key: &SigningKey,
    manifest: &Manifest,
    progress: &dyn Progress,
) -> Result<Verification, Error> {
    let mut found = Verification::default();
    let certificate = key.certificate_bytes().map_err(|source| Error::Key { source })?;
    progress.step("reading the indexes");
    for suite in &settings.suites {
        verify_suite(place, settings, &certificate, manifest, suite, &mut found)?;
    }
    progress.step("reading the packages");
    let packages: Vec<(&Key, &Entry)> = manifest.packages.iter().collect();
    let done = AtomicU64::new(0);
    let faults: Vec<Fault> = packages
        .par_iter()
        .filter_map(|(key, entry)| {
            let fault = verify_package(place, entry);
            progress.count(done.fetch_add(1, Ordering::Relaxed) + 1, packages.len() as u64);
            fault.map(|fault| Fault::package(key, entry, fault))
        })
        .collect();
    found.packages = packages.len();
    found.faults.extend(faults);
    strays(place, manifest, &mut found);
    found.faults.sort();
    found.remarks.sort();
    Ok(found)
}

fn verify_package(place: &Place, entry: &Entry) -> Option<String> {
    match sum::sha256_of_file(&place.pooled(&entry.path)) {
        Ok((sum, _)) if sum == entry.sha256 => None,
        Ok((sum, size)) => Some(format!(
            "changed: it has {size} bytes and SHA-256 {sum}, {} bytes and {} were added",
            entry.stamp.size, entry.sha256
        )),
        Err(error) => Some(format!("cannot be read: {error}")),
    }
}

fn verify_suite(
    place: &Place,
    settings: &Settings,
    certificate: &[u8],
    manifest: &Manifest,
    suite: &str,
    found: &mut Verification,
) -> Result<(), Error> {
    let dist = place.dist(suite);
    let below = |name: &str| format!("dists/{suite}/{name}");
    let signed = match fs::read(dist.join("InRelease")) {
        Ok(signed) => signed,
        Err(error) => {
            found.faults.push(Fault::file(&below("InRelease"), format!("cannot be read: {error}")));
            return Ok(());
        }
    };
    let text = match signing::verify_cleartext(certificate, &signed) {
        Ok(text) => text,
        Err(error) => {
            found.faults.push(Fault::file(&below("InRelease"), with_causes(&error)));
            return Ok(());
        }
    };
    // The sums of files that were published lately.
    let ours: BTreeSet<String> = manifest
        .published
        .get(suite)
        .into_iter()
        .flatten()
        .flat_map(|(_, files)| files.iter().filter_map(|file| file.rsplit('/').next()))
        .map(str::to_owned)
        .collect();
    let known = |bytes: &[u8]| ours.contains(&sum::sha256(bytes));
    let apart = fs::read(dist.join("Release")).and_then(|release| {
        fs::read(dist.join("Release.gpg")).map(|signature| (release, signature))
    });
    match apart {
        Ok((release, signature)) => {
            let fits = signing::verify_detached(certificate, &release, &signature);
            let same = release.trim_ascii_end() == text.trim_end().as_bytes();
            match fits {
                Ok(()) if same => {}
                _ if known(&release) && known(&signature) => {
                    found.remarks.push(Fault::file(&below("Release"), STOPPED));
                }
                Err(error) => {
                    found.faults.push(Fault::file(&below("Release"), with_causes(&error)));
                }
                Ok(()) => {
                    let fault = "says something else than InRelease";
                    found.faults.push(Fault::file(&below("Release"), fault));
                }
            }
        }
        Err(error) => {
            found.faults.push(Fault::file(&below("Release"), format!("cannot be read: {error}")));
        }
    }
    let sums = text.lines().filter_map(|line| line.strip_prefix(' '));
    for line in sums {
        let mut words = line.split_whitespace();
        let (Some(sha256), Some(size), Some(path)) = (words.next(), words.next(), words.next())
        else {
            found.faults.push(Fault::file(&below("InRelease"), "a line of sums is malformed"));
            continue;
        };
        let mut check = |name: &str| match sum::sha256_of_file(&dist.join(name)) {
            Ok((sum, bytes)) if sum == sha256 && bytes.to_string() == size => {
                found.indexes += 1;
                true
            }
            Ok((sum, _)) if ours.contains(&sum) => {
                found.remarks.push(Fault::file(&below(name), STOPPED));
                false
            }
            Ok((sum, bytes)) => {
                let fault = format!(
                    "changed: it has {bytes} bytes and SHA-256 {sum}, {size} and {sha256} are signed"
                );
                found.faults.push(Fault::file(&below(name), fault));
                false
            }
            Err(error) => {
                found.faults.push(Fault::file(&below(name), format!("cannot be read: {error}")));
                false
            }
        };
        // The plain text is vouched for, and served compressed only.
        if !path.ends_with(".gz") && !path.ends_with(".xz") {
            continue;
        }
        let (folder, _) = path.rsplit_once('/').unwrap_or_default();
        let by_hash = check(&format!("{folder}/by-hash/SHA256/{sha256}"));
        let named = check(path);
        if by_hash && named && path.ends_with(".gz") {
            verify_index(&dist, path, &text, suite, found);
        }
    }
    for architecture in &settings.architectures {
        let listed = listing::listed(manifest.packages.iter(), suite, architecture);
        let expected = sum::sha256(listing::packages(&listed).text.as_bytes());
        let path = format!("main/binary-{architecture}/Packages");
        if signed_sum(&text, &path) != Some(&expected) {
            let fault = "the repository has changed since: `stead repo publish` shows it";
            found.remarks.push(Fault::file(&below(&path), fault));
        }
    }
    Ok(())
}

fn signed_sum<'a>(release: &'a str, path: &str) -> Option<&'a str> {
    let lines = release.lines().filter_map(|line| line.strip_prefix(' '));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>()).find_map(|words| {
        match words.as_slice() {
            [sum, _, name] if *name == path => Some(*sum),
            _ => None,
        }
    })
}

/// Whether what is compressed is the text that is signed.
fn verify_index(dist: &Path, path: &str, release: &str, suite: &str, found: &mut Verification) {
    let plain = path.strip_suffix(".gz").unwrap_or(path);
    let mut text = Vec::new();
    let read = fs::File::open(dist.join(path)).and_then(|file| {
        let decoder = flate2::read::MultiGzDecoder::new(file);
        decoder.take(LARGEST_INDEX).read_to_end(&mut text)
    });
    let fault = match read {
        Err(error) => format!("cannot be decompressed: {error}"),
        Ok(_) if signed_sum(release, plain) == Some(sum::sha256(&text).as_str()) => return,
        Ok(_) => format!("holds another text than the signed {plain}"),
    };
    found.faults.push(Fault::file(&format!("dists/{suite}/{path}"), fault));
}

/// Files of the pool that nothing names, and files that never became whole.
fn strays(place: &Place, manifest: &Manifest, found: &mut Verification) {
    let public = place.public();
    let known: BTreeSet<&str> = manifest
        .packages
        .values()
        .map(|entry| entry.path.as_str())
        .chain(manifest.gone.keys().map(String::as_str))
        .collect();
    for file in walkdir::WalkDir::new(&public).into_iter().flatten() {
        let path = file.path().strip_prefix(&public).unwrap_or(file.path());
        let shown = path.to_string_lossy();
        if file.path_is_symlink() {
            found.faults.push(Fault::file(&shown, "a link: nothing here is one"));
        } else if !file.file_type().is_file() {
        } else if unfinished(path) {
            found.remarks.push(Fault::file(&shown, "left by a process that was stopped"));
        } else if path.starts_with("pool") && !known.contains(&*shown) {
            found.remarks.push(Fault::file(&shown, "in no index: nobody is shown it"));
        }
    }
}
