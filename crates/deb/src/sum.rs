//! Checksums of what is written and read, in the form files name them.
//!
//! Leaves out signatures.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use md5::Md5;
use sha2::{Digest, Sha256};

/// Writes bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The SHA-256 of bytes, hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The SHA-256 of a file, hexadecimal, and its size in bytes; read in pieces.
pub fn sha256_of_file(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut sum = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok((hex(&sum.finalize()), bytes));
        }
        sum.update(&piece[..count]);
        bytes += count as u64;
    }
}

/// Reads through, summing up what passes as MD5, which is what `md5sums` and conffiles use.
pub struct Md5Reader<R> {
    inner: R,
    sum: Md5,
    bytes: u64,
}

impl<R: Read> Md5Reader<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, sum: Md5::new(), bytes: 0 }
    }

    /// The sum, hexadecimal, and how many bytes passed.
    pub fn finish(self) -> (String, u64) {
        (hex(&self.sum.finalize()), self.bytes)
    }
}

impl<R: Read> Read for Md5Reader<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(piece)?;
        self.sum.update(&piece[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

/// Writes through, summing up what passes as SHA-256.
pub struct Sha256Writer<W> {
    inner: W,
    sum: Sha256,
    bytes: u64,
}

impl<W: Write> Sha256Writer<W> {
    pub fn new(inner: W) -> Self {
        Self { inner, sum: Sha256::new(), bytes: 0 }
    }

    /// What was written to, the sum, hexadecimal, and how many bytes passed.
    pub fn finish(self) -> (W, String, u64) {
        (self.inner, hex(&self.sum.finalize()), self.bytes)
    }
}

impl<W: Write> Write for Sha256Writer<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(piece)?;
        self.sum.update(&piece[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_coreutils() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let mut reader = Md5Reader::new(&b"abc"[..]);
        let mut all = Vec::new();
        reader.read_to_end(&mut all).expect("bytes");
        assert_eq!(reader.finish(), ("900150983cd24fb0d6963f7d28e17f72".to_owned(), 3));
    }
}
