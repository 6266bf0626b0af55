//! How far a restore in a service's own place is, as its journal says, and what ends it.
//!
//! Leaves out restoring, and what else the journal remembers for that: `host::restore`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where the journals lie, one for each service.
pub const FOLDER: &str = "/var/lib/stead/backup/restore";

/// Where the journal of this service's restore lies.
pub fn path(service: &str) -> String {
    format!("{FOLDER}/{service}.json")
}

/// How far a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The new state is made beside the old one; the service runs. A crash throws it away.
    Making,
    /// The new state is proved, and takes the old one's place. A crash is resumed.
    Swapping,
    /// The old state takes its place again. A crash is resumed.
    Reverting,
    /// The new state is in its place; the service is started. A crash is resumed.
    Starting,
    /// The service runs with the new state, and the old one is kept.
    Kept,
    /// The old state is thrown away. A crash is resumed.
    Forgetting,
}

impl Phase {
    /// What happens in it, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Making => "making the new state beside the old one, which is untouched",
            Self::Swapping => "swapping the old state for the new one",
            Self::Reverting => "putting the old state back",
            Self::Starting => "starting the service with the new state",
            Self::Kept => "done, and the old state is kept",
            Self::Forgetting => "letting the old state go",
        }
    }

    /// The command that ends what was cut short in it: the same one again. A kept state is ended,
    /// too, by letting it go.
    pub fn again(self, service: &str) -> String {
        match self {
            Self::Making | Self::Swapping | Self::Starting => format!("stead restore {service}"),
            Self::Reverting => format!("stead restore --undo {service}"),
            Self::Kept | Self::Forgetting => format!("stead restore --forget-old {service}"),
        }
    }
}

/// What a journal says to others: a part of it, for the rest is the restore's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunV1 {
    pub service: String,
    /// When the restore began.
    pub at: Timestamp,
    pub phase: Phase,
}
