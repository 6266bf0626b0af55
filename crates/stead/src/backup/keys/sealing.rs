//! Puts a key into the plan, sealed to its members.
//!
//! Leaves out the key itself.

use std::collections::BTreeMap;

use backup::keys::{self, Access, Readers};
use backup::password::Password;
use commons::git;
use model::plan::draft::Draft;
use model::text::counted;
use node::ground::{Ground, sealed_files};
use node::home::Address;

use crate::output;

/// Seals it to the members, unless it is sealed to exactly those already.
pub fn seal_to(
    address: &Address,
    ground: &Ground,
    name: &str,
    password: &Password,
    members: &BTreeMap<String, Vec<String>>,
) -> anyhow::Result<()> {
    if let Ok(Some((_, readers))) = ground.sealed(name) {
        let told = readers.against(members);
        let right = told.values().all(|access| matches!(access, Access::Opens | Access::NoKey));
        if right && readers.fingerprint == password.fingerprint() {
            return Ok(());
        }
    }
    let (text, readers) = keys::seal(password, members)?;
    put(address, ground, name, text, &readers)?;
    tell(name, &readers);
    Ok(())
}

/// Writes the sealed key and who can open it into the plan.
pub fn put(
    address: &Address,
    ground: &Ground,
    name: &str,
    text: String,
    readers: &Readers,
) -> anyhow::Result<()> {
    let (sealed, list) = sealed_files(name);
    let drafts = [Draft { path: sealed, text }, Draft { path: list, text: readers.text(name) }];
    let message = format!("Seal the key of {name}'s backups");
    let outcome = ground.plan.put(&drafts, &message, &address.author())?;
    if let git::Outcome::NoHistory(reason) = outcome {
        output::say(&format!("warning: this change has no commit: {reason}"));
    }
    Ok(())
}

pub fn tell(name: &str, readers: &Readers) {
    let who: Vec<&str> = readers.readers.keys().map(String::as_str).collect();
    output::say(&format!(
        "Sealed the key of {name}, fingerprint {}, to {}: {}.",
        readers.fingerprint,
        counted(u32::try_from(who.len()).unwrap_or(u32::MAX), "member"),
        who.join(", ")
    ));
}
