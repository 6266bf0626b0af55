//! The compressions that members of a .deb have.
//!
//! Leaves out deciding what is in them.

use std::io::{self, BufReader, Read, Write};

use liblzma::stream::{CONCATENATED, Check, Stream};

use crate::archive::ar::malformed;

/// What an xz member may ask for: xz -9 needs 65 MiB.
const MEMORY: u64 = 256 << 20;
/// 2^27 bytes, which is what zstd itself allows by default.
const WINDOW: u32 = 27;

/// A writer of xz -6 in one thread: several threads, or another version of the library, would
/// give other bytes.
pub fn xz<W: Write>(out: W) -> io::Result<liblzma::write::XzEncoder<W>> {
    let stream = Stream::new_easy_encoder(6, Check::Crc64)?;
    Ok(liblzma::write::XzEncoder::new_stream(out, stream))
}

/// Opens a member `stem`, `stem.gz`, `stem.xz` or `stem.zst`.
pub fn open<'a, R: Read + 'a>(name: &str, stem: &str, input: R) -> io::Result<Box<dyn Read + 'a>> {
    let input = BufReader::with_capacity(1 << 16, input);
    Ok(match name.strip_prefix(stem) {
        Some("") => Box::new(input),
        Some(".gz") => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Some(".xz") => {
            let stream = Stream::new_stream_decoder(MEMORY, CONCATENATED)?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream))
        }
        Some(".zst") => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(WINDOW)?;
            Box::new(decoder)
        }
        Some(".bz2" | ".lzma") => {
            return Err(malformed(&format!(
                "`{name}` is compressed in a way that is no longer read; pack it anew with \
                 `dpkg-deb -R FILE.deb x && dpkg-deb -b -Zxz x FILE.deb`"
            )));
        }
        _ => return Err(malformed(&format!("the member `{name}` is unknown"))),
    })
}

/// Reads at most this many bytes, and fails if there are more.
pub struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Capped<R> {
    pub fn new(inner: R, most: u64) -> Self {
        Self { inner, left: most }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(piece)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| malformed("it unpacks to more than is ever read"))?;
        Ok(count)
    }
}
