//! One timer's facts, from its properties and the links that name it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::facts::units::timer::{Timer, Triggered, Wanting};
use model::text::printable;
use tokio::join;
use zbus::OwnedVariant;

use crate::units::bus::{Bus, File, Loaded};
use crate::units::endings;
use crate::units::links::Link;
use crate::units::reach::Reach;

/// The longest name that is kept: systemd's own limit.
const LONGEST: usize = 255;

/// What is read of a timer before it is known what starts it.
pub(crate) struct Raw {
    names: Vec<String>,
    parents: Vec<String>,
    timer: Timer,
}

/// The clocks at the time of the look.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    pub now: Timestamp,
    /// CLOCK_MONOTONIC in microseconds.
    pub monotonic: u64,
}

const UNIT: &[&str] = &[
    "ActiveState",
    "BoundBy",
    "ConditionResult",
    "ConditionTimestamp",
    "FragmentPath",
    "LoadState",
    "Names",
    "RequiredBy",
    "SubState",
    "Transient",
    "UnitFileState",
    "UpheldBy",
    "WantedBy",
];
const TIMER: &[&str] = &[
    "LastTriggerUSec",
    "LastTriggerUSecMonotonic",
    "NextElapseUSecMonotonic",
    "NextElapseUSecRealtime",
    "OnClockChange",
    "OnTimezoneChange",
    "TimersCalendar",
    "TimersMonotonic",
    "Unit",
];

/// Reads a timer and what it starts; it touches no other timer, so many may be read at a time.
pub(crate) async fn read(
    bus: &Bus,
    name: &str,
    clock: Clock,
    loaded: &BTreeMap<&str, &Loaded>,
) -> Raw {
    let (mut unit, mut own) =
        join!(bus.properties(name, "Unit", UNIT), bus.properties(name, "Timer", TIMER));
    let mut text =
        |property| printable(&unit.take::<String>(property).unwrap_or_default(), LONGEST);
    let mut timer = Timer {
        name: printable(name, LONGEST),
        load: text("LoadState"),
        active: text("ActiveState"),
        sub: text("SubState"),
        file_state: text("UnitFileState"),
        path: text("FragmentPath"),
        ..Timer::default()
    };
    let looked = unit.take::<u64>("ConditionTimestamp").unwrap_or(0);
    timer.condition_unmet = looked > 0 && unit.take("ConditionResult") == Some(false);
    timer.transient = unit.take("Transient").unwrap_or(false);
    timer.calendar = lines(own.take("TimersCalendar"));
    timer.monotonic =
        lines(own.take("TimersMonotonic")).iter().map(|line| line.replace("USec", "Sec")).collect();
    timer.on_change = ["OnClockChange", "OnTimezoneChange"]
        .into_iter()
        .any(|property| own.take(property).unwrap_or(false));
    let mut number = |property| own.take::<u64>(property).unwrap_or(0);
    timer.next = next(number("NextElapseUSecRealtime"), number("NextElapseUSecMonotonic"), clock);
    timer.last = endings::time(number("LastTriggerUSec"));
    timer.fired = !matches!(number("LastTriggerUSecMonotonic"), 0 | u64::MAX);
    if let Some(service) = own.take::<String>("Unit")
        && !service.is_empty()
    {
        timer.service = triggered(bus, &service, loaded).await;
    }
    let parents = ["WantedBy", "RequiredBy", "BoundBy", "UpheldBy"]
        .into_iter()
        .flat_map(|property| unit.take::<Vec<String>>(property).unwrap_or_default())
        .collect();
    Raw { names: unit.take("Names").unwrap_or_default(), parents, timer }
}

/// A timer that nobody uses, known from its file alone. `stub` is systemd's word for a unit that it
/// has not loaded.
pub(crate) fn idle(name: &str, file: &File) -> Timer {
    Timer {
        name: printable(name, LONGEST),
        load: "stub".to_owned(),
        active: "inactive".to_owned(),
        sub: "dead".to_owned(),
        file_state: printable(&file.state, LONGEST),
        path: printable(&file.path, LONGEST),
        ..Timer::default()
    }
}

async fn triggered(bus: &Bus, service: &str, loaded: &BTreeMap<&str, &Loaded>) -> Triggered {
    let (load, active, sub) = state(bus, service, loaded).await;
    // What is inactive ended well: an ill end leaves a service failed, or about to be restarted.
    let ending = if matches!(active.as_str(), "failed" | "activating") {
        endings::of(bus, service).await
    } else {
        endings::result_of(bus, service).await
    };
    Triggered { name: printable(service, LONGEST), load, active, sub, ending }
}

impl Raw {
    /// The units that pull this timer in, with the link if there is one.
    pub(crate) fn wanting(
        &self,
        name: &str,
        links: &BTreeMap<String, BTreeSet<Link>>,
    ) -> BTreeMap<String, Option<Link>> {
        let mut wanting: BTreeMap<String, Option<Link>> =
            self.parents.iter().map(|parent| (parent.clone(), None)).collect();
        let names = self.names.iter().map(String::as_str).chain([name]);
        for link in names.filter_map(|name| links.get(name)).flatten() {
            let entry = wanting.entry(link.by.clone()).or_default();
            // A lasting link counts more than one under /run.
            if entry.as_ref().is_none_or(|known| known.fleeting) {
                *entry = Some(link.clone());
            }
        }
        wanting
    }

    /// Adds what the units that pull it in are.
    pub(crate) async fn finish(
        self,
        bus: &Bus,
        wanting: BTreeMap<String, Option<Link>>,
        reach: &mut Reach,
        loaded: &BTreeMap<&str, &Loaded>,
    ) -> Timer {
        let mut timer = self.timer;
        for (unit, link) in wanting {
            let (load, active, _) = state(bus, &unit, loaded).await;
            let reached = load == "loaded" && reach.reached(bus, &unit).await;
            timer.wanted_by.push(Wanting {
                unit: printable(&unit, LONGEST),
                load,
                active,
                reached,
                link: link.as_ref().map(|l| printable(&l.path, LONGEST)).unwrap_or_default(),
                fleeting: link.is_some_and(|link| link.fleeting),
            });
        }
        timer
    }
}

/// The load, active and sub state of a unit.
async fn state(
    bus: &Bus,
    unit: &str,
    loaded: &BTreeMap<&str, &Loaded>,
) -> (String, String, String) {
    if let Some(known) = loaded.get(unit) {
        return (known.load.clone(), known.active.clone(), known.sub.clone());
    }
    let text = async |name| bus.property::<String>(unit, "Unit", name).await.unwrap_or_default();
    join!(text("LoadState"), text("ActiveState"), text("SubState"))
}

/// The lines of `TimersCalendar` or `TimersMonotonic`: an array of structures (name, text or
/// microseconds, next elapse). Of a calendar line its text is given, of the others their name.
fn lines(value: Option<OwnedVariant>) -> Vec<String> {
    let Some(value) = value else { return Vec::new() };
    let zbus::Variant::Array(array) = &*value else { return Vec::new() };
    let line = |item: &zbus::Variant<'_>| {
        let zbus::Variant::Structure(fields) = item else { return None };
        match fields.fields() {
            [_, zbus::Variant::Str(text), ..] => Some(printable(text, LONGEST)),
            [zbus::Variant::Str(name), ..] => Some(printable(name, LONGEST)),
            _ => None,
        }
    };
    array.iter().filter_map(line).collect()
}

/// The nearer of the two next times; 0 and the largest number mean none.
fn next(realtime: u64, monotonic: u64, clock: Clock) -> Option<Timestamp> {
    let by_boot = (monotonic != 0 && monotonic != u64::MAX).then(|| {
        let ahead = monotonic.saturating_sub(clock.monotonic);
        u64::try_from(clock.now.as_microsecond()).unwrap_or(0).saturating_add(ahead)
    });
    [endings::time(realtime), by_boot.and_then(endings::time)].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_next_time_counts() {
        let clock = Clock { now: Timestamp::from_second(1_000).unwrap(), monotonic: 5_000_000 };
        assert_eq!(next(0, u64::MAX, clock), None);
        assert_eq!(next(0, 7_000_000, clock), Timestamp::from_second(1_002).ok());
        assert_eq!(next(1_001_000_000, 7_000_000, clock), Timestamp::from_second(1_001).ok());
        // A time just past is due now.
        assert_eq!(next(0, 4_000_000, clock), Timestamp::from_second(1_000).ok());
    }
}
