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
        writeln!(to, "  needs  {}; {} are free", bytes(self.needs_bytes), bytes(self.free_bytes))?;
        for name in &self.stays {
            writeln!(to, "  keeps  {name}")?;
        }
        match self.stays.is_empty() {
            true => write!(to, "  keeps  nothing: nothing is there now"),
            false => write!(to, "  until  `stead restore --forget-old {}`", self.service),
        }
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
             needs  1.2 GiB; 4.0 GiB are free\n  \
             keeps  /var/lib/chat.before-20261120T201900Z\n  \
             until  `stead restore --forget-old chat`"
        );
        assert!(price("2026-11-20T19:00:00Z").to_string().contains("the clocks disagree"));
        let bare = Price { stays: Vec::new(), ..price("2026-11-20T20:19:00Z") };
        assert!(bare.to_string().ends_with("  keeps  nothing: nothing is there now"));
    }
}
