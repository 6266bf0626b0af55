//! What a repository holds, without looking at its pool: a file that only grows, and is rewritten
//! when most of it is outdated.
//!
//! Leaves out what the packages are published as.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::repository::entry::{Entry, Key};
use crate::repository::error::Error;
use crate::repository::files::Batch;
use crate::repository::record::{Next, Record};

/// Smaller manifests are never rewritten.
const SMALL: u64 = 1 << 20;

/// How many publications of a suite stay fetchable, for clients that hold an older index.
pub(crate) const KEPT: usize = 5;

/// What the sums of `Release` and `Release.gpg` stand behind among a publication's files: their
/// names, unlike those of `by-hash`, are the same in all publications.
pub(crate) const SIGNED: &str = "signed/";

/// What the records add up to.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    path: PathBuf,
    /// How much of the file is sound: what follows was never finished.
    length: u64,
    pub packages: BTreeMap<Key, Entry>,
    /// Files of packages that were taken out, and the publication that was the last to name them.
    pub gone: BTreeMap<String, u64>,
    /// For each suite its publications, oldest first, with their files of `by-hash`.
    pub published: BTreeMap<String, Vec<(u64, Vec<String>)>>,
}

impl Manifest {
    /// Reads a manifest; one that is missing is empty.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            other => other.map_err(Error::io("read", path))?,
        };
        let mut manifest = Self { path: path.to_owned(), ..Self::default() };
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let offset = bytes.len() - rest.len();
            let path = || path.to_owned();
            match Record::read(rest) {
                Ok(Next::Record(record, after)) => {
                    manifest.apply(record);
                    rest = after;
                }
                Ok(Next::Torn) => break,
                Err(reason) => return Err(Error::Manifest { path: path(), offset, reason }),
            }
        }
        manifest.length = (bytes.len() - rest.len()) as u64;
        Ok(manifest)
    }

    /// The number of the publication that comes next.
    pub fn generation(&self) -> u64 {
        let last = self.published.values().flatten().map(|(generation, _)| *generation).max();
        last.unwrap_or(0) + 1
    }

    /// Writes records to the disk, and then believes them.
    pub fn append(&mut self, records: Vec<Record>) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        records.iter().for_each(|record| record.write(&mut bytes));
        let failed = || Error::io("write", &self.path);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(failed())?;
        let written = file
            .set_len(self.length)
            .and_then(|()| file.seek(SeekFrom::Start(self.length)))
            .and_then(|_| file.write_all(&bytes))
            .and_then(|()| file.sync_data());
        if let Err(error) = written {
            // What is left of it would be cut off by the next one as well.
            let _ = file.set_len(self.length);
            return Err(failed()(error));
        }
        self.length += bytes.len() as u64;
        records.into_iter().for_each(|record| self.apply(record));
        Ok(())
    }

    /// Rewrites the file if most of it is outdated. To be called when all is done.
    pub fn tidy(&mut self) -> Result<(), Error> {
        let live: usize =
            self.packages.values().map(|entry| entry.stanza.len() + entry.files.len() + 300).sum();
        if self.length < SMALL || self.length < 2 * live as u64 {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(live);
        for (key, entry) in &self.packages {
            Record::Package(key.clone(), Box::new(entry.clone())).write(&mut bytes);
        }
        for (path, generation) in &self.gone {
            let key = Key {
                package: "-".to_owned(),
                version: "-".to_owned(),
                architecture: "-".to_owned(),
            };
            Record::Gone { key, path: path.clone(), generation: *generation }.write(&mut bytes);
        }
        for (suite, publications) in &self.published {
            for (generation, files) in publications {
                let (suite, files) = (suite.clone(), files.clone());
                Record::Published { suite, generation: *generation, files }.write(&mut bytes);
            }
        }
        let mut batch = Batch::default();
        batch.write(&self.path, &bytes)?;
        batch.place()?;
        self.length = bytes.len() as u64;
        Ok(())
    }

    fn apply(&mut self, record: Record) {
        match record {
            Record::Package(key, entry) => {
                self.gone.remove(&entry.path);
                self.packages.insert(key, *entry);
            }
            Record::Gone { key, path, generation } => {
                self.packages.remove(&key);
                self.gone.insert(path, generation);
            }
            Record::Deleted { path } => {
                self.gone.remove(&path);
            }
            Record::Published { suite, generation, files } => {
                let publications = self.published.entry(suite).or_default();
                publications.push((generation, files));
                let many = publications.len().saturating_sub(KEPT);
                publications.drain(..many);
            }
        }
    }
}
