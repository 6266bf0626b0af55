//! What is true of a machine, as observed.
//!
//! Every text in here has gone through [`printable`](crate::text::printable) in the observer:
//! no fact can harm the terminal or the page that shows it.

pub mod certificates;
pub mod clock;
pub mod files;
pub mod logs;
pub mod machine;
pub mod memory;
pub mod network;
pub mod packages;
pub mod postgres;
pub mod storage;
pub mod units;
pub mod upkeep;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::reading::Reading;
use crate::seen::Seen;

/// Everything observed of one machine in one go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    pub machine: machine::Machine,
    pub units: Seen<units::Units>,
    pub memory: memory::Memory,
    pub network: network::Network,
    pub postgres: postgres::Postgres,
    pub storage: storage::Storage,
    pub packages: packages::Packages,
    pub certificates: certificates::Certificates,
    pub clock: clock::Clock,
    pub files: files::Files,
    pub logs: Seen<logs::Digest>,
    pub upkeep: upkeep::Upkeep,
}

impl Facts {
    /// The facts that change seldom, as lines `key = value`: a change of one is an entry of the
    /// record. Numbers that move all the time are readings instead.
    pub fn lines(&self) -> BTreeMap<String, String> {
        let mut lines = BTreeMap::new();
        self.machine.lines(&mut lines);
        if let Seen::Seen(units) = &self.units {
            units.lines(&mut lines);
        }
        self.network.lines(&mut lines);
        self.postgres.lines(&mut lines);
        self.storage.lines(&mut lines);
        self.packages.lines(&mut lines);
        self.certificates.lines(&mut lines);
        lines
    }

    /// The numbers that are worth a history.
    pub fn readings(&self) -> Vec<Reading> {
        let mut readings = Vec::new();
        if let Seen::Seen(units) = &self.units {
            units.readings(&mut readings);
        }
        self.memory.readings(&mut readings);
        self.postgres.readings(&mut readings);
        self.storage.readings(&mut readings);
        readings
    }
}
