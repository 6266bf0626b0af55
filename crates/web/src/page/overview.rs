//! All hosts, the worst first.

use api::report::Counts;
use api::verdict::Verdict;
use api::view::overview::{Line, Overview};
use maud::{Markup, html};

use crate::show::about::about;
use crate::show::badge::{badge, counts, spoken};
use crate::show::finding::brief;
use crate::show::moment::Moment;
use crate::show::words::{counted, short, system};

/// How the stead is, in one sentence.
pub(crate) fn summary(view: &Overview) -> String {
    let sick = view.hosts.iter().filter(|line| line.verdict() >= Verdict::Warn).count();
    let hosts = counted(view.hosts.len(), "host", "hosts");
    let all = spoken(view.counts());
    if view.hosts.is_empty() {
        "No host has reported yet.".to_owned()
    } else if sick > 0 {
        match (sick, view.hosts.as_slice()) {
            (_, [only]) => format!("{} needs attention: {all}.", only.host),
            (1, _) => format!("1 of {hosts} needs attention: {all}."),
            _ => format!("{sick} of {hosts} need attention: {all}."),
        }
    } else if view.hosts.iter().all(|line| line.verdict() == Verdict::Pass) {
        format!("All is well on {hosts}: {all}.")
    } else {
        format!("Nothing is known to be wrong on {hosts}, but not all could be asked: {all}.")
    }
}

pub(crate) fn overview(view: &Overview, moment: &Moment) -> Markup {
    let (well, other): (Vec<&Line>, Vec<&Line>) =
        view.hosts.iter().partition(|line| line.verdict() == Verdict::Pass);
    html! {
        h1 { (short(&view.stead)) }
        p.lead { (summary(view)) }
        @if !other.is_empty() {
            section aria-label="Hosts that are not all well" {
                @for line in &other { (sick(line, moment)) }
            }
        }
        @if !well.is_empty() {
            section aria-labelledby="well" {
                h2 #well { "All well" }
                ul.well {
                    @for line in &well {
                        li {
                            (badge(Verdict::Pass))
                            div {
                                a href={ "/hosts/" (line.host) } { (line.host) }
                                (host_about(line, moment))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn sick(line: &Line, moment: &Moment) -> Markup {
    let told = line.worst.len();
    let all = line.counts.fail + line.counts.warn + line.counts.unknown;
    html! {
        article.host.(line.verdict().word()) {
            div.host-head {
                h2 { a href={ "/hosts/" (line.host) } { (line.host) } }
                @if line.stale || line.counts == Counts::default() { (badge(Verdict::Unknown)) }
                @else { (counts(line.counts)) }
            }
            (host_about(line, moment))
            @if line.stale {
                p.silent {
                    "Nothing heard for long. Then it was: " (spoken(line.counts)) "."
                }
            }
            @if told > 0 {
                ul.briefs { @for standing in &line.worst { (brief(standing, moment)) } }
            }
            @if all > told {
                p.more {
                    a href={ "/hosts/" (line.host) } {
                        (all - told) " more" span.unseen { " on " (line.host) }
                    }
                }
            }
        }
    }
}

/// The host's system, tier and last report.
fn host_about(line: &Line, moment: &Moment) -> Markup {
    let mut parts = Vec::new();
    if !line.system.is_empty() {
        parts.push(html! { (system(&line.system)) });
    }
    if let Some(tier) = &line.tier {
        parts.push(html! { (short(tier)) });
    }
    parts.push(match line.seen {
        Some(seen) => html! { "seen " (moment.ago(seen)) },
        None => html! { "never seen" },
    });
    about(&parts)
}
