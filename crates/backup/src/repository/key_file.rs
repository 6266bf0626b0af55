//! A repository's key, sealed with its password, as restic stores it.
//!
//! Leaves out opening it. The engine's own takes 128 MiB each time that a repository is opened,
//! which a password of 32 random bytes does not need and a small machine does not have.

use bytes::Bytes;
use jiff::Zoned;
use rustic_core::repofile::{KeyFile, MasterKey};
use scrypt::Params;
use sha2::{Digest, Sha256};

use crate::lease::lock::Me;
use crate::password::Password;
use crate::seal::Seal;

/// Two to this power is scrypt's N; with [`SIZE`], 32 MiB, as restic takes at least.
const POWER: u8 = 15;
const SIZE: u32 = 8;
const LANES: u32 = 1;

/// The file's name and content.
pub fn sealed(key: &MasterKey, password: &Password) -> Result<(String, Bytes), getrandom::Error> {
    let mut salt = vec![0; 64];
    getrandom::fill(&mut salt)?;
    let parameters = Params::new(POWER, SIZE, LANES).expect("constants that scrypt allows");
    let mut derived = [0; 64];
    scrypt::scrypt(password.reveal().as_bytes(), &salt, &parameters, &mut derived)
        .expect("64 bytes are few");
    let (encrypt, mac) = derived.split_at(32);
    let mut outer = MasterKey::new();
    outer.encrypt = encrypt.to_vec();
    (outer.mac.k, outer.mac.r) = (mac[..16].to_vec(), mac[16..].to_vec());
    let seal = Seal::new(&outer);
    let text = serde_json::to_vec(key).expect("a key is JSON");
    let me = Me::of_this_process();
    let file = KeyFile {
        hostname: Some(me.hostname),
        username: Some(me.username),
        created: Some(Zoned::now()),
        kdf: "scrypt".to_owned(),
        n: 1 << POWER,
        r: SIZE,
        p: LANES,
        data: seal.seal(&text)?,
        salt,
    };
    let content = serde_json::to_vec(&file).expect("a key's file is JSON");
    let name = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((name, content.into()))
}
