//! One timer's facts, from its properties and the links that name it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::facts::units::timer::{Timer, Triggered, Wanting};
use model::text::printable;
use tokio::join;
use zbus::OwnedVariant;

use crate::units::bus::{Bus, Loaded};
use crate::units::endings;
use crate::units::links::Link;
use crate::units::reach::{self, Reach};

/// The longest name that is kept: systemd's own limit.
const LONGEST: usize = 255;

/// What is read of a timer before it is known which units it touches.
pub(crate) struct Raw {
    names: Vec<String>,
    parents: Vec<String>,
    timer: Timer,
    service: String,
}

/// The clocks at the time of the look.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    pub now: Timestamp,
    /// CLOCK_MONOTONIC in microseconds.
    pub monotonic: u64,
}

pub(crate) async fn read(bus: &Bus, name: &str, clock: Clock) -> Raw {
    let text = async |kind, property| {
        let value = bus.property::<String>(name, kind, property).await;
        printable(&value.unwrap_or_default(), LONGEST)
    };
    let number =
        async |kind, property| bus.property::<u64>(name, kind, property).await.unwrap_or_default();
    let truth = async |property: &'static str| bus.property::<bool>(name, "Unit", property).await;
    let (names, parents, load, active, sub, file_state, path) = join!(
        bus.property::<Vec<String>>(name, "Unit", "Names"),
        reach::parents(bus, name),
        text("Unit", "LoadState"),
        text("Unit", "ActiveState"),
        text("Unit", "SubState"),
        text("Unit", "UnitFileState"),
        text("Unit", "FragmentPath"),
    );
    let (transient, condition, looked, service) = join!(
        truth("Transient"),
        truth("ConditionResult"),
        number("Unit", "ConditionTimestamp"),
        bus.property::<String>(name, "Timer", "Unit"),
    );
    let (calendar, monotonic, on_clock, on_zone) = join!(
        bus.property::<OwnedVariant>(name, "Timer", "TimersCalendar"),
        bus.property::<OwnedVariant>(name, "Timer", "TimersMonotonic"),
        bus.property::<bool>(name, "Timer", "OnClockChange"),
        bus.property::<bool>(name, "Timer", "OnTimezoneChange"),
    );
    let (next_realtime, next_monotonic, last, fired) = join!(
        number("Timer", "NextElapseUSecRealtime"),
        number("Timer", "NextElapseUSecMonotonic"),
        number("Timer", "LastTriggerUSec"),
        number("Timer", "LastTriggerUSecMonotonic"),
    );
    let timer = Timer {
        name: printable(name, LONGEST),
        load,
        active,
        sub,
        file_state,
        path,
        transient: transient.unwrap_or(false),
        condition_unmet: looked > 0 && condition == Some(false),
        wanted_by: Vec::new(),
        calendar: lines(calendar),
        monotonic: lines(monotonic).iter().map(|line| line.replace("USec", "Sec")).collect(),
        on_change: on_clock.unwrap_or(false) || on_zone.unwrap_or(false),
        next: next(next_realtime, next_monotonic, clock),
        last: endings::time(last),
        fired: fired > 0 && fired != u64::MAX,
        service: Triggered::default(),
    };
    Raw { names: names.unwrap_or_default(), parents, timer, service: service.unwrap_or_default() }
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

    /// Adds what the units around the timer are.
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
        if !self.service.is_empty() {
            let (load, active, sub) = state(bus, &self.service, loaded).await;
            timer.service = Triggered {
                name: printable(&self.service, LONGEST),
                load,
                active,
                sub,
                ending: endings::of(bus, &self.service).await,
            };
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
