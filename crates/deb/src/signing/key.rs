//! The key that signs a repository: v4, Ed25519, without a password, in a file of mode 0600.
//!
//! Leaves out rotation: a new key is a new file, and clients are given both certificates.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use jiff::Timestamp;
use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, Deserializable, DetachedSignature, SignedKeyDetails,
    SignedPublicKey, SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::crypto::{ed25519, eddsa_legacy};
use pgp::packet::{
    Features, KeyFlags, PacketTrait, PubKeyInner, PublicKey, SecretKey, SignatureConfig,
    SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::ser::Serialize;
use pgp::types::{
    KeyDetails, KeyVersion, Password, PlainSecretParams, PublicParams, SecretParams, SignedUser,
};

use crate::signing::error::Error;

/// When every key of ours says it was made: 2001-01-01. A machine whose clock has fallen back
/// refuses a key from its future, so no true date is written.
const MADE: u32 = 978_307_200;

/// A secret key with its certificate.
pub struct Key {
    secret: SignedSecretKey,
}

impl Key {
    /// Makes a key for `name` (its OpenPGP user id) and writes it, armoured, to a new file of mode
    /// 0600; a file that is there is never replaced.
    pub fn generate(path: &Path, name: &str) -> Result<Self, Error> {
        let mut seed = [0; ed25519::KEY_LEN];
        getrandom::fill(&mut seed).map_err(|source| Error::Random { source })?;
        let key = Self::from_seed(seed, name)
            .map_err(|source| Error::Make { name: name.to_owned(), source: Box::new(source) })?;
        let armoured = key
            .secret
            .to_armored_bytes(ArmorOptions::default())
            .map_err(|source| Error::Make { name: name.to_owned(), source: Box::new(source) })?;
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        file.write_all(&armoured).and_then(|()| file.sync_all()).map_err(failed)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        Ok(key)
    }

    /// Reads a key that [`Key::generate`] wrote; refuses a file that others may read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read { path: path.to_owned(), source };
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(Error::Exposed { path: path.to_owned(), mode });
        }
        let text = fs::read(path).map_err(failed)?;
        let (secret, _) =
            SignedSecretKey::from_armor_single(text.as_slice()).map_err(|source| {
                Error::NoSecretKey { path: path.to_owned(), source: Box::new(source) }
            })?;
        Ok(Self { secret })
    }

    pub(crate) fn from_seed(seed: [u8; ed25519::KEY_LEN], name: &str) -> pgp::errors::Result<Self> {
        let scalar = ed25519::SecretKey::try_from_bytes(seed, ed25519::Mode::EdDSALegacy)?;
        let public = PublicParams::EdDSALegacy((&scalar).into());
        let secret = PlainSecretParams::EdDSALegacy(eddsa_legacy::SecretKey::Ed25519(scalar));
        let made = pgp::types::Timestamp::from_secs(MADE);
        let algorithm = PublicKeyAlgorithm::EdDSALegacy;
        let inner = PubKeyInner::new(KeyVersion::V4, algorithm, made, None, public)?;
        let public = PublicKey::from_inner(inner)?;
        let secret = SecretKey::new(public.clone(), SecretParams::Plain(secret))?;

        let mut flags = KeyFlags::default();
        flags.set_certify(true);
        flags.set_sign(true);
        let mut config = config(&secret, SignatureType::CertPositive, MADE)?;
        config.hashed_subpackets.extend([
            Subpacket::regular(SubpacketData::KeyFlags(flags))?,
            Subpacket::regular(SubpacketData::Features(Features::default()))?,
            Subpacket::regular(SubpacketData::IsPrimary(true))?,
        ]);
        let id = UserId::from_str(Default::default(), name)?;
        let certification =
            config.sign_certification(&secret, &public, &Password::empty(), id.tag(), &id)?;
        let user = SignedUser::new(id, vec![certification]);
        let details = SignedKeyDetails::new(Vec::new(), Vec::new(), vec![user], Vec::new());
        Ok(Self { secret: SignedSecretKey::new(secret, details, Vec::new(), Vec::new()) })
    }

    /// The fingerprint, 40 lower-case hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        self.secret.primary_key.fingerprint().to_string()
    }

    /// The certificate that clients are given, armoured (`key.asc`).
    pub fn certificate(&self) -> Result<String, Error> {
        SignedPublicKey::from(self.secret.clone())
            .to_armored_string(ArmorOptions::default())
            .map_err(|source| Error::Sign { source: Box::new(source) })
    }

    /// The certificate as packets without armour, as gpgv of any age reads it.
    pub fn certificate_bytes(&self) -> Result<Vec<u8>, Error> {
        SignedPublicKey::from(self.secret.clone())
            .to_bytes()
            .map_err(|source| Error::Sign { source: Box::new(source) })
    }

    /// Clear-signs a text (`InRelease`), the signature being made at the time given.
    ///
    /// Blanks at the ends of lines and line breaks at the end of the text are dropped first: the
    /// form does not sign them. The same text, key and time give the same bytes.
    pub fn cleartext(&self, text: &str, at: Timestamp) -> Result<String, Error> {
        let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
        let config = self.dated(SignatureType::Text, at)?;
        let key = &self.secret.primary_key;
        CleartextSignedMessage::new(&lines.join("\n"), config, key, &Password::empty())
            .and_then(|message| message.to_armored_string(ArmorOptions::default()))
            .map_err(|source| Error::Sign { source: Box::new(source) })
    }

    /// Signs bytes apart from them (`Release.gpg`), armoured.
    pub fn detached(&self, bytes: &[u8], at: Timestamp) -> Result<String, Error> {
        self.dated(SignatureType::Binary, at)?
            .sign(&self.secret.primary_key, &Password::empty(), bytes)
            .and_then(|one| DetachedSignature::new(one).to_armored_string(ArmorOptions::default()))
            .map_err(|source| Error::Sign { source: Box::new(source) })
    }

    #[cfg(test)]
    pub(crate) fn secret(&self) -> &SecretKey {
        &self.secret.primary_key
    }

    #[cfg(test)]
    pub(crate) fn public(&self) -> SignedPublicKey {
        SignedPublicKey::from(self.secret.clone())
    }

    fn dated(&self, kind: SignatureType, at: Timestamp) -> Result<SignatureConfig, Error> {
        let seconds = u32::try_from(at.as_second()).map_err(|_| Error::Time)?;
        if seconds <= MADE {
            return Err(Error::Time);
        }
        config(&self.secret.primary_key, kind, seconds)
            .map_err(|source| Error::Sign { source: Box::new(source) })
    }
}

/// A v4 signature by SHA-512 that names its maker and its time.
fn config(
    key: &SecretKey,
    kind: SignatureType,
    seconds: u32,
) -> pgp::errors::Result<SignatureConfig> {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), HashAlgorithm::Sha512);
    let made = pgp::types::Timestamp::from_secs(seconds);
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::SignatureCreationTime(made))?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
    ];
    config.unhashed_subpackets =
        vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::{verify_cleartext, verify_detached};

    const TEXT: &str = "Origin: mesh\n- a dash\nSHA256:\n \t abc 12 main/Packages  \n\n";

    fn at() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = Key::generate(&path, "mesh").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(matches!(Key::generate(&path, "mesh"), Err(Error::Write { .. })));
        let opened = Key::open(&path).unwrap();
        assert_eq!(opened.fingerprint(), made.fingerprint());
        assert_eq!(opened.fingerprint().len(), 40);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Key::open(&path), Err(Error::Exposed { mode: 0o640, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, made.certificate().unwrap()).unwrap();
        assert!(matches!(Key::open(&path), Err(Error::NoSecretKey { .. })));
    }

    #[test]
    fn the_same_text_key_and_time_give_the_same_bytes() {
        let key = Key::from_seed([1; 32], "mesh").unwrap();
        assert_eq!(key.cleartext(TEXT, at()).unwrap(), key.cleartext(TEXT, at()).unwrap());
        assert_eq!(key.detached(b"x", at()).unwrap(), key.detached(b"x", at()).unwrap());
        assert!(matches!(key.detached(b"x", Timestamp::UNIX_EPOCH), Err(Error::Time)));
    }

    #[test]
    fn what_is_signed_comes_back_and_nothing_else_does() {
        let key = Key::from_seed([1; 32], "mesh").unwrap();
        let other = Key::from_seed([2; 32], "mesh").unwrap();
        let both = other.certificate().unwrap() + &key.certificate().unwrap();
        let mut binary = other.certificate_bytes().unwrap();
        binary.extend(key.certificate_bytes().unwrap());
        let signed = key.cleartext(TEXT.trim_end(), at()).unwrap();
        for keyring in [both.as_bytes(), &binary] {
            let read = verify_cleartext(keyring, signed.as_bytes()).unwrap();
            assert_eq!(read, TEXT.trim_end());
        }
        let lone = other.certificate_bytes().unwrap();
        let refused = verify_cleartext(&lone, signed.as_bytes()).unwrap_err().to_string();
        assert!(refused.contains("is not in the keyring"), "{refused}");
    }

    #[test]
    fn a_changed_or_surrounded_text_is_refused() {
        let key = Key::from_seed([1; 32], "mesh").unwrap();
        let keyring = key.certificate_bytes().unwrap();
        let signed = key.cleartext(TEXT, at()).unwrap();
        assert!(verify_cleartext(&keyring, signed.as_bytes()).is_ok());
        let no = |text: String| verify_cleartext(&keyring, text.as_bytes()).unwrap_err();
        let changed = no(signed.replace("mesh", "mash"));
        assert!(changed.to_string().contains("does not fit"), "{changed}");
        for text in [
            format!("before\n{signed}"),
            format!("\n{signed}"),
            format!("{signed}after\n"),
            format!("{signed}{signed}"),
            signed.replace("- - a dash", "-a dash"),
            signed.replace("Hash: SHA512\n", "Hash: SHA512\nComment: x\n"),
            signed.replace("\n\nOrigin", "\nOrigin: evil\n\nOrigin"),
            signed[..signed.len() / 2].to_owned(),
            String::new(),
        ] {
            let error = no(text.clone());
            assert!(
                matches!(error, Error::Form { .. } | Error::Unreadable { .. }),
                "{error}:\n{text}"
            );
        }
    }

    #[test]
    fn a_detached_signature_fits_its_bytes_only() {
        let key = Key::from_seed([1; 32], "mesh").unwrap();
        let keyring = key.certificate().unwrap();
        let signature = key.detached(b"bytes\r\n", at()).unwrap();
        let check = |data: &[u8]| verify_detached(keyring.as_bytes(), data, signature.as_bytes());
        assert!(check(b"bytes\r\n").is_ok());
        assert!(check(b"bytes\n").is_err());
        assert!(verify_detached(b"", b"x", signature.as_bytes()).is_err());
    }
}
