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
use crate::show::badge::{counts, spoken};
use crate::show::figure::{figure, title};
use crate::show::finding;
use crate::show::moment::Moment;
use crate::show::plot::plot;
use crate::show::table::table;
use crate::show::words::{counted, short, shown};

/// How many subjects of one series are drawn, the largest; and how many plots in all.
const SUBJECTS: usize = 3;
const PLOTS: usize = 9;
/// How many rows a list has at most.
const ROWS: usize = 1000;

const PAGES: [(&str, &str); 3] = [("", "Checks"), ("/timers", "Timers"), ("/changes", "Changes")];

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
    for latest in meters {
        by_series.entry(&latest.meter.series).or_default().push(latest);
    }
    // Series of the machine as a whole come before those of many units.
    let mut series: Vec<Vec<&Latest>> = by_series.into_values().collect();
    series.sort_by_key(Vec::len);
    let mut drawn = Vec::new();
    for latest in &mut series {
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
                (meters(name, &view.meters))
            }
        }
        (facts(&view.facts))
        (runs(&view.runs, moment))
    }
}

fn machine(view: &Host, moment: &Moment) -> Markup {
    html! {
        div.machine {
            (counts(view.line.counts))
            @match &view.machine {
                Seen::Seen(machine) => (words(machine)),
                Seen::Unseen(reason) => p.about { "The machine was not seen: " (shown(reason)) },
            }
            p.about {
                @if let Some(tier) = &view.line.tier { span { "tier " (short(tier)) } }
                @match view.line.seen {
                    Some(seen) => span { "seen " (moment.ago(seen)) },
                    None => span { "never seen" },
                }
            }
            @if view.line.stale {
                p.silent { "Nothing heard for long: what is shown may be true no more." }
            }
        }
    }
}

fn words(machine: &Machine) -> Markup {
    html! {
        p.about {
            span { (short(&machine.system)) }
            span { "Linux " (short(&machine.kernel)) }
            span { (counted(machine.processors, "processor", "processors")) " (" (short(&machine.architecture)) ")" }
            span { (bytes(machine.memory_bytes)) " memory" }
            @match &machine.virtualisation {
                Seen::Seen(kind) if kind == "none" => span { "bare metal" },
                Seen::Seen(kind) => span { (short(kind)) },
                Seen::Unseen(_) => {}
            }
            span { "up " (span(machine.uptime_seconds)) }
        }
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
                    @for standing in standings.iter().take(ROWS) {
                        (finding::full(standing, name, moment))
                    }
                }
                @if standings.len() > ROWS {
                    p.muted { (standings.len() - ROWS) " more: see stead check --json" }
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
            summary { "All meters " span.muted { (meters.len()) } }
            (table("All meters", &["Meter", "Subject", "Now"], meters.iter().take(ROWS).map(|latest| {
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
        section aria-labelledby="facts" {
            h2 #facts { "Facts" }
            @if facts.is_empty() { p.muted { "No facts are known yet." } }
            @else {
                details #fact-list {
                    summary { "What changes seldom " span.muted { (facts.len()) } }
                    (table("Facts", &["Fact", "Value"], facts.iter().take(ROWS).map(|(key, value)| html! {
                        th scope="row" { (short(key)) }
                        td { (shown(value)) }
                    })))
                }
            }
        }
    }
}

fn runs(runs: &[Run], moment: &Moment) -> Markup {
    html! {
        @if !runs.is_empty() {
            section aria-labelledby="runs" {
                h2 #runs { "Runs" }
                details #run-list {
                    summary { "The last runs " span.muted { (runs.len()) } }
                    (table("The last runs", &["When", "What", "Result", "Took"], runs.iter().take(ROWS).map(|run| html! {
                        td { (moment.at(run.at)) }
                        td { (short(&run.what)) }
                        td { (spoken(run.counts)) }
                        td.number { (run.milliseconds) " ms" }
                    })))
                }
            }
        }
    }
}
