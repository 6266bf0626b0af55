//! Observes systemd's units: over D-Bus what they are, on disk what wants them.
//!
//! Asks for a unit's properties only where a check or a page needs them, many at a time.

mod bus;
mod endings;
mod gather;
mod links;
mod reach;
mod restarts;
mod timers;

use std::time::Duration;

use model::facts::units::Units;
use model::seen::Seen;
use serde::{Deserialize, Serialize};

use crate::units::restarts::Past;

/// The longest that all of it may take; systemd answers in milliseconds when it is well.
const LONGEST: Duration = Duration::from_secs(15);

/// What is remembered from one run to the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    restarts: Past,
}

pub(crate) async fn observe(kept: &mut Kept) -> Seen<Units> {
    if !std::path::Path::new("/run/systemd/system").is_dir() {
        return Seen::unseen("systemd is not running here");
    }
    match tokio::time::timeout(LONGEST, gather::units(&mut kept.restarts)).await {
        Ok(result) => result.into(),
        Err(_) => Seen::unseen(format!("systemd did not answer within {} s", LONGEST.as_secs())),
    }
}
