//! Index files compressed in pieces, so that one changed package compresses one piece anew.
//!
//! The pieces of a gzip file are deflate blocks that end at a byte (RFC 1951, a sync flush) and do
//! not refer to each other: what is written is one ordinary gzip member (RFC 1952). The pieces of
//! an xz file are streams of their own, which its format allows to follow each other.
//! Leaves out where the pieces part: the content decides, so that an insertion moves no other.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use liblzma::stream::{Check, Stream};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use sha2::{Digest, Sha256};

use crate::repository::error::Error;

type Sum = [u8; 32];

/// How an index is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Gzip,
    Xz,
}

/// What earlier publications compressed, by the sum of the text.
#[derive(Default)]
pub(crate) struct Cache {
    pieces: HashMap<Sum, Vec<u8>>,
}

const MAGIC: &[u8] = b"stead pieces 1\n";

impl Cache {
    /// Reads what [`Cache::keep`] wrote. What is missing or damaged is compressed anew.
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_default();
        let mut pieces = HashMap::new();
        let mut rest = bytes.strip_prefix(MAGIC).unwrap_or_default();
        while let Some((sum, after)) = rest.split_first_chunk::<32>() {
            let Some((check, after)) = after.split_first_chunk::<4>() else { break };
            let Some((size, after)) = after.split_first_chunk::<4>() else { break };
            let Ok(size) = usize::try_from(u32::from_le_bytes(*size)) else { break };
            let Some((piece, after)) = after.split_at_checked(size) else { break };
            if crc(piece) != u32::from_le_bytes(*check) {
                break;
            }
            pieces.insert(*sum, piece.to_vec());
            rest = after;
        }
        Self { pieces }
    }

    /// Writes pieces for the next time. Nothing is lost but time if this fails.
    fn keep(path: &Path, pieces: &[(Sum, Vec<u8>)]) {
        let mut bytes = MAGIC.to_vec();
        for (sum, piece) in pieces {
            let Ok(size) = u32::try_from(piece.len()) else { continue };
            bytes.extend(sum);
            bytes.extend(crc(piece).to_le_bytes());
            bytes.extend(size.to_le_bytes());
            bytes.extend(piece);
        }
        if fs::write(path, bytes).is_err() {
            let _ = fs::remove_file(path);
        }
    }
}

/// Compresses a text that is given in its pieces; the same text and pieces give the same bytes.
pub(crate) fn squeeze(pieces: &[&[u8]], form: Form, cache: &Path) -> Result<Vec<u8>, Error> {
    let known = Cache::read(cache);
    let done: io::Result<Vec<(Sum, Vec<u8>)>> = pieces
        .par_iter()
        .map(|piece| {
            let sum: Sum = Sha256::digest(piece).into();
            let squeezed = match (known.pieces.get(&sum), form) {
                (Some(squeezed), _) => squeezed.clone(),
                (None, Form::Gzip) => deflate(piece)?,
                (None, Form::Xz) => xz(piece)?,
            };
            Ok((sum, squeezed))
        })
        .collect();
    let done = done.map_err(Error::io("compress for", cache))?;
    if done.iter().any(|(sum, _)| !known.pieces.contains_key(sum)) {
        Cache::keep(cache, &done);
    }
    let mut out = Vec::with_capacity(done.iter().map(|(_, piece)| piece.len()).sum::<usize>() + 32);
    if form == Form::Gzip {
        // No name, no time, made on Unix.
        out.extend([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    }
    done.iter().for_each(|(_, piece)| out.extend(piece));
    if form == Form::Gzip {
        let mut sum = Crc::new();
        pieces.iter().for_each(|piece| sum.update(piece));
        // The last block: of fixed codes, and empty.
        out.extend([3, 0]);
        out.extend(sum.sum().to_le_bytes());
        out.extend(sum.amount().to_le_bytes());
    } else if done.is_empty() {
        out = xz(&[]).map_err(Error::io("compress for", cache))?;
    }
    Ok(out)
}

fn deflate(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut state = Compress::new(Compression::new(6), false);
    let mut out = Vec::with_capacity(text.len() / 3 + 64);
    loop {
        let read = usize::try_from(state.total_in()).unwrap_or(usize::MAX).min(text.len());
        let status = state.compress_vec(&text[read..], &mut out, FlushCompress::Sync)?;
        let all = state.total_in() == text.len() as u64;
        // A flush that fitted leaves room behind it.
        if all && out.len() < out.capacity() {
            return Ok(out);
        }
        if status == Status::StreamEnd {
            return Err(io::Error::other("the compressor ended early"));
        }
        out.reserve(out.len().max(1024));
    }
}

fn xz(text: &[u8]) -> io::Result<Vec<u8>> {
    let stream = Stream::new_easy_encoder(6, Check::Crc32)?;
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(text)?;
    encoder.finish()
}

fn crc(bytes: &[u8]) -> u32 {
    let mut sum = Crc::new();
    sum.update(bytes);
    sum.sum()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn unpack(bytes: &[u8], form: Form) -> Vec<u8> {
        let mut text = Vec::new();
        match form {
            // The plain decoder reads one member, and complains of what follows it.
            Form::Gzip => {
                let mut decoder = flate2::bufread::GzDecoder::new(bytes);
                decoder.read_to_end(&mut text).unwrap();
                assert!(decoder.into_inner().is_empty(), "one member");
            }
            Form::Xz => {
                let mut decoder = liblzma::bufread::XzDecoder::new_multi_decoder(bytes);
                decoder.read_to_end(&mut text).unwrap();
            }
        }
        text
    }

    #[test]
    fn a_damaged_cache_costs_time_only() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let pieces: [&[u8]; 2] = [b"one one one", b"two"];
        let first = squeeze(&pieces, Form::Gzip, &cache).unwrap();
        let kept = fs::read(&cache).unwrap();
        for at in 0..kept.len() {
            let mut bytes = kept.clone();
            bytes[at] ^= 0x10;
            fs::write(&cache, &bytes).unwrap();
            let again = squeeze(&pieces, Form::Gzip, &cache).unwrap();
            assert_eq!(again, first, "byte {at}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_squeezed_comes_back_with_and_without_a_cache(
            pieces in proptest::collection::vec("[a-c\n]{0,400}", 0..6),
            more in "[a-c]{0,40}",
            gzip in any::<bool>(),
        ) {
            let form = if gzip { Form::Gzip } else { Form::Xz };
            let folder = tempfile::tempdir().unwrap();
            let cache = folder.path().join("cache");
            let mut bytes: Vec<&[u8]> = pieces.iter().map(String::as_bytes).collect();
            let first = squeeze(&bytes, form, &cache).unwrap();
            prop_assert_eq!(&squeeze(&bytes, form, &cache).unwrap(), &first);
            prop_assert_eq!(unpack(&first, form), bytes.concat());
            bytes.push(more.as_bytes());
            let cached = squeeze(&bytes, form, &cache).unwrap();
            fs::remove_file(&cache).unwrap();
            prop_assert_eq!(squeeze(&bytes, form, &cache).unwrap(), cached);
        }
    }
}
