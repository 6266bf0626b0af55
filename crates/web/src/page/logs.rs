//! The journal of a host, one line per template instead of one per message.

use api::facts::logs::{self, Novelty, Template, priority};
use api::seen::Seen;
use api::text::span;
use api::view::digest::Digest;
use maud::{Markup, html};

use crate::show::about::about;
use crate::show::figure::figure;
use crate::show::moment::Moment;
use crate::show::words::{counted, id, short, shown};

/// How many templates are listed at most.
const ROWS: usize = 500;

/// What the journal said, in one sentence.
pub(crate) fn summary(view: &Digest) -> String {
    match &view.digest {
        Seen::Unseen(reason) => format!("The journal was not read: {}.", shown(reason)),
        Seen::Seen(digest) if digest.lines_in_all == 0 => "No line has been read yet.".to_owned(),
        Seen::Seen(digest) => {
            let lines = counted(digest.lines_in_all as usize, "line", "lines");
            let templates = counted(digest.known, "template", "templates");
            let tell = match (digest.new, digest.bursts) {
                (0, 0) => "nothing new".to_owned(),
                (new, 0) => format!("{new} new"),
                (0, bursts) => format!("{bursts} ten times as often"),
                (new, bursts) => format!("{new} new, {bursts} ten times as often"),
            };
            format!("{lines} folded to {templates}: {tell} in the last run.")
        }
    }
}

pub(crate) fn logs(view: &Digest, moment: &Moment) -> Markup {
    html! {
        p.lead { (summary(view)) }
        @if let Seen::Seen(digest) = &view.digest {
            (reach(digest, moment))
            (listed(view.host.as_str(), digest, moment))
        }
        p.muted { "On the machine: " code { "stead logs digest" } }
    }
}

/// How much of the journal this is, and what stood in the way of more.
fn reach(digest: &logs::Digest, moment: &Moment) -> Markup {
    let mut parts = Vec::new();
    if let Some(from) = digest.read_from {
        parts.push(html! { "from " (moment.at(from)) });
    }
    if let Some(until) = digest.read_until {
        parts.push(html! { "until " (moment.at(until)) });
    }
    parts.push(html! { (counted(digest.lines as usize, "line", "lines")) " in the last run" });
    html! {
        (about(&parts))
        @if digest.learning {
            p.silent { "Still learning: nothing is called new until the journal was read once." }
        }
        @if let Some(seconds) = digest.behind_seconds {
            p.silent { "Behind by " (span(seconds)) ": the next run reads on from there." }
        }
        @if let Some(reason) = &digest.limited { p.silent { (shown(reason)) } }
        @for note in digest.notes.iter().take(20) { p.muted { (shown(note)) } }
    }
}

fn listed(host: &str, digest: &logs::Digest, moment: &Moment) -> Markup {
    let (novel, known): (Vec<&Template>, Vec<&Template>) =
        digest.templates.iter().partition(|template| template.novelty != Novelty::Known);
    html! {
        @for (key, title, templates) in [("novel", "New or far more often", novel), ("known", "Known", known)] {
            @if !templates.is_empty() {
                section aria-labelledby=(key) {
                    h2 id=(key) { (title) " " span.muted { (templates.len()) } }
                    ul.templates {
                        @for template in templates.iter().take(ROWS) {
                            (entry(host, template, moment))
                        }
                    }
                }
            }
        }
        @if digest.known > digest.templates.len() {
            p.muted { (digest.known - digest.templates.len()) " more are known and not listed." }
        }
    }
}

fn entry(host: &str, template: &Template, moment: &Moment) -> Markup {
    let parts = [
        html! { (counted(template.count as usize, "line", "lines")) },
        html! { (figure("lines", template.per_hour)) " an hour" },
        html! { "first " (moment.at(template.first)) },
        html! { "last " (moment.ago(template.last)) },
    ];
    html! {
        li {
            p.template-head {
                code.subject { (short(&template.source)) } " "
                span.level.grave[template.priority <= 3] { (priority(template.priority)) } " "
                (novelty(&template.novelty, moment))
            }
            p.template { code { (shown(&template.text)) } }
            (about(&parts))
            details id=(id("sample", &[host, &template.source, &template.text])) {
                summary { "A sample" }
                p { code { (shown(&template.sample)) } }
            }
        }
    }
}

fn novelty(novelty: &Novelty, moment: &Moment) -> Markup {
    html! {
        @match novelty {
            Novelty::Known => {}
            Novelty::New => span.novel { "new" },
            Novelty::Burst { hour, count, before } => span.novel {
                (count) " within an hour from " (moment.at(*hour))
                ", where " (figure("lines", *before)) " were usual"
            },
        }
    }
}
