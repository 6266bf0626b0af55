//! The kept readings of one meter.

use jiff::Timestamp;
use model::host_name::HostName;
use model::reading::{Meter, Window};
use serde::{Deserialize, Serialize};

use crate::request::Span;

/// What a plot is drawn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// When this was answered.
    pub at: Timestamp,
    pub host: HostName,
    pub meter: Meter,
    pub span: Span,
    /// The oldest first; at most [`History::MOST`].
    pub windows: Vec<Window>,
}

impl History {
    /// How many windows an answer may hold; more are folded together first.
    pub const MOST: usize = 600;
}
