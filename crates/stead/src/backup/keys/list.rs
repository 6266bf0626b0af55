//! `stead backup keys list`: who can open what.

use std::collections::BTreeMap;

use backup::key_file;
use backup::keys::{Access, ENOUGH};
use clap::Args;
use model::plan::service::Service;
use model::text::{counted, with_causes};
use node::ground::Ground;
use node::home::Address;
use serde::Serialize;

use crate::flags::Json;
use crate::output;

/// List each service's key, who can open it, and who still cannot.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    pub json: Json,
}

#[derive(Serialize)]
struct Listed {
    service: String,
    /// Of the sealed key; the first 8 digits of its SHA-256.
    fingerprint: Option<String>,
    /// Of the key that this host keeps; none if it keeps none, or if only root may see.
    here: Option<String>,
    /// Why nothing can be said of the sealed key.
    trouble: Option<String>,
    members: BTreeMap<String, Access>,
    able: u32,
    enough: bool,
}

pub fn list(address: &Address, arguments: &List) -> anyhow::Result<u8> {
    let ground = Ground::open(address)?;
    let members = ground.keys()?;
    let saved = ground.services.all.iter().filter(|one| one.has_data());
    let all: Vec<Listed> = saved.map(|service| listed(&ground, service, &members)).collect();
    if arguments.json.json {
        output::json(&all)?;
        return Ok(0);
    }
    for fault in &ground.services.faults {
        output::say(&fault.to_string());
    }
    let mut text: String = all.iter().map(shown).collect();
    if all.is_empty() {
        text.push_str("no service of the plan keeps data\n");
    }
    output::print(&text)?;
    Ok(0)
}

fn listed(ground: &Ground, service: &Service, members: &BTreeMap<String, Vec<String>>) -> Listed {
    let name = service.name.clone();
    let here = key_file::of_host(&name).ok().map(|password| password.fingerprint());
    let mut trouble = None;
    let readers = match ground.sealed(&name) {
        Ok(sealed) => sealed.map(|(_, readers)| readers),
        Err(error) => {
            trouble = Some(with_causes(&error));
            None
        }
    };
    let accesses = readers.as_ref().map(|readers| readers.against(members)).unwrap_or_default();
    let able = accesses.values().filter(|access| **access == Access::Opens).count();
    if trouble.is_none() && readers.is_none() {
        trouble = Some(format!("no key yet: `stead backup keys make {name}`"));
    }
    let fingerprint = readers.map(|readers| readers.fingerprint);
    if let (Some(here), Some(sealed)) = (&here, &fingerprint)
        && here != sealed
    {
        trouble =
            Some(format!("this host keeps another key, {here}: nobody could open its backups"));
    }
    Listed {
        service: name,
        fingerprint,
        here,
        trouble,
        members: accesses,
        able: u32::try_from(able).unwrap_or(u32::MAX),
        enough: able >= ENOUGH,
    }
}

fn shown(one: &Listed) -> String {
    let name = &one.service;
    let mut text = match &one.fingerprint {
        Some(fingerprint) => format!("{name}: key {fingerprint}\n"),
        None => format!("{name}\n"),
    };
    if let Some(trouble) = &one.trouble {
        text.push_str(&format!("  {trouble}\n"));
    }
    for (member, access) in &one.members {
        let told = match access {
            Access::Opens => "can open it".to_owned(),
            Access::NotYet => format!("not yet: `stead backup keys seal {name}` lets them"),
            Access::NoKey => "has no age key: `stead member key` makes one".to_owned(),
            Access::Left => format!(
                "is in the plan no longer, or not with that key: `stead backup keys change {name}`"
            ),
        };
        text.push_str(&format!("  {member:12} {told}\n"));
    }
    let left = one.members.values().filter(|access| **access == Access::Left).count();
    if left > 0 {
        text.push_str(&format!(
            "  sealed to {} who {} no member any more, and may have kept it\n",
            counted(u32::try_from(left).unwrap_or(u32::MAX), "person"),
            if left == 1 { "is" } else { "are" }
        ));
    }
    if one.fingerprint.is_some() && !one.enough {
        text.push_str(&format!("  {} can open it; {ENOUGH} should\n", counted(one.able, "member")));
    }
    text
}
