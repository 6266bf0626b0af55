//! Keeping small results beside what was fetched, each at once and whole.
//!
//! Leaves out what they mean; all of them may be deleted at any time.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::upstream::error::Error;

/// Writes a file of the folder, which is made if it is missing.
pub fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let written = fs::create_dir_all(folder)
        .and_then(|()| tempfile::NamedTempFile::new_in(folder))
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.persist(path).map_err(|error| error.error)
        });
    written.map(drop).map_err(|source| Error::Keep { path: path.to_owned(), source })
}
