//! Puts the facts on units together from the bus and the disk.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use model::facts::units::Units;
use model::facts::units::failure::Failure;
use model::facts::units::restarts::Restarts;
use model::text::printable;
use rustix::time::{ClockId, clock_gettime};
use tokio::{join, try_join};

use crate::units::bus::{Bus, Error, File, Loaded};
use crate::units::links::Link;
use crate::units::reach::Reach;
use crate::units::restarts::Past;
use crate::units::timers::{self, Clock, Raw};
use crate::units::{endings, links};

/// Where `systemctl enable` makes its links.
const ENABLED: &str = "/etc/systemd/system";
/// How many units are asked about at a time.
const AT_ONCE: usize = 24;
/// The longest name that is kept: systemd's own limit.
const LONGEST: usize = 255;

pub(crate) async fn units(past: &mut Past) -> Result<Units, Error> {
    let bus = &Bus::connect().await?;
    let (mut loaded, files, default) =
        try_join!(bus.units(), bus.files("*.timer"), bus.default_target())?;
    loaded.sort_by(|a, b| a.name.cmp(&b.name));
    let (state, directories, default_target) = join!(
        bus.manager_property::<String>("SystemState"),
        bus.manager_property::<Vec<String>>("UnitPath"),
        bus.property::<String>(&default, "Unit", "Id"),
    );
    let directories = directories.unwrap_or_default();
    let (links, enabled_links) = tokio::task::spawn_blocking(move || {
        (links::scan(&directories, ".timer"), links::scan(&[ENABLED.to_owned()], ""))
    })
    .await
    .unwrap_or_default();
    let default_target = default_target.unwrap_or(default);
    let clock = Clock { now: Timestamp::now(), monotonic: monotonic() };
    let by_name: BTreeMap<&str, &Loaded> =
        loaded.iter().map(|unit| (unit.name.as_str(), unit)).collect();

    let names = timer_names(&files, &loaded, links.keys());
    let idle = idle(&files, &by_name, &links);
    let by_name = &by_name;
    let busy = names.iter().filter(|name| !idle.contains_key(name.as_str()));
    let mut raw: Vec<(String, Raw)> = stream::iter(busy)
        .map(|name| async move {
            let raw = timers::read(bus, name, clock, by_name).await;
            (name.clone(), raw)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    raw.sort_by(|a, b| a.0.cmp(&b.0));
    let mut reach = Reach::new(default_target.clone());
    let mut found = Vec::with_capacity(raw.len());
    for (name, raw) in raw {
        let wanting = raw.wanting(&name, &links);
        let timer = raw.finish(bus, wanting, &mut reach, by_name).await;
        // A name that systemd does not take for a unit's has no state.
        if !timer.load.is_empty() {
            found.push(timer);
        }
    }

    found.extend(idle.into_iter().map(|(name, file)| timers::idle(name, file)));
    found.sort_by(|a, b| a.name.cmp(&b.name));

    let (failed, restarts) = join!(failures(bus, &loaded), restarts(bus, &loaded, past, clock));
    bus.verify()?;
    Ok(Units {
        state: printable(&state.unwrap_or_default(), LONGEST),
        default_target: printable(&default_target, LONGEST),
        loaded: loaded.len(),
        services: loaded.iter().filter(|u| is_service(u) && u.active == "active").count(),
        timers: found,
        failed,
        restarts,
        enabled: enabled(enabled_links.keys()),
        uptime_seconds: clock.monotonic / 1_000_000,
    })
}

/// Timers on disk, in memory or linked; templates and aliases are none.
fn timer_names<'a>(
    files: &'a [File],
    loaded: &'a [Loaded],
    linked: impl Iterator<Item = &'a String>,
) -> BTreeSet<String> {
    let aliases: BTreeSet<&str> = files
        .iter()
        .filter(|file| file.state == "alias")
        .filter_map(|file| file.path.rsplit('/').next())
        .collect();
    files
        .iter()
        .filter_map(|file| file.path.rsplit('/').next())
        .chain(loaded.iter().map(|unit| unit.name.as_str()))
        .chain(linked.map(String::as_str))
        .filter(|name| name.ends_with(".timer") && !name.ends_with("@.timer"))
        .filter(|name| !aliases.contains(name))
        .map(str::to_owned)
        .collect()
}

/// The timers that are disabled, not in memory and wanted by no link: they are as their makers
/// left them, and there may be many.
fn idle<'a>(
    files: &'a [File],
    loaded: &BTreeMap<&str, &Loaded>,
    links: &BTreeMap<String, BTreeSet<Link>>,
) -> BTreeMap<&'a str, &'a File> {
    files
        .iter()
        .filter(|file| file.state == "disabled")
        .filter_map(|file| Some((file.path.rsplit('/').next()?, file)))
        .filter(|(name, _)| name.ends_with(".timer") && !name.ends_with("@.timer"))
        .filter(|(name, _)| !loaded.contains_key(name) && !links.contains_key(*name))
        .collect()
}

fn enabled<'a>(linked: impl Iterator<Item = &'a String>) -> Vec<String> {
    linked
        .filter(|name| name.ends_with(".service") || name.ends_with(".timer"))
        .map(|name| printable(name, LONGEST))
        .collect()
}

fn is_service(unit: &Loaded) -> bool {
    unit.name.ends_with(".service")
}

async fn failures(bus: &Bus, loaded: &[Loaded]) -> Vec<Failure> {
    let failed = loaded.iter().filter(|unit| unit.active == "failed");
    stream::iter(failed)
        .map(|unit| async move {
            let ending = endings::of(bus, &unit.name).await;
            Failure { name: printable(&unit.name, LONGEST), ending }
        })
        .buffered(AT_ONCE)
        .collect()
        .await
}

async fn restarts(bus: &Bus, loaded: &[Loaded], past: &mut Past, clock: Clock) -> Vec<Restarts> {
    let alive = loaded.iter().filter(|unit| is_service(unit) && unit.active != "inactive");
    let counts: BTreeMap<String, u32> = stream::iter(alive)
        .map(|unit| async move {
            let count = bus.property::<u32>(&unit.name, "Service", "NRestarts").await;
            (unit.name.clone(), count.unwrap_or(0))
        })
        .buffered(AT_ONCE)
        .filter(|(_, count)| std::future::ready(*count > 0))
        .collect()
        .await;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    // In a container the clock is older than its systemd.
    let began = bus.manager_property::<u64>("UserspaceTimestampMonotonic").await.unwrap_or(0);
    let first_look = past.first_look(boot.trim());
    let now = clock.monotonic / 1_000_000;
    let recent = past.take(boot.trim(), began / 1_000_000, now, &counts);
    let restarted = loaded.iter().filter_map(|unit| Some((unit, *counts.get(&unit.name)?)));
    stream::iter(restarted)
        .map(|(unit, total)| {
            let (recent, window_seconds) = recent.get(&unit.name).copied().unwrap_or((0, 1));
            async move {
                let (result, since) = join!(
                    bus.property::<String>(&unit.name, "Service", "Result"),
                    bus.property::<u64>(&unit.name, "Unit", "StateChangeTimestampMonotonic"),
                );
                Restarts {
                    name: printable(&unit.name, LONGEST),
                    sub: printable(&unit.sub, LONGEST),
                    result: printable(&result.unwrap_or_default(), LONGEST),
                    total,
                    recent,
                    window_seconds,
                    first_look,
                    state_seconds: clock.monotonic.saturating_sub(since.unwrap_or(0)) / 1_000_000,
                }
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await
}

/// CLOCK_MONOTONIC in microseconds.
fn monotonic() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000
        + u64::try_from(time.tv_nsec / 1_000).unwrap_or(0)
}
