//! Whether a text or a file was signed by one of the keys of a keyring.
//!
//! Leaves out when a key may vouch: that is `certificate`'s.

use std::io::Cursor;

use model::text::printable;
use pgp::composed::{CleartextSignedMessage, Deserializable, DetachedSignature, SignedPublicKey};
use pgp::packet::{Signature, SignatureType};
use pgp::types::{KeyDetails, VerifyingKey};

use crate::signing::certificate;
use crate::signing::error::Error;

/// The largest signed text; Debian's largest InRelease is below 1 MB.
const LARGEST_TEXT: usize = 32 << 20;
/// The largest keyring.
const LARGEST_KEYRING: usize = 16 << 20;
/// How many certificates of a keyring, and signatures of a text, are looked at.
const MOST: usize = 1024;

const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";
const CERTIFICATE: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// Verifies a clear-signed text (`InRelease`) against a keyring and returns exactly what is signed:
/// dashes unescaped, blanks at the ends of lines dropped, lines joined by `\n`, no last line break.
///
/// `certificates` is a keyring of one or more certificates, binary or armoured (several armoured
/// blocks may follow each other); their signing subkeys count too. One good signature suffices.
/// Anything before, after or between the signed text and its signature is an error, and so is a
/// line of the text that starts with an unescaped dash. RFC 9580, section 7.
pub fn verify_cleartext(certificates: &[u8], signed: &[u8]) -> Result<String, Error> {
    limit("signed text", signed.len(), LARGEST_TEXT)?;
    let text = std::str::from_utf8(signed).map_err(|_| Error::Form { reason: "no UTF-8" })?;
    form(text)?;
    let (message, _) = CleartextSignedMessage::from_string(text)
        .map_err(|source| Error::Unreadable { source: Box::new(source) })?;
    let hashed = message.signed_text();
    let signatures = message.signatures().iter();
    accepted(certificates, signatures, SignatureType::Text, hashed.as_bytes())?;
    Ok(hashed.replace("\r\n", "\n"))
}

/// Verifies a detached signature (`Release.gpg`), armoured or binary, over `data`.
pub fn verify_detached(certificates: &[u8], data: &[u8], signature: &[u8]) -> Result<(), Error> {
    limit("signature", signature.len(), LARGEST_KEYRING)?;
    let unreadable = |source| Error::Unreadable { source: Box::new(source) };
    let (found, _) =
        DetachedSignature::from_reader_many(Cursor::new(signature)).map_err(unreadable)?;
    let found: Result<Vec<_>, _> = found.take(MOST).collect();
    let found = found.map_err(unreadable)?;
    let signatures = found.iter().map(|one| &one.signature);
    accepted(certificates, signatures, SignatureType::Binary, data)
}

fn limit(what: &'static str, length: usize, limit: usize) -> Result<(), Error> {
    if length > limit { Err(Error::TooLarge { what, limit }) } else { Ok(()) }
}

/// Holds a text to the one form that has nothing outside of what is signed.
fn form(text: &str) -> Result<(), Error> {
    let no = |reason| Err(Error::Form { reason });
    let mut lines = text.lines();
    if lines.next() != Some(BEGIN) {
        return no("it does not begin with the header of a signed message");
    }
    // Armour headers: `Hash` alone is allowed.
    if !lines.by_ref().take_while(|line| !line.is_empty()).all(|line| line.starts_with("Hash: ")) {
        return no("its header says more than the hash");
    }
    let mut body = lines.by_ref().take_while(|line| *line != SIGNATURE);
    if body.any(|line| line.starts_with('-') && !line.starts_with("- ")) {
        return no("a line of the text begins with a dash that is not escaped");
    }
    let mut armour = lines.by_ref().take_while(|line| *line != END);
    if armour.any(|line| line.starts_with('-')) {
        return no("its signature is followed by another block");
    }
    if !text.trim_end_matches(['\n', '\r']).ends_with(END) {
        return no("something follows the signature");
    }
    if lines.any(|line| !line.is_empty()) { no("something follows the signature") } else { Ok(()) }
}

/// Every certificate of a keyring that can be read.
fn keyring(bytes: &[u8]) -> Result<Vec<SignedPublicKey>, Error> {
    limit("keyring", bytes.len(), LARGEST_KEYRING)?;
    let armoured = std::str::from_utf8(bytes).ok().filter(|text| text.contains(CERTIFICATE));
    let mut found: Vec<SignedPublicKey> = Vec::new();
    match armoured {
        Some(text) => {
            for (start, _) in text.match_indices(CERTIFICATE).take(MOST) {
                if let Ok((block, _)) = SignedPublicKey::from_armor_many(&text.as_bytes()[start..])
                {
                    found.extend(block.take(MOST).flatten());
                }
            }
        }
        None => {
            let read = SignedPublicKey::from_bytes_many(Cursor::new(bytes));
            found.extend(read.map_err(|_| Error::NoCertificate)?.take(MOST).flatten());
        }
    }
    if found.is_empty() { Err(Error::NoCertificate) } else { Ok(found) }
}

/// Says whether one of the signatures is good, and else why the one that came nearest is not.
fn accepted<'a>(
    certificates: &[u8],
    signatures: impl Iterator<Item = &'a Signature>,
    kind: SignatureType,
    data: &[u8],
) -> Result<(), Error> {
    let certificates = keyring(certificates)?;
    let mut reasons: Vec<String> = Vec::new();
    for signature in signatures.take(MOST) {
        match judge(&certificates, signature, kind, data) {
            Ok(()) => return Ok(()),
            Err(reason) => reasons.push(reason),
        }
    }
    reasons.dedup();
    let reason = if reasons.is_empty() { "no signature".to_owned() } else { reasons.join("; ") };
    Err(Error::Refused { reason: printable(&reason, 500) })
}

fn judge(
    certificates: &[SignedPublicKey],
    signature: &Signature,
    kind: SignatureType,
    data: &[u8],
) -> Result<(), String> {
    let at = signature.created().ok_or("a signature states no time")?.as_secs();
    if signature.typ() != Some(kind) {
        return Err("a signature is of another kind".to_owned());
    }
    if !certificate::strong(signature.hash_alg()) {
        return Err("a signature uses a hash that is no longer believed".to_owned());
    }
    let mut named = false;
    for certificate in certificates {
        let primary = &certificate.primary_key;
        if issued(signature, primary) {
            named = true;
            if signature.verify(primary, data).is_ok() {
                return certificate::primary(certificate, at).map_err(|why| blame(primary, why));
            }
        }
        for subkey in &certificate.public_subkeys {
            if issued(signature, &subkey.key) {
                named = true;
                if signature.verify(&subkey.key, data).is_ok() {
                    return certificate::subkey(certificate, subkey, at)
                        .map_err(|why| blame(&subkey.key, why));
                }
            }
        }
    }
    Err(if named {
        "a signature does not fit the text".to_owned()
    } else {
        let ids: Vec<String> = signature.issuer_key_id().iter().map(|id| id.to_string()).collect();
        format!("the key {} is not in the keyring", ids.join(", "))
    })
}

fn blame(key: &impl KeyDetails, why: &str) -> String {
    format!("{}: {why}", key.fingerprint())
}

/// Whether the signature names this key, or none at all.
fn issued(signature: &Signature, key: &impl VerifyingKey) -> bool {
    let (ids, prints) = (signature.issuer_key_id(), signature.issuer_fingerprint());
    (ids.is_empty() && prints.is_empty())
        || ids.contains(&&key.legacy_key_id())
        || prints.contains(&&key.fingerprint())
}
