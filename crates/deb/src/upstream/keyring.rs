//! Whose signatures are believed.
//!
//! Leaves out the judging, which is `signing`'s.

use std::fs;
use std::path::PathBuf;

use model::text::printable;

use crate::signing;
use crate::upstream::error::Error;

/// The keys that may sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keyring {
    /// Of any of these files.
    Files(Vec<PathBuf>),
    /// Armoured.
    Text(String),
}

impl Keyring {
    /// Each of its files, as it lies on the disk.
    pub fn read(&self) -> Result<Vec<Vec<u8>>, Error> {
        match self {
            Self::Text(text) => Ok(vec![text.clone().into_bytes()]),
            Self::Files(paths) => {
                let one = |path: &PathBuf| {
                    fs::read(path).map_err(|source| Error::Keyring { path: path.clone(), source })
                };
                paths.iter().map(one).collect()
            }
        }
    }

    /// The text of `InRelease` if one of the keys signed it; `url` is what it is called in errors.
    pub(crate) fn verify(&self, url: &str, signed: &[u8]) -> Result<String, Error> {
        let mut last = signing::Error::NoCertificate;
        for keys in self.read()? {
            match signing::verify_cleartext(&keys, signed) {
                Ok(text) => return Ok(text),
                Err(error) => last = error,
            }
        }
        let keyring = self.title();
        Err(Error::Signature { url: url.to_owned(), keyring, source: Box::new(last) })
    }

    /// What it is called, for people.
    pub fn title(&self) -> String {
        match self {
            Self::Text(_) => "the key in apt's source".to_owned(),
            Self::Files(paths) => {
                let paths: Vec<String> =
                    paths.iter().map(|path| path.display().to_string()).collect();
                printable(&paths.join(", "), 300)
            }
        }
    }
}
