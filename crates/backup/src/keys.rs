//! Who can open a service's repositories: the password, encrypted to members' age keys.
//!
//! Leaves out the plan's folder and the host's own file, which is `key_file`'s. Any `age` opens
//! what is made here.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::x25519::{Identity, Recipient};
use age::{Decryptor, Encryptor};
use model::text::counted;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::key_file::one_line;
use crate::password::Password;

/// So many members are to be able to open a key: with fewer, one illness and one lost laptop are
/// enough to lose every backup.
pub const ENOUGH: usize = 3;

/// Why a key cannot be made or opened. No variant holds a secret.
#[derive(Debug, Error)]
pub enum Error {
    #[error("no member has an age key, so nobody could open the backups")]
    Nobody,
    #[error(
        "only {} would be able to open the backups: {}",
        counted(.able.len(), "member"), .able.join(", ")
    )]
    TooFew { able: Vec<String>, lacking: Vec<String> },
    #[error("the age key of {member} is none: {reason}")]
    BadKey { member: String, reason: &'static str },
    #[error("cannot encrypt the key")]
    Encrypt { source: age::EncryptError },
    #[error("cannot write the encrypted key")]
    Write { source: std::io::Error },
    #[error("this is no file of age")]
    NoAge { source: age::DecryptError },
    #[error("this identity does not open it")]
    Closed,
    #[error("what is inside is no single line of text")]
    Shape,
    #[error("the identity is encrypted with a passphrase")]
    Locked,
    #[error("the identity file holds no secret key of age")]
    NoIdentity,
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Nobody => HOW.to_owned(),
            Self::TooFew { lacking, .. } => {
                let who = if lacking.is_empty() {
                    String::new()
                } else {
                    format!(
                        " ({} none yet)",
                        if lacking.len() == 1 {
                            format!("{} has", lacking[0])
                        } else {
                            format!("{} have", lacking.join(", "))
                        }
                    )
                };
                format!(
                    "{HOW}{who}. A group of one or two says `--fewer-is-fine`: then one lost laptop \
                     and one lost host lose every backup, unless `stead backup keys paper` is \
                     printed and kept"
                )
            }
            Self::BadKey { member, .. } => {
                format!("copy the line that `age-keygen -y FILE` prints into members/{member}.toml")
            }
            Self::Closed => "`stead backup keys list` says whose keys open it; it may be another \
                             member's, or an older one"
                .to_owned(),
            Self::Locked => {
                "decrypt it into a file of mode 0600 first: `age -d -o FILE IDENTITY`; \
                             delete FILE afterwards"
                    .to_owned()
            }
            Self::NoIdentity => {
                "it has a line that begins with AGE-SECRET-KEY-1; keys of ssh and of \
                                 plugins are not read: use `age -d -i` with those"
                    .to_owned()
            }
            Self::Encrypt { .. } | Self::Write { .. } | Self::NoAge { .. } | Self::Shape => {
                return None;
            }
        })
    }
}

/// How a member gets an age key.
pub const HOW: &str = "each member makes one: `stead member key`, or `age-keygen -o FILE` on their \
                       own machine and `age = [\"age1…\"]` in members/NAME.toml";

/// Who can open one sealed key: beside it in the plan, since a file of age does not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readers {
    /// SHA-256 of the sealed file, 64 hexadecimal digits: they belong together.
    pub sealed: String,
    /// The password's fingerprint, which tells keys apart and gives nothing away.
    pub fingerprint: String,
    /// Member → public keys.
    pub readers: BTreeMap<String, Vec<String>>,
}

/// How one member stands to a sealed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// It was encrypted to the key that the member has now.
    Opens,
    /// A member who has an age key to which it was not encrypted: seal it anew.
    NotYet,
    /// A member without an age key.
    NoKey,
    /// It is encrypted to somebody, or to a key, that is in the plan no longer.
    Left,
}

impl Readers {
    /// Whether this list is that of this sealed file.
    pub fn is_of(&self, sealed: &[u8]) -> bool {
        self.sealed == sum(sealed) && stanzas(sealed).is_none_or(|count| count == self.keys())
    }

    fn keys(&self) -> usize {
        self.readers.values().map(Vec::len).sum()
    }

    /// How each member stands, and who else can open it; by name.
    pub fn against(&self, members: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, Access> {
        let mut found: BTreeMap<String, Access> = BTreeMap::new();
        for (member, keys) in members {
            let sealed = self.readers.get(member);
            let opens = keys.iter().any(|key| sealed.is_some_and(|sealed| sealed.contains(key)));
            let access = match (keys.is_empty(), opens) {
                (_, true) => Access::Opens,
                (true, _) if sealed.is_some() => Access::Left,
                (true, _) => Access::NoKey,
                (false, _) => Access::NotYet,
            };
            found.insert(member.clone(), access);
        }
        for member in self.readers.keys() {
            found.entry(member.clone()).or_insert(Access::Left);
        }
        found
    }

    /// The file beside the sealed one.
    pub fn text(&self, service: &str) -> String {
        let body = toml::to_string(self).unwrap_or_default();
        format!(
            "# Who can open backup-{service}.age, which does not say so itself.\n\
             # `stead backup keys` writes both; a change by hand lets nobody in.\n{body}"
        )
    }

    /// Reads that file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// Whether enough members have a key to be sealed to.
///
/// # Errors
/// If fewer than [`ENOUGH`] have one.
pub fn enough(members: &BTreeMap<String, Vec<String>>) -> Result<(), Error> {
    let named = |able: bool| {
        let those = members.iter().filter(move |(_, keys)| keys.is_empty() != able);
        those.map(|(member, _)| member.clone()).collect::<Vec<String>>()
    };
    let (able, lacking) = (named(true), named(false));
    match able.len() {
        0 => Err(Error::Nobody),
        count if count < ENOUGH => Err(Error::TooFew { able, lacking }),
        _ => Ok(()),
    }
}

/// Encrypts a password to members' keys: a text as `age --armor` makes it, and who can open it.
/// Members without a key are left out.
///
/// # Errors
/// If nobody has a key, or one of them is none.
pub fn seal(
    password: &Password,
    members: &BTreeMap<String, Vec<String>>,
) -> Result<(String, Readers), Error> {
    let mut recipients = Vec::new();
    let mut readers = BTreeMap::new();
    for (member, keys) in members.iter().filter(|(_, keys)| !keys.is_empty()) {
        for key in keys {
            let recipient: Recipient =
                key.parse().map_err(|reason| Error::BadKey { member: member.clone(), reason })?;
            recipients.push(recipient);
        }
        readers.insert(member.clone(), keys.clone());
    }
    if recipients.is_empty() {
        return Err(Error::Nobody);
    }
    let each = recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(each).map_err(|source| Error::Encrypt { source })?;
    let write = |source| Error::Write { source };
    let mut sealed = Vec::new();
    let armor = ArmoredWriter::wrap_output(&mut sealed, Format::AsciiArmor).map_err(write)?;
    let mut writer = encryptor.wrap_output(armor).map_err(write)?;
    writer.write_all(format!("{}\n", password.reveal()).as_bytes()).map_err(write)?;
    writer.finish().and_then(ArmoredWriter::finish).map_err(write)?;
    let fingerprint = password.fingerprint();
    let readers = Readers { sealed: sum(&sealed), fingerprint, readers };
    Ok((String::from_utf8_lossy(&sealed).into_owned(), readers))
}

/// Decrypts a sealed password with the text of an identity file, as `age-keygen` writes it.
///
/// # Errors
/// If the identity does not open it, or what is inside is no password.
pub fn open(sealed: &[u8], identity: &str) -> Result<Password, Error> {
    if identity.contains("BEGIN AGE ENCRYPTED FILE") || identity.starts_with("age-encryption.org/")
    {
        return Err(Error::Locked);
    }
    let lines = identity.lines().map(str::trim);
    let identities: Vec<Identity> = lines.filter_map(|line| line.parse().ok()).collect();
    if identities.is_empty() {
        return Err(Error::NoIdentity);
    }
    let decryptor =
        Decryptor::new(ArmoredReader::new(sealed)).map_err(|source| Error::NoAge { source })?;
    let each = identities.iter().map(|identity| identity as &dyn age::Identity);
    let reader = decryptor.decrypt(each).map_err(|_| Error::Closed)?;
    let mut text = String::new();
    // More than a line of text is no password anyway.
    reader.take(4096).read_to_string(&mut text).map_err(|_| Error::Shape)?;
    one_line(&text).ok_or(Error::Shape)
}

/// A new identity: the text of its file, and the public key.
pub fn identity() -> (String, String) {
    use age::secrecy::ExposeSecret;
    let identity = Identity::generate();
    let public = identity.to_public().to_string();
    let secret = identity.to_string();
    (format!("# public key: {public}\n{}\n", secret.expose_secret()), public)
}

/// The public keys of an identity file.
///
/// # Errors
/// If it holds none.
pub fn public(identity: &str) -> Result<Vec<String>, Error> {
    let lines = identity.lines().map(str::trim);
    let keys: Vec<String> = lines
        .filter_map(|line| line.parse::<Identity>().ok())
        .map(|identity| identity.to_public().to_string())
        .collect();
    if keys.is_empty() { Err(Error::NoIdentity) } else { Ok(keys) }
}

/// SHA-256, as hexadecimal digits.
fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// To how many X25519 keys a file of age is encrypted; `None` if its header cannot be read here.
/// The header is text: a line `-> X25519 …` for each (age-encryption.org/v1).
fn stanzas(sealed: &[u8]) -> Option<usize> {
    let mut reader = ArmoredReader::new(sealed);
    let mut head = Vec::new();
    // A header has some hundred bytes for each reader.
    reader.by_ref().take(256 * 1024).read_to_end(&mut head).ok()?;
    let end = head.windows(4).position(|window| window == b"\n---")?;
    let text = std::str::from_utf8(&head[..end]).ok()?;
    Some(text.lines().filter(|line| line.starts_with("-> X25519 ")).count())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::{Command, Stdio};

    use super::*;

    fn members(names: &[&str]) -> (BTreeMap<String, Vec<String>>, Vec<String>) {
        let mut members = BTreeMap::new();
        let mut secrets = Vec::new();
        for name in names {
            let (secret, public) = identity();
            members.insert((*name).to_owned(), vec![public]);
            secrets.push(secret);
        }
        (members, secrets)
    }

    #[test]
    fn each_reader_opens_the_key_and_a_stranger_does_not() {
        let (mut all, secrets) = members(&["al", "el", "im"]);
        all.insert("new".to_owned(), Vec::new());
        let password = Password::generate().expect("bytes");
        let (sealed, readers) = seal(&password, &all).expect("sealed");
        for secret in &secrets {
            assert_eq!(open(sealed.as_bytes(), secret).expect("opened"), password);
        }
        let (stranger, _) = identity();
        assert!(matches!(open(sealed.as_bytes(), &stranger), Err(Error::Closed)));
        assert!(!sealed.contains(password.reveal()));
        assert!(readers.is_of(sealed.as_bytes()));
        assert!(!readers.is_of(b"another"));
        let again = Readers::parse(&readers.text("chat")).expect("read");
        assert_eq!(again, readers);
        assert_eq!(stanzas(sealed.as_bytes()), Some(3));
    }

    #[test]
    fn who_joined_and_who_left_is_told_apart() {
        let (mut all, _) = members(&["al", "el", "im"]);
        let password = Password::generate().expect("bytes");
        let (_, readers) = seal(&password, &all).expect("sealed");
        all.remove("al");
        all.insert("el".to_owned(), vec![identity().1]);
        all.insert("new".to_owned(), Vec::new());
        let told: Vec<(String, Access)> = readers.against(&all).into_iter().collect();
        let expected = [
            ("al", Access::Left),
            ("el", Access::NotYet),
            ("im", Access::Opens),
            ("new", Access::NoKey),
        ];
        assert_eq!(told, expected.map(|(name, access)| (name.to_owned(), access)));
    }

    #[test]
    fn what_is_no_identity_is_told_by_its_kind() {
        let (all, _) = members(&["el"]);
        let (sealed, _) = seal(&Password::generate().expect("bytes"), &all).expect("sealed");
        assert!(matches!(open(sealed.as_bytes(), "hello"), Err(Error::NoIdentity)));
        let locked = "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n";
        assert!(matches!(open(sealed.as_bytes(), locked), Err(Error::Locked)));
        let (secret, _) = identity();
        assert!(matches!(open(b"hello", &secret), Err(Error::NoAge { .. })));
        let told = enough(&all).expect_err("one is too few");
        assert_eq!(told.to_string(), "only 1 member would be able to open the backups: el");
        assert!(enough(&members(&["al", "el", "im"]).0).is_ok());
        assert!(matches!(
            seal(&Password::new("x"), &BTreeMap::from([("el".to_owned(), Vec::new())])),
            Err(Error::Nobody)
        ));
    }

    #[test]
    fn debians_age_opens_what_is_sealed_here_and_the_other_way_round() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let made =
            Command::new("age-keygen").arg("-o").arg(path("id")).stderr(Stdio::null()).status();
        assert!(made.expect("the package `age` is installed").success());
        let secret = fs::read_to_string(path("id")).expect("read");
        let theirs = public(&secret).expect("a key").remove(0);
        let (mut all, secrets) = members(&["el", "im"]);
        all.insert("al".to_owned(), vec![theirs.clone()]);
        let password = Password::generate().expect("bytes");
        let (sealed, _) = seal(&password, &all).expect("sealed");
        fs::write(path("key.age"), &sealed).expect("written");
        let opened = Command::new("age")
            .args(["-d", "-i"])
            .arg(path("id"))
            .arg(path("key.age"))
            .output()
            .expect("age runs");
        assert_eq!(String::from_utf8_lossy(&opened.stdout), format!("{}\n", password.reveal()));

        fs::write(path("plain"), "correct horse\n").expect("written");
        let mine = public(&secrets[0]).expect("a key").remove(0);
        for armor in [&["-a"][..], &[]] {
            let sealed = Command::new("age")
                .args(armor)
                .args(["-r", &mine, "-r", &theirs])
                .arg(path("plain"))
                .output()
                .expect("age runs");
            let opened = open(&sealed.stdout, &secrets[0]).expect("opened");
            assert_eq!(opened.reveal(), "correct horse");
        }
    }
}
