//! `stead backup keys make` and `seal`: a key, encrypted to the members.

use anyhow::bail;
use backup::key_file;
use backup::keys::{self, Access};
use backup::password::Password;
use clap::Args;
use model::text::counted;
use node::ground::{Ground, sealed_files};
use node::home::Address;

use crate::backup::keys::opener::Opener;
use crate::backup::keys::sealing::{put, tell};
use crate::output;

/// Make the key of a service: on its host for root alone, in the plan for its members.
///
/// Run it on the service's host, as root. Elsewhere the key goes into the plan alone, and its host
/// gets it by `stead backup keys open`.
#[derive(Debug, Args)]
pub struct Make {
    pub service: String,

    /// Seal it even if fewer than three members could open it
    #[arg(long)]
    pub fewer_is_fine: bool,

    /// Say what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Encrypt a key anew to the members that the plan has now, after one joined or has a new age key.
///
/// It stays the same key, so who could open it before may have kept it: after a parting,
/// `stead backup keys change` makes a new one.
#[derive(Debug, Args)]
pub struct Seal {
    pub service: String,

    #[command(flatten)]
    opener: Opener,

    /// Seal it even if fewer than three members could open it
    #[arg(long)]
    pub fewer_is_fine: bool,

    /// Say what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub fn make(address: &Address, arguments: &Make) -> anyhow::Result<u8> {
    let ground = Ground::open(address)?;
    let service = ground.service(&arguments.service)?;
    let name = &service.name;
    let (sealed, list) = sealed_files(name);
    if ground.plan.file(&sealed)?.is_some() {
        bail!(
            "there is a key of {name} already, in {sealed}; `stead backup keys seal {name}` \
             encrypts it anew"
        );
    }
    let members = ground.keys()?;
    if !arguments.fewer_is_fine {
        keys::enough(&members)?;
    }
    let path = key_file::path(name);
    let here = service.is_on(&ground.host);
    if arguments.dry_run {
        let mut text = String::new();
        if here {
            text.push_str(&format!(
                "would write the key into {}, for root alone\n",
                path.display()
            ));
        }
        let able = members.values().filter(|keys| !keys.is_empty()).count();
        text.push_str(&format!(
            "would write {sealed} and {list} in {}, sealed to {}\nnothing was written\n",
            ground.plan.path().display(),
            counted(u32::try_from(able)?, "member")
        ));
        output::print(&text)?;
        return Ok(0);
    }
    // A key that is there already was made by a run that did not come this far.
    let password = match path.symlink_metadata() {
        Ok(_) if here => key_file::read(&path)?,
        _ => Password::generate()?,
    };
    // Sealed before it is used: what is saved with it can be opened by the members from the start.
    let (text, readers) = keys::seal(&password, &members)?;
    if here {
        key_file::keep(&password, &path)?;
    }
    put(address, &ground, name, text, &readers)?;
    tell(name, &readers);
    if here {
        output::say(&format!("It is on this host in {}, for root alone.", path.display()));
        output::say(&format!("`stead backup now {name} --found` makes a first backup."));
    } else {
        let hosts: Vec<String> = service.plan.hosts.iter().map(ToString::to_string).collect();
        output::say(&format!(
            "On {}, which does not have it yet: `stead backup keys open {name} --identity FILE`.",
            hosts.join(", ")
        ));
    }
    Ok(0)
}

pub fn seal(address: &Address, arguments: &Seal) -> anyhow::Result<u8> {
    let ground = Ground::open(address)?;
    let name = &ground.service(&arguments.service)?.name;
    let members = ground.keys()?;
    if !arguments.fewer_is_fine {
        keys::enough(&members)?;
    }
    let password = arguments.opener.password(&ground, name)?;
    // A list that was lost or changed by hand is written anew.
    let before = ground.sealed(name).ok().flatten().map(|(_, readers)| readers);
    if let Some(before) = &before {
        if before.fingerprint != password.fingerprint() {
            bail!(
                "the key given, {}, is not the one that is sealed in the plan, {}",
                password.fingerprint(),
                before.fingerprint
            );
        }
        let told = before.against(&members);
        if told.values().all(|access| matches!(access, Access::Opens | Access::NoKey)) {
            output::print(&format!("the key of {name} is sealed to its members already\n"))?;
            return Ok(0);
        }
        for (member, access) in &told {
            match access {
                Access::NotYet => output::print(&format!("{member} can open it now\n"))?,
                Access::Left => output::print(&format!(
                    "{member} cannot open it here any more, but may have kept it: `stead backup \
                     keys change {name}` makes a new one\n"
                ))?,
                Access::Opens | Access::NoKey => {}
            }
        }
    }
    if arguments.dry_run {
        output::print("nothing was written\n")?;
        return Ok(0);
    }
    let (text, readers) = keys::seal(&password, &members)?;
    put(address, &ground, name, text, &readers)?;
    tell(name, &readers);
    Ok(0)
}
