//! `stead backup keys change`: a new key in place of one that somebody knows who left.
//!
//! Leaves out the order of its steps, which is `backup::exchange`'s.

use std::collections::BTreeMap;

use ::backup::exchange::{self, Exchange};
use ::backup::key_file;
use ::backup::keys;
use ::backup::password::Password;
use ::backup::repository::{Held, Repository};
use ::backup::save::Destination;
use anyhow::{Context, bail};
use clap::Args;
use model::plan::service::Service;
use model::text::{counted, counted_as, moment, with_causes};
use node::ground::{Ground, Place};
use node::home::Address;
use serde::Serialize;

use crate::ask::agreed;
use crate::backup::keys::sealing;
use crate::bytes_bar::BytesBar;
use crate::flags::Json;
use crate::output;

/// Change the key of a service's repositories after somebody left who could open it.
///
/// Each repository gets a new key and loses every other one, the new key is sealed to the members
/// that the plan has now, and this host keeps it. Run it on the service's host, as root. Whatever
/// cuts it short, each repository opens with what is sealed in the plan, and the next run goes on.
///
/// What it cannot do: what a repository holds is encrypted with a master key of its own, which
/// never changes and lies in each key file. Who kept a key file together with the old key can read
/// the copies they have, and, if they still get at the target's files, also what is saved later.
/// So change what lets them reach the targets (ssh keys, S3 credentials), too; and where they may
/// have kept a key file, begin a new repository, as below.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead backup keys change chat --dry-run   whose keys would go\n  \
    stead backup keys change chat\n  \
    stead backup keys change chat --finish    only remove old keys, with credentials that may\n\n\
    A new repository, with a master key that nobody has seen; the old one stays meanwhile:\n  \
    1. stead backup keys change chat\n  \
    2. stead.toml: [targets.disk-2], with another path; services/chat.toml: backups = [\"disk-2\", \"disk\"]\n  \
    3. stead backup now chat --target disk-2 --found     saved anew, and read back\n  \
    4. stead drill chat                                  proved from the first target\n  \
    5. services/chat.toml: backups = [\"disk-2\"]; remove the old folder once its past is not needed\n  \
    `restic copy` brings old snapshots across, if they are to come along.")]
pub struct Change {
    pub service: String,

    /// Only remove what else opens the repositories than the key that this host keeps
    #[arg(long)]
    pub finish: bool,

    /// Seal it even if fewer than three members could open it
    #[arg(long)]
    pub fewer_is_fine: bool,

    /// Say what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,

    #[command(flatten)]
    pub json: Json,
}

#[derive(Serialize)]
struct Changed {
    service: String,
    /// Of the new key; the first 8 digits of its SHA-256.
    fingerprint: String,
    /// Key files that went, at each target.
    gone: BTreeMap<String, u64>,
    /// Where old keys are still, and why.
    left: BTreeMap<String, String>,
}

pub fn change(address: &Address, arguments: &Change) -> anyhow::Result<u8> {
    let ground = Ground::open(address)?;
    let service = ground.here(&arguments.service)?;
    let name = &service.name;
    crate::root::needed("change the key that this host keeps")?;
    let members = ground.keys()?;
    if !arguments.fewer_is_fine && !arguments.finish {
        keys::enough(&members)?;
    }
    let kept = key_file::path(name);
    let next = exchange::path(name);
    let begun = exchange::begun(&next)?;
    let old = key_file::of_host(name)?;
    let known = known_to_who_left(&ground, name, begun.as_ref(), &members);
    fits(&ground, name, &old, begun.as_ref(), arguments.finish)?;
    let places: Vec<Place> = service
        .plan
        .backups
        .iter()
        .map(|target| ground.place_with(service, target, old.clone()))
        .collect::<Result<_, _>>()?;
    if places.is_empty() {
        bail!("services/{name}.toml names no target in `backups`, so there is nothing to change");
    }

    // Who left after a first try could open the key of that one: it goes, too.
    let stays = begun.as_ref().filter(|_| known.is_empty());
    if arguments.finish && !known.is_empty() {
        bail!(
            "the key that would stay is sealed to {}, who left or has another key now: `stead backup keys change {name}` \
             without --finish makes another one",
            known.join(", ")
        );
    }
    let gone = foreseen(&places, arguments.finish.then_some(&old).or(stays))?;
    let mut text = match (&begun, arguments.finish) {
        (_, true) => format!("Only the key of {name}, {}, stays:\n", old.fingerprint()),
        (Some(new), _) if stays.is_none() => format!(
            "A change of the key of {name} to {} was begun, and {} could open that one, too: \
             it gives way to a new one:\n",
            new.fingerprint(),
            known.join(", ")
        ),
        (Some(new), _) => format!(
            "A change of the key of {name} was begun; it goes on to {}:\n",
            new.fingerprint()
        ),
        (None, _) => {
            format!("The key of {name}, {}, gives way to a new one:\n", old.fingerprint())
        }
    };
    for (place, held) in places.iter().zip(&gone) {
        text.push_str(&format!("  {:10} {}\n", place.name, told(held)));
    }
    if !arguments.finish {
        let able: Vec<&str> = members
            .iter()
            .filter(|(_, keys)| !keys.is_empty())
            .map(|(name, _)| &name[..])
            .collect();
        text.push_str(&format!("  sealed to  {}\n", able.join(", ")));
    }
    output::say(output::tame(&text).trim_end());
    if arguments.dry_run {
        output::say("Nothing was changed (--dry-run).");
        return Ok(0);
    }
    if !(arguments.yes || agreed("Change it?")?) {
        output::say("Nothing was changed.");
        return Ok(1);
    }

    let bar = BytesBar::new();
    if arguments.finish {
        let (gone, left) = exchange::dismiss(&destinations(&places), &old, &bar);
        drop(bar);
        if left.is_empty() && begun.is_some() {
            let cannot = || format!("cannot remove `{}`", next.display());
            std::fs::remove_file(&next).with_context(cannot)?;
        }
        return report(arguments, service, &old, gone, left);
    }
    let places = match known.is_empty() {
        true => places,
        // It stays sealed to who left until another one is: so every run sees that it has to go,
        // whatever cuts this one short.
        false => {
            let to = destinations(&places);
            let exchange = Exchange { to: &to, kept: &kept, next: &next, dismiss: false };
            let password = exchange::settle(&exchange, &bar)?;
            let with = |place: &Place| Place { password: password.clone(), ..place.clone() };
            places.iter().map(with).collect()
        }
    };
    let to = destinations(&places);
    let dismiss = service.plan.hosts.len() == 1;
    let exchange = Exchange { to: &to, kept: &kept, next: &next, dismiss };
    let mut seal = |password: &Password| {
        sealing::seal_to(address, &ground, name, password, &members).map_err(Into::into)
    };
    let exchanged = exchange::run(&exchange, &mut seal, &bar)?;
    drop(bar);
    report(arguments, service, &exchanged.password, exchanged.gone, exchanged.left)
}

/// Refuses where what this host keeps is not what the plan has sealed.
fn fits(
    ground: &Ground,
    name: &str,
    old: &Password,
    begun: Option<&Password>,
    finish: bool,
) -> anyhow::Result<()> {
    let sealed = match ground.sealed(name) {
        Ok(Some((_, readers))) => readers.fingerprint,
        Ok(None) => bail!("the plan has no sealed key of {name}: `stead backup keys make {name}`"),
        // A run that was cut short between the two files; they are written anew.
        Err(_) if begun.is_some() && !finish => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let of_next = begun.is_some_and(|next| next.fingerprint() == sealed);
    if old.fingerprint() == sealed || (of_next && !finish) {
        return Ok(());
    }
    bail!(
        "this host keeps the key {}, and the plan has sealed {sealed}: `stead backup keys open \
         {name} --identity FILE` brings that one here, after moving {} away",
        old.fingerprint(),
        key_file::path(name).display()
    )
}

/// Whose keys, that are in the plan no longer, open the new key that a run before had sealed.
fn known_to_who_left(
    ground: &Ground,
    name: &str,
    begun: Option<&Password>,
    members: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    match ground.sealed(name).ok().flatten().zip(begun) {
        Some(((_, sealed), begun)) if sealed.fingerprint == begun.fingerprint() => {
            gone(&sealed.readers, members)
        }
        _ => Vec::new(),
    }
}

/// The readers with a key that the member of that name does not have.
fn gone(
    readers: &BTreeMap<String, Vec<String>>,
    members: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let has = |name: &String, key| members.get(name).is_some_and(|keys| keys.contains(key));
    let old = readers.iter().filter(|(name, keys)| keys.iter().any(|key| !has(name, key)));
    old.map(|(name, _)| name.clone()).collect()
}

/// The key files that will go, at each target; an error before anything is begun.
fn foreseen(places: &[Place], stays: Option<&Password>) -> anyhow::Result<Vec<Vec<Held>>> {
    let mut all = Vec::new();
    let mut unready = Vec::new();
    for place in places {
        let looked = Repository::open(&place.reach()).and_then(|repository| {
            // Before there is a new one, all that are there will go.
            repository.keys(stays.unwrap_or(&Password::new("")))
        });
        match looked {
            Ok(held) => all.push(held.into_iter().filter(|held| !held.opens).collect()),
            Err(error) => unready.push((place.name.clone(), error)),
        }
    }
    match unready.is_empty() {
        true => Ok(all),
        false => Err(exchange::Error::Unready(unready).into()),
    }
}

fn told(held: &[Held]) -> String {
    let each = held.iter().map(|held| {
        let when = held.created.map_or(String::new(), |at| format!(" of {}", moment(at)));
        format!("{}, {}@{}{when}", &held.name[..8], held.user, held.host)
    });
    let each: Vec<String> = each.collect();
    match each.len() {
        0 => "no other key file is there".to_owned(),
        count => format!(
            "{} will go: {}",
            counted_as(count as u64, "key file", "key files"),
            each.join("; ")
        ),
    }
}

fn destinations(places: &[Place]) -> Vec<Destination<'_>> {
    places.iter().map(|place| Destination { name: &place.name, reach: place.reach() }).collect()
}

fn report(
    arguments: &Change,
    service: &Service,
    password: &Password,
    gone: Vec<(String, Vec<Held>)>,
    left: Vec<(String, ::backup::error::Error)>,
) -> anyhow::Result<u8> {
    let name = &service.name;
    for (target, error) in &left {
        let text = format!("error: old keys still open {target}: {}", with_causes(error));
        output::say(&output::tame(&text));
        if let Some(hint) = error.hint() {
            output::say(&output::tame(&format!("hint: {hint}")));
        }
    }
    if arguments.json.json {
        output::json(&Changed {
            service: name.clone(),
            fingerprint: password.fingerprint(),
            gone: gone.iter().map(|(name, held)| (name.clone(), held.len() as u64)).collect(),
            left: left.iter().map(|(name, error)| (name.clone(), with_causes(error))).collect(),
        })?;
    } else {
        for (target, held) in &gone {
            let count = counted_as(held.len() as u64, "old key file", "old key files");
            output::print(&format!("{target}: {count} gone\n"))?;
        }
        output::print(&format!("The key of {name} is {} now.\n", password.fingerprint()))?;
    }
    if !left.is_empty() {
        output::say(&format!(
            "Run `stead backup keys change {name}` again when they can be reached; where this host \
             may only add, `stead backup keys change {name} --finish` with credentials that may \
             remove."
        ));
        return Ok(1);
    }
    let others: Vec<&str> = service.plan.hosts.iter().map(|host| host.as_str()).collect();
    if others.len() > 1 && !arguments.finish {
        output::say(&format!(
            "{} of it: on each but this one move {} away and `stead backup keys open {name} \
             --identity FILE`; then here `stead backup keys change {name} --finish`. Until then \
             the old key opens everything.",
            counted(others.len() as u64, "host"),
            key_file::path(name).display()
        ));
        return Ok(1);
    }
    output::say(&format!(
        "Pages printed before are void: `stead backup keys paper {name}`. The repositories' master \
         keys are the same as before: who kept a key file with the old key and gets at the \
         target's files reads what is saved later, too. Change how they reach the targets; \
         `stead backup keys change --help` says how to begin a new repository."
    ));
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_left_and_who_has_another_key_now_is_named() {
        let of = |all: &[(&str, &str)]| -> BTreeMap<String, Vec<String>> {
            all.iter().map(|(name, key)| ((*name).to_owned(), vec![(*key).to_owned()])).collect()
        };
        let readers = of(&[("al", "a"), ("el", "e"), ("jo", "j")]);
        assert_eq!(
            gone(&readers, &of(&[("al", "a"), ("el", "e"), ("jo", "j"), ("im", "i")])),
            [""; 0]
        );
        assert_eq!(gone(&readers, &of(&[("al", "a"), ("el", "new")])), ["el", "jo"]);
    }
}
