//! The sum and size of a file.
//!
//! Leaves out keeping them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::refusal::Refusal;

/// SHA-256 in hexadecimal digits, and bytes.
pub(crate) fn of(path: &Path) -> Result<(String, u64), Refusal> {
    let unable = |source| Refusal::Local { what: "read", path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unable)?;
    let mut piece = vec![0; 1 << 20];
    let (mut sum, mut bytes) = (Sha256::new(), 0);
    loop {
        let count = file.read(&mut piece).map_err(unable)?;
        if count == 0 {
            break;
        }
        sum.update(&piece[..count]);
        bytes += count as u64;
    }
    Ok((sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), bytes))
}
