//! Reads a whole medium back and names each file that is not what was signed.
//!
//! Leaves out whether its packages suffice: that was judged when it was made.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use walkdir::WalkDir;

use crate::medium::description::Description;
use crate::medium::error::Error;
use crate::medium::names;
use crate::medium::sums::Sums;
use crate::progress::Progress;
use crate::signing;
use crate::sum;

/// The largest of the files that are read into memory: the list, its signature, the description.
const LARGEST: u64 = 64 << 20;

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// When it was made.
    pub made: Timestamp,
    /// The SHA-256 of `key.gpg`, by which people compare it.
    pub key_sha256: String,
    /// Whether the key is the one that the caller trusts, if one was named.
    pub key_trusted: bool,
    /// Files read.
    pub files: usize,
    /// Bytes read.
    pub bytes: u64,
    /// By path; none if the medium is whole.
    pub bad: Vec<Bad>,
}

/// A file that is not as it was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bad {
    /// Relative to the medium.
    pub path: String,
    pub fault: Fault,
    /// What the system said of an unreadable file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// Other bytes than those signed.
    Changed,
    Missing,
    /// Nobody signed it.
    Strange,
    Unreadable,
}

impl Verified {
    pub fn is_whole(&self) -> bool {
        self.bad.is_empty()
    }
}

/// Verifies the signature, then every file.
///
/// `key` is the SHA-256 that `key.gpg` must have, as it was shown when the medium was made; without
/// it the medium's own key is believed, which finds damage and clumsy changes only. A key that is
/// another, or a signature that is not good, is an error: then no sum means anything.
pub fn verify(place: &Path, key: Option<&str>, progress: &dyn Progress) -> Result<Verified, Error> {
    let (sums, key_sha256) = signed_sums(place, key)?;
    progress.step(&format!("reading {} files back", sums.len()));
    let mut bad = Vec::new();
    let mut bytes = 0;
    for (number, (path, expected)) in sums.iter().enumerate() {
        let fault = match sum::sha256_of_file(&place.join(path)) {
            Ok((sum, size)) => {
                bytes += size;
                (sum != expected).then_some((Fault::Changed, None))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some((Fault::Missing, None)),
            Err(error) => Some((Fault::Unreadable, Some(error.to_string()))),
        };
        if let Some((fault, reason)) = fault {
            bad.push(Bad { path: path.to_owned(), fault, reason });
        }
        progress.count(number as u64 + 1, sums.len() as u64);
    }
    for path in strangers(place, &sums)? {
        bad.push(Bad { path, fault: Fault::Strange, reason: None });
    }
    bad.sort_by(|a, b| a.path.cmp(&b.path));
    // A description that was changed is among the bad ones; its date is then worth nothing.
    let made = description(place).map_or(Timestamp::UNIX_EPOCH, |description| description.made);
    let key_trusted = key.is_some();
    Ok(Verified { made, key_sha256, key_trusted, files: sums.len(), bytes, bad })
}

/// The list of sums after its signature was verified, and the SHA-256 of the key.
pub fn signed_sums(place: &Path, key: Option<&str>) -> Result<(Sums, String), Error> {
    let certificate = read(place, names::KEY)?;
    let found = sum::sha256(&certificate);
    if let Some(expected) = key
        && !expected.eq_ignore_ascii_case(&found)
    {
        return Err(Error::OtherKey { found, expected: expected.to_owned() });
    }
    let list = read(place, names::SUMS)?;
    let signature = read(place, names::SIGNATURE)?;
    signing::verify_detached(&certificate, &list, &signature)
        .map_err(|source| Error::Signature { place: place.to_owned(), source })?;
    let text = String::from_utf8_lossy(&list);
    Ok((Sums::parse(&text).map_err(Error::Sums)?, found))
}

/// Reads `medium.json`.
pub fn description(place: &Path) -> Result<Description, Error> {
    let bytes = read(place, names::DESCRIPTION)?;
    serde_json::from_slice(&bytes)
        .map_err(|source| Error::Description { path: place.join(names::DESCRIPTION), source })
}

fn read(place: &Path, name: &str) -> Result<Vec<u8>, Error> {
    let path = place.join(name);
    let failed = |source| Error::Read { path: path.clone(), source };
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(failed(io::Error::other("it is far larger than any medium's")));
    }
    Ok(bytes)
}

/// Files that the list does not name; folders do not count.
fn strangers(place: &Path, sums: &Sums) -> Result<BTreeSet<String>, Error> {
    let mut found = BTreeSet::new();
    let entries = WalkDir::new(place).into_iter().filter_entry(|entry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() != 1 || !names::is_litter(&name)
    });
    for entry in entries {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(place).to_owned();
            let source = error.into_io_error().unwrap_or_else(|| io::Error::other("a loop"));
            Error::Read { path, source }
        })?;
        if entry.file_type().is_dir() {
            continue;
        }
        let path = entry.path().strip_prefix(place).unwrap_or(entry.path());
        let path = path.to_string_lossy().into_owned();
        if sums.get(&path).is_none() && path != names::SUMS && path != names::SIGNATURE {
            found.insert(path);
        }
    }
    Ok(found)
}

/// Whether a path is a medium: it has a signed list.
pub fn is_medium(place: &Path) -> bool {
    fs::metadata(place.join(names::SUMS)).is_ok_and(|file| file.is_file())
}
