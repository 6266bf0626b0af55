//! What a restore costs, named before anything is changed.
//!
//! Leaves out asking whether it is worth it.

use std::fmt::{self, Display, Formatter};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::text::{bytes, moment, span};

/// A restore of a service in its own place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    pub service: String,
    /// The state that it returns to: when the snapshot was made.
    pub returns_to: Timestamp,
    /// When this was asked, by the same host's clock.
    pub now: Timestamp,
    pub needs_bytes: u64,
    /// Of what it needs, what only has to stay free: the service writes meanwhile.
    #[serde(default)]
    pub spare_bytes: u64,
    pub free_bytes: u64,
    /// Paths and databases that are kept under these names.
    pub stays: Vec<String>,
}

impl Price {
    /// Whether there is room for it.
    pub fn fits(&self) -> bool {
        self.needs_bytes <= self.free_bytes
    }
}

impl Display for Price {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let lost = self.now.as_second() - self.returns_to.as_second();
        writeln!(to, "{} returns to {}", self.service, moment(self.returns_to))?;
        match u64::try_from(lost) {
            Ok(lost) => writeln!(to, "  loses  what was written since: {}", span(lost))?,
            // Another host's clock, or one that was set.
            Err(_) => writeln!(to, "  loses  what was written since; the clocks disagree")?,
        }
        writeln!(
            to,
            "  needs  {}, {} of it to spare; {} are free",
            bytes(self.needs_bytes),
            bytes(self.spare_bytes),
            bytes(self.free_bytes)
        )?;
        for name in &self.stays {
            writeln!(to, "  keeps  {name}")?;
        }
        match self.stays.is_empty() {
            true => write!(to, "  keeps  nothing: nothing is there now"),
            false => write!(to, "  until  `stead restore --forget-old {}`", self.service),
        }
    }
}

/// A restore beside, into a new place and a new database: the service is not touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    pub service: String,
    /// When the snapshot was made.
    pub of: Timestamp,
    pub place: String,
    pub needs_bytes: u64,
    pub free_bytes: u64,
    pub database: Option<NewDatabase>,
}

/// A database that is made in a server that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDatabase {
    pub name: String,
    pub port: u16,
    pub needs_bytes: u64,
    /// Where the server keeps its data.
    pub free_bytes: u64,
}

impl Beside {
    /// Whether there is room for it.
    pub fn fits(&self) -> bool {
        let database = self.database.as_ref();
        self.needs_bytes <= self.free_bytes
            && database.is_none_or(|database| database.needs_bytes <= database.free_bytes)
    }
}

impl Display for Beside {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            to,
            "{} of {}, beside: the service is not touched",
            self.service,
            moment(self.of)
        )?;
        writeln!(to, "  into   {}", self.place)?;
        write!(to, "  needs  {}; {} are free", bytes(self.needs_bytes), bytes(self.free_bytes))?;
        let Some(database) = &self.database else { return Ok(()) };
        write!(
            to,
            "\n  makes  the database {}, about {}; {} are free there",
            database.name,
            bytes(database.needs_bytes),
            bytes(database.free_bytes)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(now: &str) -> Price {
        Price {
            service: "chat".to_owned(),
            returns_to: "2026-11-20T19:42:00Z".parse().expect("a time"),
            now: now.parse().expect("a time"),
            needs_bytes: 1_288_490_189,
            spare_bytes: 64 << 20,
            free_bytes: 4 << 30,
            stays: vec!["/var/lib/chat.before-20261120T201900Z".to_owned()],
        }
    }

    #[test]
    fn the_price_says_what_is_lost_and_what_is_kept() {
        assert_eq!(
            price("2026-11-20T20:19:00Z").to_string(),
            "chat returns to 2026-11-20 19:42:00 UTC\n  \
             loses  what was written since: 37 min\n  \
             needs  1.2 GiB, 64.0 MiB of it to spare; 4.0 GiB are free\n  \
             keeps  /var/lib/chat.before-20261120T201900Z\n  \
             until  `stead restore --forget-old chat`"
        );
        assert!(price("2026-11-20T19:00:00Z").to_string().contains("the clocks disagree"));
        let bare = Price { stays: Vec::new(), ..price("2026-11-20T20:19:00Z") };
        assert!(bare.to_string().ends_with("  keeps  nothing: nothing is there now"));
    }

    #[test]
    fn what_is_made_beside_is_named_with_its_room() {
        let database = NewDatabase {
            name: "chat_restored_20261121t194200z".to_owned(),
            port: 5432,
            needs_bytes: 2 << 30,
            free_bytes: 1 << 30,
        };
        let beside = Beside {
            service: "chat".to_owned(),
            of: "2026-11-20T19:42:00Z".parse().expect("a time"),
            place: "/srv/look".to_owned(),
            needs_bytes: 1 << 30,
            free_bytes: 4 << 30,
            database: Some(database),
        };
        assert_eq!(
            beside.to_string(),
            "chat of 2026-11-20 19:42:00 UTC, beside: the service is not touched\n  \
             into   /srv/look\n  \
             needs  1.0 GiB; 4.0 GiB are free\n  \
             makes  the database chat_restored_20261121t194200z, about 2.0 GiB; 1.0 GiB are free there"
        );
        assert!(!beside.fits());
        assert!(Beside { database: None, ..beside }.fits());
    }
}
