//! A timer: when it fires, what it starts, and what makes it start at boot.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::facts::units::failure::Ending;

/// One timer. The words of states are systemd's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timer {
    pub name: String,
    /// `LoadState`: `loaded`, `masked`, `not-found`, `bad-setting`, `error`; `stub` for one that
    /// nobody uses and systemd has not loaded.
    pub load: String,
    /// `ActiveState`: `active`, `inactive`, `failed`.
    pub active: String,
    /// `SubState`: `waiting`, `running`, `elapsed`, `dead`.
    pub sub: String,
    /// `UnitFileState`: `enabled`, `static` (no `[Install]` section), `disabled`, …
    pub file_state: String,
    /// Where the unit file lies; empty if there is none.
    pub path: String,
    /// Made by `systemd-run` or the like, gone with the next boot.
    pub transient: bool,
    /// Whether a `Condition…=` of it was looked at and not met, so that systemd left it out.
    pub condition_unmet: bool,
    /// The units that pull it in.
    pub wanted_by: Vec<Wanting>,
    /// The `OnCalendar=` lines, as systemd normalises them.
    pub calendar: Vec<String>,
    /// The names of its monotonic lines: `OnBootSec`, `OnUnitActiveSec`, …
    pub monotonic: Vec<String>,
    /// Fires on changes of the clock or the time zone.
    pub on_change: bool,
    /// When it fires next, by this host's clock.
    pub next: Option<Timestamp>,
    /// When it last fired, by this host's clock.
    pub last: Option<Timestamp>,
    /// Whether it has fired since the boot.
    pub fired: bool,
    /// What it starts.
    pub service: Triggered,
}

/// A unit that pulls a timer in, by a link on disk or by a line in its own file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanting {
    pub unit: String,
    /// The unit's `LoadState`; `not-found` if no such unit exists.
    pub load: String,
    /// The unit's `ActiveState`.
    pub active: String,
    /// Whether the default target pulls that unit in, directly or through others.
    pub reached: bool,
    /// The link on disk; empty if the unit's own file has the line.
    pub link: String,
    /// Whether the link lies under `/run/systemd/system` and is gone with the next boot.
    pub fleeting: bool,
}

/// The unit that a timer starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triggered {
    pub name: String,
    pub load: String,
    pub active: String,
    pub sub: String,
    pub ending: Ending,
}

impl Timer {
    pub fn is_active(&self) -> bool {
        self.active == "active"
    }

    /// Whether an administrator put it out of use on purpose.
    pub fn masked(&self) -> bool {
        self.load == "masked" || self.file_state.starts_with("masked")
    }

    /// Whether it comes from a package, not from an administrator.
    pub fn vendor(&self) -> bool {
        self.path.starts_with("/usr/lib/") || self.path.starts_with("/lib/")
    }

    /// Whether the next boot starts it.
    pub fn wired(&self) -> bool {
        self.wanted_by.iter().any(|wanting| wanting.reached && !wanting.fleeting)
    }

    /// Whether it is meant to run: it does, or something says that it should.
    pub fn meant(&self) -> bool {
        !self.masked() && (self.is_active() || !self.wanted_by.is_empty())
    }
}
