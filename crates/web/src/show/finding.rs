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

/// Findings of which all but the check is the same, as neighbours: one thing stood in the way of
/// several checks.
pub(crate) fn alike<'a>(standings: &[&'a Standing]) -> Vec<Vec<&'a Standing>> {
    let mut groups: Vec<Vec<&Standing>> = Vec::new();
    for standing in standings {
        let same = |group: &&mut Vec<&Standing>| {
            let (one, other) = (&group[0].finding, &standing.finding);
            one.verdict == other.verdict
                && one.evidence == other.evidence
                && one.subject == other.subject
                && one.fix == other.fix
        };
        match groups.iter_mut().find(same) {
            Some(group) if standing.finding.verdict == Verdict::Unknown => group.push(standing),
            _ => groups.push(vec![standing]),
        }
    }
    groups
}

/// Findings in full that are [alike]. `host` makes their ids differ from those elsewhere.
pub(crate) fn full(group: &[&Standing], host: &str, moment: &Moment) -> Markup {
    let Some(first) = group.first() else { return html! {} };
    let finding = &first.finding;
    let since = group.iter().filter_map(|standing| standing.since).min();
    html! {
        li class={ "finding " (finding.verdict.word()) } {
            div.finding-head {
                (badge(finding.verdict))
                h3 {
                    @if group.len() == 1 { (title(&finding.name)) } @else { (group.len()) " checks" }
                    (subject(&finding.subject))
                }
                @if let Some(since) = since { p.since { (moment.held(since)) } }
            }
            p.evidence { (shown(&finding.evidence)) }
            @if let Some(fix) = &finding.fix {
                p.fix { span.label { "To mend it" } " " code { (shown(fix)) } }
            }
            @for standing in group { (about_check(standing, host, group.len() > 1)) }
        }
    }
}

/// What a check asks; with its title where the head has not said it.
fn about_check(standing: &Standing, host: &str, titled: bool) -> Markup {
    let finding = &standing.finding;
    let fold = id("about", &[host, &finding.name, &finding.subject]);
    html! {
        @match checks::named(&finding.name) {
            Some(check) => details id=(fold) {
                summary {
                    @if titled { (title(check.name)) " " code { (check.name) } }
                    @else { "What " code { (check.name) } " asks" }
                }
                p { (check.asks) }
                p.label { "To see the same by hand" }
                pre tabindex="0" { @for command in check.commands { (command) "\n" } }
                @if finding.verdict != Verdict::Pass { p { (check.mend) } }
            },
            None => @if titled { p { code { (short(&finding.name)) } } },
        }
    }
}

#[cfg(test)]
mod tests {
    use api::verdict::Finding;

    use super::*;

    #[test]
    fn one_obstacle_to_many_checks_is_told_once() {
        let standing = |finding: Finding| Standing { finding, since: None };
        let all = [
            standing(Finding::unknown("host", "systemd is not running here")),
            standing(Finding::unknown("host", "no journal")),
            standing(Finding::unknown("host", "systemd is not running here")),
            standing(Finding::fail("host", "x")),
            standing(Finding::fail("host", "x")),
        ];
        let sizes: Vec<usize> =
            alike(&all.iter().collect::<Vec<_>>()).iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 1, 1, 1]);
    }
}
