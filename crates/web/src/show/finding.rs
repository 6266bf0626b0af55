//! A finding with its evidence, its fix and what the check asks.

use api::checks;
use api::verdict::Verdict;
use api::view::standing::Standing;
use maud::{Markup, html};

use crate::show::badge::badge;
use crate::show::moment::Moment;
use crate::show::words::{capitalised, id, short, shown};

/// What a check is called on a page; a check of another release is called by its name.
pub(crate) fn title(name: &str) -> String {
    checks::named(name).map_or_else(|| short(name), |check| capitalised(check.title))
}

/// The subject, unless it is the host as a whole.
pub(crate) fn subject(subject: &str) -> Markup {
    html! { @if subject != "host" { " " code.subject { (short(subject)) } } }
}

/// A finding in short, for the overview.
pub(crate) fn brief(standing: &Standing, moment: &Moment) -> Markup {
    let finding = &standing.finding;
    html! {
        li.brief {
            (badge(finding.verdict))
            div {
                p { strong { (title(&finding.name)) } (subject(&finding.subject)) }
                p.evidence { (shown(&finding.evidence)) }
            }
            @if let Some(since) = standing.since { p.since { (moment.held(since)) } }
        }
    }
}

/// A finding in full. `host` makes its id differ from that of the same finding elsewhere.
pub(crate) fn full(standing: &Standing, host: &str, moment: &Moment) -> Markup {
    let finding = &standing.finding;
    let fold = id("about", &[host, &finding.name, &finding.subject]);
    html! {
        li class={ "finding " (finding.verdict.word()) } {
            div.finding-head {
                (badge(finding.verdict))
                h3 { (title(&finding.name)) (subject(&finding.subject)) }
                @if let Some(since) = standing.since { p.since { (moment.held(since)) } }
            }
            p.evidence { (shown(&finding.evidence)) }
            @if let Some(fix) = &finding.fix {
                p.fix { span.label { "To mend it" } " " code { (shown(fix)) } }
            }
            @if let Some(check) = checks::named(&finding.name) {
                details id=(fold) {
                    summary { "What " code { (check.name) } " asks" }
                    p { (check.asks) }
                    p.label { "To see the same by hand" }
                    pre tabindex="0" { @for command in check.commands { (command) "\n" } }
                    @if finding.verdict != Verdict::Pass { p { (check.mend) } }
                }
            }
        }
    }
}
