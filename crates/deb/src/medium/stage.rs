//! A medium before it lies anywhere: each file's path, where its content is, and the signed list.
//!
//! Leaves out copying it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use walkdir::WalkDir;

use crate::medium::error::Error;
use crate::medium::names;
use crate::medium::sums::{Sums, is_inside};
use crate::signing::Key;
use crate::sum;

/// When every list is said to be signed: 2001-01-02, the day after our keys say they were made.
/// A target whose clock has fallen back must be able to check the signature before it can learn
/// the true date, which is in the text that is signed.
const SIGNED: i64 = 978_393_600;

/// A file's content.
#[derive(Clone, Debug)]
pub enum Content {
    File(PathBuf),
    Bytes(Vec<u8>),
}

/// A file of the medium.
#[derive(Clone, Debug)]
pub struct Staged {
    pub content: Content,
    /// Hexadecimal.
    pub sha256: String,
    pub bytes: u64,
}

/// All files but the list and its signature, by path.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    files: BTreeMap<String, Staged>,
    list: Vec<u8>,
    signature: Vec<u8>,
}

impl Stage {
    /// Adds a file of this machine. Its sum is read unless the caller knows it.
    pub fn add_file(&mut self, path: &str, from: &Path, known: Option<&str>) -> Result<(), Error> {
        let failed = |source| Error::Read { path: from.to_owned(), source };
        let (sha256, bytes) = match known {
            Some(sum) => (sum.to_owned(), fs::metadata(from).map_err(failed)?.len()),
            None => sum::sha256_of_file(from).map_err(failed)?,
        };
        self.enter(path, Staged { content: Content::File(from.to_owned()), sha256, bytes })
    }

    /// Adds a text.
    pub fn add_bytes(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let sha256 = sum::sha256(&bytes);
        let size = bytes.len() as u64;
        self.enter(path, Staged { content: Content::Bytes(bytes), sha256, bytes: size })
    }

    /// Adds all files of a folder; links are followed to files and to nothing else.
    pub fn add_folder(&mut self, path: &str, from: &Path) -> Result<(), Error> {
        for entry in WalkDir::new(from).sort_by_file_name() {
            let entry = entry.map_err(|error| Error::Read {
                path: error.path().unwrap_or(from).to_owned(),
                source: error.into_io_error().unwrap_or_else(|| io::Error::other("a loop")),
            })?;
            if !entry.file_type().is_dir() {
                let inside = entry.path().strip_prefix(from).unwrap_or(entry.path());
                let name = format!("{path}/{}", inside.to_string_lossy());
                self.add_file(&name, entry.path(), None)?;
            }
        }
        Ok(())
    }

    fn enter(&mut self, path: &str, staged: Staged) -> Result<(), Error> {
        if !is_inside(path) {
            return Err(Error::Name { path: model::text::printable(path, 200) });
        }
        self.files.insert(path.to_owned(), staged);
        Ok(())
    }

    /// Makes the list and signs it; nothing may be added afterwards.
    pub fn seal(&mut self, key: &Key) -> Result<(), Error> {
        let mut sums = Sums::default();
        for (path, staged) in &self.files {
            sums.insert(path.clone(), staged.sha256.clone());
        }
        self.list = sums.render().into_bytes();
        let at = Timestamp::from_second(SIGNED).expect("a date of this century");
        let signature = key.detached(&self.list, at).map_err(|source| Error::Sign { source })?;
        self.signature = signature.into_bytes();
        Ok(())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Staged)> {
        self.files.iter().map(|(path, staged)| (path.as_str(), staged))
    }

    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The list and its signature, each with its name, in the order of writing.
    pub fn seals(&self) -> [(&'static str, &[u8]); 2] {
        [(names::SUMS, &self.list), (names::SIGNATURE, &self.signature)]
    }
}

impl Staged {
    pub fn open(&self) -> Result<Box<dyn Read + '_>, Error> {
        Ok(match &self.content {
            Content::Bytes(bytes) => Box::new(&bytes[..]),
            Content::File(path) => Box::new(
                File::open(path).map_err(|source| Error::Read { path: path.clone(), source })?,
            ),
        })
    }
}
