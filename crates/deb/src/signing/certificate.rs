//! When a key of a certificate may vouch for a signature.
//!
//! Offline there is no clock to trust, so a key's end is measured against the time that the
//! signature itself states, as the signature was made then: one made after its key ended is
//! refused, one made before stays good. A key that was revoked because it leaked, or without a
//! reason, is never good again; one that was retired or superseded vouches for nothing made later.
//! A signature may not be older than its key. Self-signatures by MD5, SHA-1 or RIPEMD-160 count for
//! nothing; neither do RSA keys below 2048 bits, DSA keys, or revocations by other people's keys.
//!
//! Leaves out the signed text: that is `verify`'s.

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{PublicKey, RevocationCode, Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, PublicParams, Tag, VerifyingKey};

/// The smallest RSA modulus that counts, in bits.
const SMALLEST_RSA: u16 = 2048;

/// Why a key that made a good signature is not believed.
pub(crate) type Refusal = &'static str;

/// Whether the hash can carry a signature today.
pub(crate) fn strong(hash: Option<HashAlgorithm>) -> bool {
    use HashAlgorithm::{Sha3_256, Sha3_512, Sha224, Sha256, Sha384, Sha512};
    matches!(hash, Some(Sha224 | Sha256 | Sha384 | Sha512 | Sha3_256 | Sha3_512))
}

/// Whether the primary key may vouch for what was signed at this second of the Unix clock.
pub(crate) fn primary(certificate: &SignedPublicKey, at: u32) -> Result<(), Refusal> {
    let own = lives(certificate, at)?;
    if flags(own).is_some_and(|signs| !signs) {
        return Err("that key is not for signing data");
    }
    Ok(())
}

/// Whether a subkey may vouch for what was signed at this second of the Unix clock.
pub(crate) fn subkey(
    certificate: &SignedPublicKey,
    subkey: &SignedPublicSubKey,
    at: u32,
) -> Result<(), Refusal> {
    lives(certificate, at)?;
    let key = &certificate.primary_key;
    let sound = |one: &&Signature| {
        strong(one.hash_alg()) && one.verify_subkey_binding(key, &subkey.key).is_ok()
    };
    let of = |kind| subkey.signatures.iter().filter(move |one| one.typ() == Some(kind));
    revoked(of(SignatureType::SubkeyRevocation).filter(sound), at)?;
    let binding = newest(of(SignatureType::SubkeyBinding).filter(sound))
        .ok_or("its subkey is not bound to its certificate")?;
    // Else anybody could claim somebody's signing key as a subkey of their own.
    let back = binding.embedded_signature().is_some_and(|back| {
        strong(back.hash_alg()) && back.verify_primary_key_binding(&subkey.key, key).is_ok()
    });
    if flags(binding) != Some(true) || !back {
        return Err("that subkey is not for signing data");
    }
    ends(&subkey.key, binding, at)?;
    sturdy(&subkey.key)
}

/// The newest sound self-signature, if the certificate lived at that time.
fn lives(certificate: &SignedPublicKey, at: u32) -> Result<&Signature, Refusal> {
    let key = &certificate.primary_key;
    sturdy(key)?;
    let revocations = certificate.details.revocation_signatures.iter();
    revoked(revocations.filter(|one| strong(one.hash_alg()) && one.verify_key(key).is_ok()), at)?;
    let own = newest(self_signatures(certificate, key))
        .ok_or("its certificate carries no sound signature of its own")?;
    ends(key, own, at)?;
    Ok(own)
}

fn self_signatures<'a>(
    certificate: &'a SignedPublicKey,
    key: &'a PublicKey,
) -> impl Iterator<Item = &'a Signature> {
    let direct = certificate
        .details
        .direct_signatures
        .iter()
        .filter(move |one| strong(one.hash_alg()) && one.verify_key(key).is_ok());
    let names = certificate.details.users.iter().filter_map(move |user| {
        let sound = |one: &&Signature| {
            strong(one.hash_alg()) && one.verify_certification(key, Tag::UserId, &user.id).is_ok()
        };
        let last = newest(user.signatures.iter().filter(sound))?;
        (last.typ() != Some(SignatureType::CertRevocation)).then_some(last)
    });
    direct.chain(names)
}

fn newest<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<&'a Signature> {
    signatures.max_by_key(|one| one.created().map(|time| time.as_secs()))
}

/// Whether key flags are given, and then whether they allow signing data.
fn flags(signature: &Signature) -> Option<bool> {
    let mut given = signature.config()?.hashed_subpackets();
    given
        .any(|one| matches!(one.data, SubpacketData::KeyFlags(_)))
        .then(|| signature.key_flags().sign())
}

fn ends(key: &impl KeyDetails, own: &Signature, at: u32) -> Result<(), Refusal> {
    let made = key.created_at().as_secs();
    if at < made {
        return Err("the signature is older than its key");
    }
    let life = own.key_expiration_time().map_or(0, |life| life.as_secs());
    if life != 0 && u64::from(at) >= u64::from(made) + u64::from(life) {
        return Err("its key had expired when it was made");
    }
    Ok(())
}

fn revoked<'a>(
    mut revocations: impl Iterator<Item = &'a Signature>,
    at: u32,
) -> Result<(), Refusal> {
    let counts = |one: &Signature| match one.revocation_reason_code() {
        Some(RevocationCode::KeySuperseded | RevocationCode::KeyRetired) => {
            one.created().is_none_or(|time| time.as_secs() <= at)
        }
        _ => true,
    };
    if revocations.any(counts) { Err("its key was revoked") } else { Ok(()) }
}

fn sturdy(key: &impl VerifyingKey) -> Result<(), Refusal> {
    match key.public_params() {
        PublicParams::RSA(rsa) => {
            // RFC 9580, 3.2: a multiprecision integer begins with its length in bits.
            let bits = rsa.to_bytes().ok().and_then(|mpi| Some([*mpi.first()?, *mpi.get(1)?]));
            if bits.map(u16::from_be_bytes) < Some(SMALLEST_RSA) {
                return Err("its RSA key is shorter than 2048 bits");
            }
            Ok(())
        }
        PublicParams::ECDSA(_)
        | PublicParams::EdDSALegacy(_)
        | PublicParams::Ed25519(_)
        | PublicParams::Ed448(_) => Ok(()),
        _ => Err("its kind of key is no longer believed"),
    }
}

#[cfg(test)]
mod tests {
    use pgp::composed::SignedPublicKey;
    use pgp::packet::{
        KeyFlags, PacketTrait, RevocationCode, SignatureConfig, SignatureType, Subpacket,
        SubpacketData,
    };
    use pgp::types::{Duration, KeyDetails, Password, Tag, Timestamp};

    use super::*;
    use crate::signing::key::Key;

    const MADE: u32 = 978_307_200;
    const YEAR: u32 = 365 * 24 * 3600;

    fn signature(key: &Key, kind: SignatureType, at: u32, more: Vec<SubpacketData>) -> Signature {
        let secret = key.secret();
        let mut config = SignatureConfig::v4(kind, secret.algorithm(), HashAlgorithm::Sha256);
        let time = SubpacketData::SignatureCreationTime(Timestamp::from_secs(at));
        config.hashed_subpackets = std::iter::once(time)
            .chain(more)
            .map(|data| Subpacket::regular(data).unwrap())
            .collect();
        let issuer = SubpacketData::IssuerKeyId(secret.legacy_key_id());
        config.unhashed_subpackets = vec![Subpacket::regular(issuer).unwrap()];
        let (empty, public) = (Password::empty(), secret.public_key());
        match kind {
            SignatureType::KeyRevocation | SignatureType::Key => {
                config.sign_key(secret, &empty, public).unwrap()
            }
            _ => {
                let certificate = key.public();
                let id = &certificate.details.users[0].id;
                assert_eq!(id.tag(), Tag::UserId);
                config.sign_certification(secret, public, &empty, Tag::UserId, id).unwrap()
            }
        }
    }

    fn certificate(key: &Key) -> SignedPublicKey {
        key.public()
    }

    fn key(seed: u8) -> Key {
        Key::from_seed([seed; 32], "mesh").unwrap()
    }

    #[test]
    fn a_fresh_key_vouches_for_what_is_no_older_than_it() {
        let certificate = certificate(&key(1));
        assert_eq!(primary(&certificate, MADE), Ok(()));
        assert_eq!(primary(&certificate, u32::MAX), Ok(()));
        assert!(primary(&certificate, MADE - 1).unwrap_err().contains("older than its key"));
    }

    #[test]
    fn a_key_that_leaked_is_never_good_again_and_a_retired_one_for_what_came_before() {
        let key = key(2);
        for (reason, before, after) in [
            (RevocationCode::KeyCompromised, false, false),
            (RevocationCode::NoReason, false, false),
            (RevocationCode::KeyRetired, true, false),
            (RevocationCode::KeySuperseded, true, false),
        ] {
            let mut certificate = certificate(&key);
            let more = vec![SubpacketData::RevocationReason(reason, Default::default())];
            let revocation = signature(&key, SignatureType::KeyRevocation, MADE + YEAR, more);
            certificate.details.revocation_signatures.push(revocation);
            assert_eq!(primary(&certificate, MADE + 1).is_ok(), before, "{reason:?}");
            assert_eq!(primary(&certificate, MADE + 2 * YEAR).is_ok(), after, "{reason:?}");
        }
    }

    #[test]
    fn somebody_elses_revocation_changes_nothing() {
        let mut certificate = certificate(&key(3));
        let foreign = signature(&key(4), SignatureType::KeyRevocation, MADE + YEAR, Vec::new());
        certificate.details.revocation_signatures.push(foreign);
        assert_eq!(primary(&certificate, MADE + 2 * YEAR), Ok(()));
    }

    #[test]
    fn a_key_ends_by_its_newest_self_signature() {
        let key = key(5);
        let mut certificate = certificate(&key);
        let signs = || {
            let mut flags = KeyFlags::default();
            flags.set_sign(true);
            SubpacketData::KeyFlags(flags)
        };
        let ends = |years| SubpacketData::KeyExpirationTime(Duration::from_secs(years * YEAR));
        let mut say = |at, more| {
            let one = signature(&key, SignatureType::CertPositive, at, more);
            certificate.details.users[0].signatures.push(one);
            certificate.clone()
        };
        let short = say(MADE + 10, vec![signs(), ends(1)]);
        assert_eq!(primary(&short, MADE + YEAR - 1), Ok(()));
        assert!(primary(&short, MADE + YEAR).unwrap_err().contains("expired"));
        let longer = say(MADE + 20, vec![signs(), ends(3)]);
        assert_eq!(primary(&longer, MADE + 2 * YEAR), Ok(()));
        assert!(primary(&longer, MADE + 3 * YEAR).unwrap_err().contains("expired"));
        let other = say(MADE + 30, vec![SubpacketData::KeyFlags(KeyFlags::default())]);
        assert!(primary(&other, MADE + YEAR).unwrap_err().contains("not for signing"));
        let gone = say(MADE + 40, Vec::new());
        assert_eq!(primary(&gone, MADE + YEAR), Ok(()), "no flags at all: not restricted");
        let one = signature(&key, SignatureType::CertRevocation, MADE + 50, Vec::new());
        certificate.details.users[0].signatures.push(one);
        assert!(primary(&certificate, MADE + YEAR).unwrap_err().contains("no sound signature"));
    }
}
