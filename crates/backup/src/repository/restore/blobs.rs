//! Blobs of packs: read many at once where they lie side by side, opened, and compared with their
//! names.
//!
//! Leaves out where they go.

use std::io;
use std::ops::Range;

use rustic_core::Id;
use sha2::{Digest, Sha256};
use zstd::bulk::Decompressor;

use crate::error::Error;
use crate::repository::opened::Opened;
use crate::seal::Seal;
use crate::target::store::Kind;

/// The most that is read at once, in bytes, unless one blob is larger: each reader holds so much.
const AT_ONCE: u32 = 4 << 20;
/// The most pieces that are read at once: with small files, making them is the work to be shared.
const TOGETHER: usize = 512;
/// As much that nobody needs is read rather than asking twice, in bytes.
const HOLE: u32 = 128 << 10;
/// The seal of a blob, in bytes: an IV and a tag.
const SEAL: u32 = 32;

/// A blob and one of the places where it goes.
#[derive(Clone, Copy)]
pub struct Piece {
    pub blob: Id,
    pub pack: Id,
    /// Within the pack.
    pub offset: u32,
    pub length: u32,
    /// As long as it is once it is unpacked; nothing if it is not packed.
    pub unpacked: Option<u32>,
    /// The file's number in its portion, and where in it.
    pub file: usize,
    pub at: u64,
}

impl Piece {
    /// The bytes that it gives.
    pub fn size(&self) -> u64 {
        u64::from(self.unpacked.unwrap_or_else(|| self.length.saturating_sub(SEAL)))
    }
}

/// Sorts pieces by where they lie, and gives what is read at once.
pub fn readings(pieces: &mut [Piece]) -> Vec<Range<usize>> {
    pieces
        .sort_unstable_by_key(|piece| (piece.pack, piece.offset, piece.blob, piece.file, piece.at));
    let mut readings: Vec<Range<usize>> = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let end = piece.offset.saturating_add(piece.length);
        if let Some(last) = readings.last_mut() {
            let (first, before) = (&pieces[last.start], &pieces[number - 1]);
            let fits = first.pack == piece.pack
                && (last.len() < TOGETHER || piece.offset == before.offset)
                && piece.offset <= before.offset.saturating_add(before.length).saturating_add(HOLE)
                && (end - first.offset <= AT_ONCE || piece.offset == before.offset);
            if fits {
                last.end = number + 1;
                continue;
            }
        }
        readings.push(number..number + 1);
    }
    readings
}

/// One reader's own tools.
pub struct Reader<'a> {
    opened: &'a Opened,
    seal: &'a Seal,
    unpacker: Decompressor<'static>,
    unpacked: Vec<u8>,
}

impl<'a> Reader<'a> {
    pub fn new(opened: &'a Opened, seal: &'a Seal) -> io::Result<Self> {
        Ok(Self { opened, seal, unpacker: Decompressor::new()?, unpacked: Vec::new() })
    }

    /// Reads pieces that lie in one pack, and gives each blob with all its places.
    pub fn read(
        &mut self,
        pieces: &[Piece],
        mut each: impl FnMut(&[u8], &[Piece]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return Ok(()) };
        let pack = first.pack.to_hex();
        let length = u64::from(last.offset) + u64::from(last.length) - u64::from(first.offset);
        let part = self.opened.gate.part(&pack, first.offset.into(), length)?;
        let mut sealed = Vec::from(part);
        // What is said to be another blob at the same place is opened, too, and is not what it is said
        // to be.
        for same in pieces.chunk_by(|a, b| (a.offset, a.blob) == (b.offset, b.blob)) {
            let (piece, damaged) = (same[0], |reason: &str| Error::Damaged {
                object: Kind::Pack.object(&pack),
                place: self.opened.store.place(),
                reason: reason.to_owned(),
            });
            let start = (piece.offset - first.offset) as usize;
            let range = start..start + piece.length as usize;
            let open = sealed.get_mut(range).and_then(|blob| self.seal.open_in_place(blob));
            let open = open.ok_or_else(|| {
                damaged("what was read does not decrypt: it is not what was written")
            })?;
            let content = match piece.unpacked {
                None => &*open,
                Some(length) => {
                    let length = length as usize;
                    self.unpacked.clear();
                    self.unpacked.reserve_exact(length);
                    let unpacked = self.unpacker.decompress_to_buffer(open, &mut self.unpacked);
                    if unpacked.ok() != Some(length) {
                        return Err(damaged("a blob in it does not unpack"));
                    }
                    &self.unpacked[..]
                }
            };
            if !is_named(content, &piece.blob) {
                return Err(damaged("a blob in it is not the one that the index says"));
            }
            each(content, same)?;
        }
        // A list of many names is larger than what comes after it.
        self.unpacked.clear();
        self.unpacked.shrink_to(AT_ONCE as usize);
        Ok(())
    }
}

/// Whether it has this sum.
fn is_named(content: &[u8], name: &Id) -> bool {
    let hex = name.to_hex();
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    let sum = Sha256::digest(content);
    let digits = sum.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.eq(hex.as_bytes().iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(pack: u8, offset: u32, length: u32, file: usize) -> Piece {
        let id = |byte: u8| format!("{byte:02x}").repeat(32).parse::<Id>().unwrap();
        let (blob, pack) = (id(offset as u8), id(pack));
        Piece { blob, pack, offset, length, unpacked: None, file, at: 0 }
    }

    #[test]
    fn what_lies_side_by_side_is_read_at_once_and_never_too_much() {
        let large = AT_ONCE - 100;
        let mut pieces = [
            piece(2, 0, 100, 0),
            piece(1, 100 + HOLE, 50, 1),
            piece(1, 0, 100, 2),
            // The same blob for two files.
            piece(3, 0, large, 3),
            piece(3, 0, large, 4),
            piece(3, large, 101, 5),
            piece(2, 101 + HOLE, 10, 6),
        ];
        let readings = readings(&mut pieces);
        let files: Vec<Vec<usize>> = readings
            .iter()
            .map(|reading| pieces[reading.clone()].iter().map(|piece| piece.file).collect())
            .collect();
        assert_eq!(files, [vec![2, 1], vec![0], vec![6], vec![3, 4], vec![5]]);
    }

    #[test]
    fn a_blob_has_the_sum_that_is_its_name() {
        let name = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let name = name.parse().unwrap();
        assert!(is_named(b"abc", &name));
        assert!(!is_named(b"abd", &name));
    }
}
