//! A checksum that pins what is fetched.
//!
//! Leaves out weak sums: MD5 and SHA-1 pin nothing.

use std::fmt;
use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256, Sha512};

/// A SHA-256 or SHA-512 sum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Digest {
    Sha256([u8; 32]),
    Sha512([u8; 64]),
}

/// The text is no sum that can be relied on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no SHA-256 or SHA-512 sum")]
pub struct BadDigest {
    text: String,
}

impl Digest {
    /// Reads 64 hexadecimal digits.
    pub fn sha256(hexadecimal: &str) -> Result<Self, BadDigest> {
        digits(hexadecimal).map(Self::Sha256).ok_or_else(|| bad(hexadecimal))
    }

    /// Reads `sha256:` or `sha512:` and hexadecimal digits, as [`fmt::Display`] writes them.
    pub fn parse(text: &str) -> Result<Self, BadDigest> {
        let parsed = match text.split_once(':') {
            Some(("sha256", rest)) => digits(rest).map(Self::Sha256),
            Some(("sha512", rest)) => digits(rest).map(Self::Sha512),
            _ => None,
        };
        parsed.ok_or_else(|| bad(text))
    }

    /// Reads the strongest sum of a subresource integrity text, as `package-lock.json` has it:
    /// `sha512-…=` (<https://www.w3.org/TR/SRI/>).
    pub fn integrity(text: &str) -> Result<Self, BadDigest> {
        let sums = text.split_whitespace().filter_map(|one| {
            let (kind, rest) = one.split_once('-')?;
            let bytes = STANDARD.decode(rest.split('?').next()?).ok()?;
            match kind {
                "sha256" => bytes.try_into().ok().map(Self::Sha256),
                "sha512" => bytes.try_into().ok().map(Self::Sha512),
                _ => None,
            }
        });
        sums.max().ok_or_else(|| bad(text))
    }

    /// The sum of these bytes, of the same kind as this one.
    pub fn of_same_kind(&self, bytes: &[u8]) -> Self {
        match self {
            Self::Sha256(_) => Self::Sha256(Sha256::digest(bytes).into()),
            Self::Sha512(_) => Self::Sha512(Sha512::digest(bytes).into()),
        }
    }

    /// The sum of all that can be read, of the same kind as this one.
    pub fn of_same_kind_read(&self, from: &mut dyn Read) -> io::Result<Self> {
        match self {
            Self::Sha256(_) => read(Sha256::new(), from).map(|sum| Self::Sha256(sum.into())),
            Self::Sha512(_) => read(Sha512::new(), from).map(|sum| Self::Sha512(sum.into())),
        }
    }

    /// `sha256` or `sha512`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "sha256",
            Self::Sha512(_) => "sha512",
        }
    }

    /// The hexadecimal digits alone.
    pub fn hexadecimal(&self) -> String {
        self.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(bytes) => bytes,
            Self::Sha512(bytes) => bytes,
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.kind(), self.hexadecimal())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

fn read<D: sha2::Digest>(mut sum: D, from: &mut dyn Read) -> io::Result<sha2::digest::Output<D>> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(sum.finalize()),
            read => sum.update(&buffer[..read]),
        }
    }
}

fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let value = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

fn bad(text: &str) -> BadDigest {
    BadDigest { text: model::text::printable(text, 200) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_sum_is_read_as_it_is_written() {
        let digest = Digest::sha256(EMPTY).unwrap();
        assert_eq!(digest, digest.of_same_kind(b""));
        assert_eq!(digest.to_string(), format!("sha256:{EMPTY}"));
        assert_eq!(Digest::parse(&digest.to_string()), Ok(digest));
        assert_eq!(digest.of_same_kind_read(&mut &b""[..]).unwrap(), digest);
    }

    #[test]
    fn of_several_sums_the_strongest_counts_and_sha1_never() {
        let strong = Digest::Sha512([0; 64]).of_same_kind(b"x");
        let text =
            |digest: Digest| format!("{}-{}", digest.kind(), STANDARD.encode(digest.bytes()));
        let weak = Digest::Sha256([0; 32]).of_same_kind(b"x");
        let both = format!("{} sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= {}", text(weak), text(strong));
        assert_eq!(Digest::integrity(&both), Ok(strong));
        assert!(Digest::integrity("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=").is_err());
        assert!(Digest::integrity("sha512-short").is_err());
    }

    #[test]
    fn what_is_no_sum_is_refused() {
        for text in [
            "",
            "sha256:",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            &EMPTY[1..],
            "é".repeat(32).as_str(),
        ] {
            assert!(Digest::parse(text).is_err(), "{text}");
            assert!(Digest::sha256(text).is_err(), "{text}");
        }
    }
}
