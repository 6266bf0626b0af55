//! What changed, the newest first.

use api::verdict::Verdict;
use api::view::changes::{Change, Changes, What};
use jiff::civil::Date;
use maud::{Markup, html};

use crate::show::badge::badge;
use crate::show::finding::{subject, title};
use crate::show::moment::Moment;
use crate::show::words::{counted, id, short, shown};

/// How many facts in a row are still told one by one, and how many a fold lists.
const FOLDED: usize = 4;
const SHOWN: usize = 200;

/// How much is shown, in one sentence.
pub(crate) fn summary(view: &Changes) -> String {
    match view.changes.first() {
        None => "Nothing has changed yet.".to_owned(),
        Some(last) => {
            let count = counted(view.changes.len(), "change", "changes");
            format!("{count}, the last on {}.", last.host)
        }
    }
}

/// The content; `host` is the one whose changes are shown, if not all are.
pub(crate) fn changes(view: &Changes, host: Option<&str>, moment: &Moment) -> Markup {
    let day = |change: &Change| change.at.to_zoned(moment.zone.clone()).date();
    html! {
        @if view.changes.is_empty() {
            p.muted { "Nothing has changed yet: the first run is where the record begins." }
        }
        @for chunk in view.changes.chunk_by(|a, b| day(a) == day(b)) {
            section.day {
                h2 { (heading(day(&chunk[0]))) }
                ol.changes {
                    @for run in chunk.chunk_by(together) {
                        @if run.len() > FOLDED { (folded(run, host, moment)) }
                        @else { @for change in run { (entry(change, host, moment)) } }
                    }
                }
            }
        }
    }
}

/// Whether two neighbours are facts of one host, which come in crowds.
fn together(one: &Change, other: &Change) -> bool {
    let fact = |change: &Change| matches!(change.what, What::Fact { .. });
    fact(one) && fact(other) && one.host == other.host
}

/// A crowd of facts in one line, to be opened.
fn folded(run: &[Change], host: Option<&str>, moment: &Moment) -> Markup {
    let first = &run[0];
    let key = match &first.what {
        What::Fact { key, .. } => key,
        What::Verdict { subject, .. } => subject,
    };
    let at = first.at.to_string();
    html! {
        li {
            p.when { (moment.minute(first.at)) }
            div {
                @if host.is_none() { a href={ "/hosts/" (first.host) } { (first.host) } }
                details id=(id("facts", &[first.host.as_str(), &at, key])) {
                    summary { (run.len()) " facts" span.unseen { " of " (first.host) } }
                    ol.changes { @for change in run.iter().take(SHOWN) { (entry(change, Some(""), moment)) } }
                    @if run.len() > SHOWN { p.muted { (run.len() - SHOWN) " more are not listed." } }
                }
            }
        }
    }
}

fn heading(day: Date) -> String {
    day.strftime("%A, %-d %B %Y").to_string()
}

fn entry(change: &Change, host: Option<&str>, moment: &Moment) -> Markup {
    html! {
        li {
            p.when { (moment.minute(change.at)) }
            div {
                @if host.is_none() {
                    a href={ "/hosts/" (change.host) } { (change.host) } " "
                }
                @match &change.what {
                    What::Verdict { check, subject: on, before, after, evidence, fix: _ } => {
                        strong { (title(check)) } (subject(on)) " " (step(*before, *after))
                        p.evidence { (shown(evidence)) }
                    }
                    What::Fact { key, before, after } => {
                        code.subject { (short(key)) }
                        @match (before, after) {
                            (None, Some(new)) => { " is " (value(new)) }
                            (Some(old), Some(new)) => { " was " (value(old)) ", is " (value(new)) }
                            (Some(old), None) => { " was " (value(old)) ", is gone" }
                            (None, None) => { " is gone" }
                        }
                    }
                }
            }
        }
    }
}

fn value(text: &str) -> Markup {
    html! { code { (shown(text)) } }
}

fn step(before: Option<Verdict>, after: Option<Verdict>) -> Markup {
    html! {
        span.step {
            @if let Some(before) = before {
                (badge(before)) " " span aria-hidden="true" { "→" } span.unseen { "became" } " "
            }
            @match after {
                Some(after) => (badge(after)),
                None => "gone",
            }
        }
    }
}
