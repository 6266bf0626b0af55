//! When the next backups and the next drill of a service are due, in one line.
//!
//! Leaves out deciding that, which is `model`'s.

use jiff::Timestamp;
use model::backup::proof::Proof;
use model::text::span;

/// As `saved at disk in 18 h, drilled in 5 d`.
pub fn of(card: &Proof, now: Timestamp) -> String {
    let mut parts: Vec<String> = card
        .backups
        .iter()
        .filter_map(|saved| Some(format!("saved at {} {}", saved.target, when(saved.next?, now))))
        .collect();
    match (&card.drill.by, card.drill.next) {
        (Some(host), _) => parts.push(format!("drilled by {host}")),
        (None, Some(next)) => parts.push(format!("drilled {}", when(next, now))),
        (None, None) => parts.push("drilled once it is saved".to_owned()),
    }
    parts.join(", ")
}

/// As `in 5 d`, or `now`: what is due begins within seconds where root watches.
pub fn when(next: Timestamp, now: Timestamp) -> String {
    match u64::try_from(next.as_second() - now.as_second()) {
        Ok(seconds @ 1..) => format!("in {}", span(seconds)),
        _ => "now".to_owned(),
    }
}
