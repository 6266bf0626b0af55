//! The proof cards of this host's services, from the plan and from what was seen.
//!
//! Leaves out what they say, which is `model::backup::proof`'s.

use std::collections::BTreeMap;

use backup::keys::Access;
use jiff::Timestamp;
use model::backup::proof::{self, Proof};
use model::facts::upkeep::Upkeep;
use model::plan::service::Service;
use model::seen::Seen;
use model::text::with_causes;

use crate::error::Error;
use crate::ground::Ground;

type Members = BTreeMap<String, Vec<String>>;

/// A card for each service of this host that keeps data, by name.
pub fn cards(ground: &Ground, upkeep: &Upkeep, now: Timestamp) -> Vec<Proof> {
    let members = ground.keys();
    let services = ground.services.on(&ground.host).filter(|service| service.has_data());
    services.filter_map(|service| card(ground, service, &members, upkeep, now)).collect()
}

fn card(
    ground: &Ground,
    service: &Service,
    members: &Result<Members, Error>,
    upkeep: &Upkeep,
    now: Timestamp,
) -> Option<Proof> {
    let expected = service.expected()?;
    let places = service.plan.backups.iter().filter_map(|name| {
        let target = ground.stead.targets.get(name)?;
        Some((name.clone(), target.repository(&service.name)))
    });
    let told = proof::Ground {
        service: &expected,
        host: ground.host.as_str(),
        places: &places.collect(),
        found: upkeep.service(&service.name),
        readers: readers(ground, &service.name, members),
    };
    Some(Proof::of(&told, now))
}

/// Each member, and whether they can open the service's sealed key.
fn readers(
    ground: &Ground,
    service: &str,
    members: &Result<Members, Error>,
) -> Seen<Option<BTreeMap<String, bool>>> {
    let members = match members {
        Ok(members) => members,
        Err(error) => return Seen::unseen(with_causes(error)),
    };
    match ground.sealed(service) {
        Ok(Some((_, readers))) => {
            let told = readers.against(members).into_iter();
            // Who left the plan may still hold a copy, but nobody counts on them.
            let told = told.filter(|(member, _)| members.contains_key(member));
            Seen::Seen(Some(told.map(|(name, access)| (name, access == Access::Opens)).collect()))
        }
        Ok(None) => Seen::Seen(None),
        Err(error) => Seen::unseen(with_causes(&error)),
    }
}
