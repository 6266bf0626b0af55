//! Times as a reader wants them: how long ago, with the label itself beside it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// The moment a page is about, and the zone its reader lives in.
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    pub(crate) zone: TimeZone,
}

impl Moment {
    /// The moment of an answer, in this machine's zone.
    pub(crate) fn of(now: Timestamp) -> Self {
        Self { now, zone: TimeZone::system() }
    }

    /// `3 min ago`; the script keeps it true.
    pub(crate) fn ago(&self, at: Timestamp) -> Markup {
        html! {
            time datetime=(at) title=(self.label(at)) data-ago { (distance(self.now, at)) }
        }
    }

    /// `for 3 h`: how long something has stood; the script keeps it true.
    pub(crate) fn held(&self, since: Timestamp) -> Markup {
        html! {
            time datetime=(since) title={ "since " (self.label(since)) } data-held {
                (standing(self.now, since))
            }
        }
    }

    /// `20 Nov 19:32`, with the year where it is another.
    pub(crate) fn at(&self, at: Timestamp) -> Markup {
        html! { time datetime=(at) title=(self.label(at)) { (self.short(at)) } }
    }

    /// As [`Moment::at`], as text.
    pub(crate) fn short(&self, at: Timestamp) -> String {
        let (at, now) = (at.to_zoned(self.zone.clone()), self.now.to_zoned(self.zone.clone()));
        let form = if at.year() == now.year() { "%-d %b %H:%M" } else { "%-d %b %Y %H:%M" };
        at.strftime(form).to_string()
    }

    /// The hour and minute, where the day stands above.
    pub(crate) fn minute(&self, at: Timestamp) -> Markup {
        let text = at.to_zoned(self.zone.clone()).strftime("%H:%M").to_string();
        html! { time datetime=(at) title=(self.label(at)) { (text) } }
    }

    /// The hour and minute, with seconds.
    pub(crate) fn clock(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string()
    }

    fn label(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }
}

/// How far `at` lies from `now`, in the largest unit. `script.js` says the same.
pub(crate) fn distance(now: Timestamp, at: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    let length = seconds.unsigned_abs();
    if length < 10 {
        return "just now".to_owned();
    }
    let (unit, word) = match length {
        0..60 => (1, "s"),
        60..3_600 => (60, "min"),
        3_600..172_800 => (3_600, "h"),
        _ => (86_400, "days"),
    };
    let count = length / unit;
    if seconds < 0 { format!("in {count} {word}") } else { format!("{count} {word} ago") }
}

/// How long something has stood. `script.js` says the same.
fn standing(now: Timestamp, since: Timestamp) -> String {
    let text = distance(now, since);
    match text.strip_suffix(" ago") {
        Some(length) => format!("for {length}"),
        None => "since just now".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_time_is_told_as_a_distance_with_its_label() {
        let now: Timestamp = "2026-11-20T19:32:10Z".parse().expect("a time");
        let moment = Moment { now, zone: TimeZone::UTC };
        let earlier = now - SignedDuration::from_secs(200);
        insta::assert_snapshot!(
            moment.ago(earlier).into_string(),
            @r#"<time datetime="2026-11-20T19:28:50Z" title="2026-11-20 19:28:50 UTC" data-ago>3 min ago</time>"#
        );
        assert_eq!(moment.short(earlier), "20 Nov 19:28");
        assert_eq!(moment.short(now - SignedDuration::from_hours(24 * 400)), "16 Oct 2025 19:32");
    }

    #[test]
    fn distances_go_both_ways() {
        let now: Timestamp = "2026-11-20T19:32:10Z".parse().expect("a time");
        for (seconds, text) in [
            (0, "just now"),
            (-9, "just now"),
            (59, "59 s ago"),
            (-90, "in 1 min"),
            (7_200, "2 h ago"),
            (90_000, "25 h ago"),
            (200_000, "2 days ago"),
        ] {
            assert_eq!(distance(now, now - SignedDuration::from_secs(seconds)), text);
        }
        assert_eq!(standing(now, now - SignedDuration::from_hours(3)), "for 3 h");
        assert_eq!(standing(now, now), "since just now");
    }
}
