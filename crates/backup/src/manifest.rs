//! Writes and reads a service's manifest in its staging folder.
//!
//! Leaves out comparing two of them.

use std::fs;
use std::path::Path;

use model::backup::manifest::{self, FILE, ManifestV1};

use crate::refusal::Refusal;

/// Writes it, readable for people, and gives back its bytes.
pub fn write(manifest: &ManifestV1, staging: &Path) -> Result<Vec<u8>, Refusal> {
    let path = staging.join(FILE);
    let mut bytes = serde_json::to_vec_pretty(manifest)
        .map_err(|error| Refusal::Manifest { path: path.clone(), fault: error.to_string() })?;
    bytes.push(b'\n');
    let written = fs::write(&path, &bytes);
    written.map_err(|source| Refusal::Local { what: "write", path, source })?;
    Ok(bytes)
}

/// Reads the one of a folder, as of a restored staging folder.
pub fn read(folder: &Path) -> Result<ManifestV1, Refusal> {
    let path = folder.join(FILE);
    let length = fs::metadata(&path).map(|all| all.len());
    let bytes = match length {
        Ok(length) if length > manifest::LONGEST as u64 => {
            let fault = format!("{length} bytes are too many for a manifest");
            return Err(Refusal::Manifest { path, fault });
        }
        _ => fs::read(&path),
    };
    let bytes =
        bytes.map_err(|source| Refusal::Local { what: "read", path: path.clone(), source })?;
    manifest::read(&bytes).map_err(|fault| Refusal::Manifest { path, fault })
}
