//! The seal that every piece of a repository has.
//!
//! Leaves out what is within. Source: restic's public design document, "Keys, Encryption and MAC":
//! an IV of 16 bytes, AES-256-CTR, then Poly1305-AES over what was encrypted.

use std::fmt;

use aes256ctr_poly1305aes::Aes256CtrPoly1305Aes;
use aes256ctr_poly1305aes::aead::{AeadInPlace, generic_array::GenericArray};
use rustic_core::repofile::MasterKey;

/// Seals and opens pieces of a repository.
#[derive(Clone)]
pub struct Seal(Vec<u8>);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

impl Seal {
    pub fn new(key: &MasterKey) -> Self {
        Self([&key.encrypt[..], &key.mac.k, &key.mac.r].concat())
    }

    fn cipher(&self) -> Aes256CtrPoly1305Aes {
        Aes256CtrPoly1305Aes::new(GenericArray::from_slice(&self.0))
    }

    pub fn seal(&self, text: &[u8]) -> Result<Vec<u8>, getrandom::Error> {
        let mut sealed = vec![0; 16];
        getrandom::fill(&mut sealed)?;
        let nonce = *GenericArray::from_slice(&sealed[..16]);
        sealed.extend_from_slice(text);
        let tag = self
            .cipher()
            .encrypt_in_place_detached(&nonce, &[], &mut sealed[16..])
            .expect("what is sealed here is shorter than what the cipher takes");
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// None if it was not sealed with this key, or changed since.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut text = sealed.to_vec();
        self.open_in_place(&mut text).map(|text| text.to_vec())
    }

    /// As [`Seal::open`], in the place of what is sealed.
    pub fn open_in_place<'a>(&self, sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let (nonce, rest) = sealed.split_at_mut_checked(16)?;
        let (text, tag) = rest.split_at_mut_checked(rest.len().checked_sub(16)?)?;
        let (nonce, tag) = (GenericArray::from_slice(nonce), GenericArray::from_slice(tag));
        self.cipher().decrypt_in_place_detached(nonce, &[], text, tag).ok()?;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_with_its_key_only_and_unchanged_only() {
        let (seal, other) = (Seal::new(&MasterKey::new()), Seal::new(&MasterKey::new()));
        let mut sealed = seal.seal(b"{}").unwrap();
        assert_eq!(seal.open(&sealed).as_deref(), Some(b"{}".as_slice()));
        assert_eq!(other.open(&sealed), None);
        sealed[16] ^= 1;
        assert_eq!(seal.open(&sealed), None);
        assert_eq!(seal.open(b"short"), None);
    }
}
