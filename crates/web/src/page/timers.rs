//! The timers of a host: what they start, when, and whether they are wired.

use std::collections::BTreeMap;

use api::facts::units::Units;
use api::facts::units::timer::Timer;
use api::seen::Seen;
use api::verdict::Verdict;
use api::view::timers::Timers;
use maud::{Markup, html};

use crate::show::about::about;
use crate::show::badge::badge;
use crate::show::finding;
use crate::show::moment::Moment;
use crate::show::table::table;
use crate::show::words::{counted, short, shown};

/// How many timers are listed at most.
const ROWS: usize = 1000;

/// How the timers are, in one sentence.
pub(crate) fn summary(view: &Timers) -> String {
    match &view.units {
        Seen::Seen(units) => {
            let sick = view.standings.iter().filter(|s| s.finding.verdict >= Verdict::Warn).count();
            let timers = counted(units.timers.len(), "timer", "timers");
            if sick == 0 {
                format!("{timers}.")
            } else {
                format!("{timers}, {}.", counted(sick, "finding", "findings"))
            }
        }
        Seen::Unseen(reason) => format!("The timers were not seen: {}.", shown(reason)),
    }
}

pub(crate) fn timers(view: &Timers, moment: &Moment) -> Markup {
    html! {
        p.lead { (summary(view)) }
        @if let Some(seen) = view.seen { (about(&[html! { "observed " (moment.ago(seen)) }])) }
        @if !view.standings.is_empty() {
            section aria-labelledby="findings" {
                h2 #findings { "Findings" }
                ul.findings {
                    @for standing in view.standings.iter().take(ROWS) {
                        (finding::full(&[standing], view.host.as_str(), moment))
                    }
                }
            }
        }
        @if let Seen::Seen(units) = &view.units { (listed(view, units, moment)) }
    }
}

fn listed(view: &Timers, units: &Units, moment: &Moment) -> Markup {
    let mut worst = BTreeMap::<&str, Verdict>::new();
    for standing in &view.standings {
        let held = worst.entry(&standing.finding.subject).or_insert(Verdict::Pass);
        *held = (*held).max(standing.finding.verdict);
    }
    let heads = ["Timer", "State", "Last", "Next", "When", "Wanted by"];
    html! {
        section aria-labelledby="timers" {
            h2 #timers { "All timers" }
            (table("All timers", &heads, units.timers.iter().take(ROWS).map(|timer| html! {
                th scope="row" {
                    code { (short(&timer.name)) }
                    @if let Some(verdict) = worst.get(timer.name.as_str()) { " " (badge(*verdict)) }
                    br; span.muted { "starts " code { (short(&timer.service.name)) } }
                }
                td { (short(&state(timer))) }
                td { (time(timer.last, moment)) }
                td { (time(timer.next, moment)) }
                td { (short(&schedule(timer))) }
                td { (short(&wanted(timer))) }
            })))
        }
    }
}

fn state(timer: &Timer) -> String {
    [&timer.active, &timer.sub, &timer.file_state]
        .into_iter()
        .filter(|word| !word.is_empty())
        .map(String::as_str)
        .collect::<Vec<&str>>()
        .join(", ")
}

fn time(at: Option<jiff::Timestamp>, moment: &Moment) -> Markup {
    html! { @match at { Some(at) => (moment.ago(at)), None => "never" } }
}

fn schedule(timer: &Timer) -> String {
    let mut lines: Vec<&str> = timer.calendar.iter().map(String::as_str).collect();
    lines.extend(timer.monotonic.iter().map(String::as_str));
    if timer.on_change {
        lines.push("changes of the clock");
    }
    lines.join("; ")
}

fn wanted(timer: &Timer) -> String {
    let units: Vec<&str> = timer.wanted_by.iter().map(|wanting| wanting.unit.as_str()).collect();
    if units.is_empty() { "nothing".to_owned() } else { units.join(", ") }
}
