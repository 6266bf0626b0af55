//! Verdicts and their counts: a sign, a word and a colour, so that none is needed alone.

use api::report::Counts;
use api::verdict::Verdict;
use maud::{Markup, html};

const fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Unknown => "?",
        Verdict::Warn => "!",
        Verdict::Fail => "✕",
    }
}

/// A verdict.
pub(crate) fn badge(verdict: Verdict) -> Markup {
    html! {
        span class={ "badge " (verdict.word()) } {
            span aria-hidden="true" { (sign(verdict)) } " " (verdict.word())
        }
    }
}

/// How many findings have each verdict, the worst first; what is zero is left out.
pub(crate) fn counts(counts: Counts) -> Markup {
    html! {
        ul.counts {
            @for (verdict, count) in by_verdict(counts) {
                @if count > 0 {
                    li class={ "badge " (verdict.word()) } {
                        span aria-hidden="true" { (sign(verdict)) } " " (count) " " (verdict.word())
                    }
                }
            }
        }
    }
}

/// The counts as words: `2 fail, 1 unknown`.
pub(crate) fn spoken(counts: Counts) -> String {
    let words: Vec<String> = by_verdict(counts)
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    if words.is_empty() { "nothing judged".to_owned() } else { words.join(", ") }
}

const fn by_verdict(counts: Counts) -> [(Verdict, usize); 4] {
    [
        (Verdict::Fail, counts.fail),
        (Verdict::Warn, counts.warn),
        (Verdict::Unknown, counts.unknown),
        (Verdict::Pass, counts.pass),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_has_a_word_beside_its_colour() {
        insta::assert_snapshot!(
            badge(Verdict::Unknown).into_string(),
            @r#"<span class="badge unknown"><span aria-hidden="true">?</span> unknown</span>"#
        );
        let mixed = Counts { fail: 2, unknown: 1, ..Counts::default() };
        assert_eq!(spoken(mixed), "2 fail, 1 unknown");
        assert_eq!(spoken(Counts::default()), "nothing judged");
    }
}
