//! Decompressing an index by the end of its name.
//!
//! Leaves out archives of files.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

/// What an xz stream may ask for, in bytes: `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 128 << 20;

/// The ends of names that are understood, the shortest files first.
pub const ENDS: [&str; 3] = [".xz", ".gz", ""];

/// Opens a file whose listed name, `Packages.xz` for example, says how it is compressed.
pub fn open(path: &Path, listed: &str) -> io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    let unpacked: Box<dyn Read> = if listed.ends_with(".xz") {
        let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
        Box::new(XzDecoder::new_stream(file, stream))
    } else if listed.ends_with(".gz") {
        Box::new(MultiGzDecoder::new(BufReader::new(file)))
    } else {
        Box::new(file)
    };
    Ok(Box::new(BufReader::with_capacity(1 << 17, unpacked)))
}
