//! Extended attributes of a file, as restic stores them.
//!
//! Leaves out what they mean.

use std::fs::File;
use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::fs;
use rustix::io::Errno;
use serde::de::DeserializeOwned;
use serde_json::json;

/// Linux gives no more for one name or one list, in bytes (xattr(7)).
const LARGEST: usize = 64 << 10;

/// Name and value of each, in the order of their names.
pub type Attributes = Vec<(String, Vec<u8>)>;

/// Of an open file.
pub fn of_file(file: &File) -> io::Result<Attributes> {
    collect(|list| fs::flistxattr(file, list), |name, value| fs::fgetxattr(file, name, value))
}

/// Of what lies at a path, following the last link if so told.
pub fn of_path(path: &Path, follow: bool) -> io::Result<Attributes> {
    if follow {
        collect(|list| fs::listxattr(path, list), |name, value| fs::getxattr(path, name, value))
    } else {
        collect(|list| fs::llistxattr(path, list), |name, value| fs::lgetxattr(path, name, value))
    }
}

/// As the engine's own type, which it does not let others name.
pub fn stored<T: DeserializeOwned + Default>(attributes: &Attributes) -> T {
    if attributes.is_empty() {
        return T::default();
    }
    let list: Vec<_> = attributes
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": STANDARD.encode(value) }))
        .collect();
    serde_json::from_value(list.into()).expect("names and values in base64 are what it stores")
}

fn collect(
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    get: impl Fn(&str, &mut [u8]) -> Result<usize, Errno>,
) -> io::Result<Attributes> {
    let names = match filled(&list) {
        Ok(names) => names,
        // A file system without attributes has none.
        Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut attributes = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = String::from_utf8_lossy(name).into_owned();
        match filled(|value| get(&name, value)) {
            Ok(value) => attributes.push((name, value)),
            // It was removed meanwhile, or is the kernel's own.
            Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    attributes.sort();
    Ok(attributes)
}

/// Asks with room for what is usual, then with more.
fn filled(ask: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; 1 << 10];
    loop {
        match ask(&mut buffer) {
            Ok(size) => {
                buffer.truncate(size);
                return Ok(buffer);
            }
            Err(Errno::RANGE) if buffer.len() < LARGEST => buffer.resize(buffer.len() * 4, 0),
            Err(error) => return Err(error),
        }
    }
}
