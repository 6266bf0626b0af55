//! One host: what is wrong, how to mend it, and what is known of it.

use std::collections::BTreeMap;

use api::facts::machine::Machine;
use api::reading::Meter;
use api::request::Span;
use api::seen::Seen;
use api::text::{bytes, span};
use api::verdict::Verdict;
use api::view::history::History;
use api::view::host::{Host, Latest};
use api::view::run::Run;
use api::view::standing::Standing;
use maud::{Markup, html};

use crate::page::history::path;
use crate::page::proof::proofs;
use crate::show::about::about;
use crate::show::badge::{badge, counts, spoken};
use crate::show::figure::{figure, title};
use crate::show::finding;
use crate::show::moment::Moment;
use crate::show::plot::plot;
use crate::show::table::table;
use crate::show::words::{counted, short, shown, system};

/// How many subjects of one series are drawn, the largest; and how many plots in all.
const SUBJECTS: usize = 3;
const PLOTS: usize = 9;
/// How many rows a list has at most.
const ROWS: usize = 1000;

/// The series that are drawn first, and those that are no more than another one turned round.
const FIRST: [&str; 2] = ["filesystem_avail_bytes", "memory_available_bytes"];
const UNDRAWN: [&str; 4] = [
    "filesystem_size_bytes",
    "filesystem_used_bytes",
    "filesystem_inodes_used",
    "filesystem_inodes_avail",
];

const PAGES: [(&str, &str); 4] =
    [("", "Checks"), ("/timers", "Timers"), ("/logs", "Logs"), ("/changes", "Changes")];

/// The head that all pages of a host share. `here` is the page's own end of the path.
pub(crate) fn head(host: &str, here: &str) -> Markup {
    html! {
        p.trail { a href="/" { "All hosts" } }
        h1 { (host) }
        nav aria-label={ "Pages of " (host) } {
            ul.tabs {
                @for (end, name) in PAGES {
                    li {
                        a href={ "/hosts/" (host) (end) }
                            aria-current=[(end == here).then_some("page")] { (name) }
                    }
                }
            }
        }
    }
}

/// How the host is, in one sentence.
pub(crate) fn summary(view: &Host) -> String {
    format!("{}: {}.", view.line.host, spoken(view.line.counts))
}

/// The meters that are drawn: of every series the few largest subjects.
pub(crate) fn drawn(meters: &[Latest]) -> Vec<Meter> {
    let mut by_series: BTreeMap<&str, Vec<&Latest>> = BTreeMap::new();
    for latest in meters.iter().filter(|latest| !UNDRAWN.contains(&&*latest.meter.series)) {
        by_series.entry(&latest.meter.series).or_default().push(latest);
    }
    // Then series of the machine as a whole, before those of many units.
    let place = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
    let mut series: Vec<(&str, Vec<&Latest>)> = by_series.into_iter().collect();
    series.sort_by_key(|(name, latest)| (place(name), latest.len()));
    let mut drawn = Vec::new();
    for (_, latest) in &mut series {
        latest.sort_by(|a, b| b.window.mean.total_cmp(&a.window.mean));
        drawn.extend(latest.iter().take(SUBJECTS).map(|latest| latest.meter.clone()));
    }
    drawn.truncate(PLOTS);
    drawn
}

pub(crate) fn host(view: &Host, histories: &[History], moment: &Moment) -> Markup {
    let name = view.line.host.as_str();
    html! {
        (head(name, ""))
        (machine(view, moment))
        (findings(view, moment))
        (proofs(&view.proofs, moment))
        @if !histories.is_empty() {
            section aria-labelledby="history" {
                h2 #history { "The last day" }
                div.plots {
                    @for history in histories {
                        @let meter = &history.meter;
                        @let link = path(name, &meter.series, &meter.subject, Span::Week);
                        (plot(history, link.as_deref(), moment))
                    }
                }
            }
        }
        section aria-labelledby="known" {
            h2 #known { "What is known" }
            (facts(&view.facts))
            (meters(name, &view.meters))
            (runs(&view.runs, moment))
        }
    }
}

fn machine(view: &Host, moment: &Moment) -> Markup {
    html! {
        div.machine {
            @if view.line.stale {
                p { (badge(Verdict::Unknown)) }
                p.silent { "Nothing heard for long. What is shown was true then." }
            } @else {
                (counts(view.line.counts))
            }
            @match &view.machine {
                Seen::Seen(machine) => (words(machine)),
                Seen::Unseen(reason) => (about(&[html! { "The machine was not seen: " (shown(reason)) }])),
            }
            (about(&place(view, moment)))
        }
    }
}

/// Its tier and its last report.
fn place(view: &Host, moment: &Moment) -> Vec<Markup> {
    let mut parts = Vec::new();
    if let Some(tier) = &view.line.tier {
        parts.push(html! { "tier " (short(tier)) });
    }
    parts.push(match view.line.seen {
        Some(seen) => html! { "seen " (moment.ago(seen)) },
        None => html! { "never seen" },
    });
    parts
}

fn words(machine: &Machine) -> Markup {
    let mut parts = vec![
        html! { (system(&machine.system)) },
        html! { "Linux " (short(&machine.kernel)) },
        html! {
            (counted(machine.processors, "processor", "processors"))
            " (" (short(&machine.architecture)) ")"
        },
        html! { (bytes(machine.memory_bytes)) " memory" },
    ];
    match &machine.virtualisation {
        Seen::Seen(kind) if kind == "none" => parts.push(html! { "bare metal" }),
        Seen::Seen(kind) => parts.push(html! { (short(kind)) }),
        Seen::Unseen(_) => {}
    }
    parts.push(html! { "up " (span(machine.uptime_seconds)) });
    html! {
        (about(&parts))
        @if !machine.privileged {
            p.silent { "Observed without root: what only root may see is unknown." }
        }
    }
}

fn findings(view: &Host, moment: &Moment) -> Markup {
    html! {
        section aria-labelledby="checks" {
            h2 #checks { "Checks" }
            @if view.standings.is_empty() { p.muted { "Nothing has been judged yet." } }
            @for verdict in [Verdict::Fail, Verdict::Warn, Verdict::Unknown, Verdict::Pass] {
                (group(view, verdict, moment))
            }
        }
    }
}

fn group(view: &Host, verdict: Verdict, moment: &Moment) -> Markup {
    let name = view.line.host.as_str();
    let standings: Vec<&Standing> =
        view.standings.iter().filter(|standing| standing.finding.verdict == verdict).collect();
    html! {
        @if !standings.is_empty() {
            details.group id={ "group-" (verdict.word()) } open[verdict != Verdict::Pass] {
                summary { (heading(verdict)) " " span.muted { (standings.len()) } }
                ul.findings {
                    @for group in finding::alike(&standings).iter().take(ROWS) {
                        (finding::full(group, name, moment))
                    }
                }
            }
        }
    }
}

const fn heading(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fail => "Fails",
        Verdict::Warn => "Warnings",
        Verdict::Unknown => "Unknown",
        Verdict::Pass => "Passes",
    }
}

fn meters(host: &str, meters: &[Latest]) -> Markup {
    html! {
        details #meters {
            summary { "Meters " span.muted { (meters.len()) } }
            (table("Meters", &["Meter", "Subject", "Now"], meters.iter().take(ROWS).map(|latest| {
                let meter = &latest.meter;
                html! {
                    td {
                        a href=[path(host, &meter.series, &meter.subject, Span::Day)] {
                            (short(&title(&meter.series)))
                        }
                    }
                    td { code { (short(&meter.subject)) } }
                    td.number { (figure(&meter.series, latest.window.mean)) }
                }
            })))
        }
    }
}

fn facts(facts: &BTreeMap<String, String>) -> Markup {
    html! {
        details #facts {
            summary { "Facts " span.muted { (facts.len()) } }
            (table("Facts", &["Fact", "Value"], facts.iter().take(ROWS).map(|(key, value)| html! {
                th scope="row" { (short(key)) }
                td { (shown(value)) }
            })))
        }
    }
}

fn runs(runs: &[Run], moment: &Moment) -> Markup {
    let heads = ["When", "What", "Result", "Took"];
    html! {
        details #runs {
            summary { "Last runs " span.muted { (runs.len()) } }
            (table("Last runs", &heads, runs.iter().take(ROWS).map(|run| html! {
                td { (moment.at(run.at)) }
                td { (short(&run.what)) }
                td { (spoken(run.counts)) }
                td.number { (run.milliseconds) " ms" }
            })))
        }
    }
}
