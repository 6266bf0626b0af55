//! The proof cards of a host's services: what is saved where, whether it restores, who can act.

use api::backup::proof::{Proof, Saved};
use api::text::milliseconds;
use api::verdict::Verdict;
use maud::{Markup, html};

use crate::show::badge::badge;
use crate::show::moment::Moment;
use crate::show::table::table;
use crate::show::words::{short, shown};

/// The section of cards; nothing where no service keeps data.
pub(crate) fn proofs(proofs: &[Proof], moment: &Moment) -> Markup {
    html! {
        @if !proofs.is_empty() {
            section aria-labelledby="proofs" {
                h2 #proofs { "Backups, and the proof that they restore" }
                ul.findings { @for proof in proofs { (card(proof, moment)) } }
            }
        }
    }
}

fn card(proof: &Proof, moment: &Moment) -> Markup {
    let heads = ["Target", "", "Last backup that was read back", "Where"];
    let name = short(&proof.service);
    html! {
        li class={ "finding " (proof.verdict.word()) } {
            div.finding-head {
                (badge(proof.verdict))
                h3 { (name) }
            }
            @if !proof.backups.is_empty() {
                (table(
                    &format!("Backups of {name}"),
                    &heads,
                    proof.backups.iter().map(|saved| row(saved, moment)),
                ))
            }
            p {
                span.label { "Drill" } " "
                @match proof.drill.passed {
                    Some(passed) => { "passed " (moment.ago(passed)) },
                    None => { "none ever passed" },
                }
                @if let Some(time) = proof.drill.restore_milliseconds {
                    ", restored in " strong { (milliseconds(time)) }
                }
                @if let Some(by) = &proof.drill.by { "; drilled by " (short(by)) }
                @if let Some(next) = proof.drill.next { "; the next from " (moment.at(next)) }
            }
            p {
                span.label { "Who can act" } " "
                @if proof.readers.able.is_empty() { "nobody known" }
                @else { (shown(&proof.readers.able.join(", "))) }
            }
            @if let Some(restore) = &proof.restore {
                p { span.label { "Restore" } " " (shown(restore)) }
            }
            @for missing in &proof.missing {
                p.evidence { (missing.verdict) ": " (shown(&missing.what)) }
                p.fix { span.label { "To mend it" } " " code { (shown(&missing.fix)) } }
            }
        }
    }
}

fn row(saved: &Saved, moment: &Moment) -> Markup {
    html! {
        th scope="row" { (short(&saved.target)) }
        td { @if saved.verdict == Verdict::Pass { "read back" } @else { (saved.verdict) } }
        td {
            @match saved.last { Some(last) => (moment.ago(last)), None => "never" }
            @if let Some(next) = saved.next { "; the next from " (moment.at(next)) }
        }
        td { code { (shown(&saved.place)) } }
    }
}
