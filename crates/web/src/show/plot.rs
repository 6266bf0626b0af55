//! A history as a small drawing, with its words and its table.

use std::fmt::Write;

use api::reading::Window;
use api::view::history::History;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::show::figure::{figure, title};
use crate::show::moment::{Moment, distance};
use crate::show::table::table;
use crate::show::words::{counted, id, short};

/// The drawing's own units; it is stretched to the room there is.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;
/// How many rows the table has at most; more windows are folded together.
const ROWS: usize = 24;

/// A plot with its caption; `whole` adds the table with every window folded to few rows.
pub(crate) fn plot(history: &History, link: Option<&str>, moment: &Moment) -> Markup {
    let series = &history.meter.series;
    let windows = within(history);
    let name = format!("{} {}", title(series), short(&history.meter.subject));
    let key = id("plot", &[history.host.as_str(), series, &history.meter.subject]);
    let Some(drawing) = Drawing::of(&windows, history) else {
        return html! {
            figure.plot {
                figcaption { (caption(history, link)) }
                p.muted { "No readings in the last " (history.span.word()) "." }
            }
        };
    };
    let last = drawing.last;
    let (title_id, words_id) = (format!("{key}-t"), format!("{key}-d"));
    html! {
        figure.plot {
            figcaption {
                span { (caption(history, link)) }
                " " strong.now { (figure(series, last)) }
            }
            div.drawing {
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none"
                    role="img" aria-labelledby={ (title_id) " " (words_id) } {
                    title id=(title_id) { (name) ", last " (history.span.word()) }
                    desc id=(words_id) {
                        "Now " (figure(series, last)) "; lowest " (figure(series, drawing.least))
                        ", highest " (figure(series, drawing.most)) "; "
                        (counted(windows.len(), "reading", "readings"))
                        @if !drawing.restarts.is_empty() { ", started afresh in between" }
                        "."
                    }
                    @if !drawing.band.is_empty() { path.band d=(drawing.band) {} }
                    @if !drawing.restarts.is_empty() { path.restart d=(drawing.restarts) {} }
                    path.line d=(drawing.line) {}
                }
                p.edges aria-hidden="true" {
                    span { (figure(series, drawing.high)) }
                    span { (figure(series, drawing.low)) }
                }
            }
            p.span aria-hidden="true" {
                span { (distance(history.at, drawing.from)) }
                @if !drawing.restarts.is_empty() { span { "dashed: started afresh" } }
                span { "now" }
            }
            details id={ (key) "-table" } {
                summary { "As a table" span.unseen { ": " (name) } }
                (rows(&windows, series, &name, moment))
            }
        }
    }
}

fn caption(history: &History, link: Option<&str>) -> Markup {
    let text = html! {
        (title(&history.meter.series))
        @if history.meter.subject != "host" { " " code { (short(&history.meter.subject)) } }
    };
    html! { @if let Some(link) = link { a href=(link) { (text) } } @else { (text) } }
}

fn rows(windows: &[Window], series: &str, name: &str, moment: &Moment) -> Markup {
    let folded = fold(windows, ROWS);
    table(
        name,
        &["From", "Lowest", "Mean", "Highest"],
        folded.iter().rev().map(|window| {
            html! {
                td { (moment.at(window.at)) }
                td.number { (figure(series, window.min)) }
                td.number { (figure(series, window.mean)) }
                td.number { (figure(series, window.max)) }
            }
        }),
    )
}

/// The windows that lie within the span and can be drawn.
fn within(history: &History) -> Vec<Window> {
    let start = history.at.as_second() - history.span.seconds();
    history
        .windows
        .iter()
        .filter(|w| w.at.as_second() >= start && w.at <= history.at)
        .filter(|w| w.min.is_finite() && w.max.is_finite() && w.mean.is_finite())
        .copied()
        .collect()
}

/// Folds neighbours together until at most `most` are left.
fn fold(windows: &[Window], most: usize) -> Vec<Window> {
    let size = windows.len().div_ceil(most).max(1);
    windows
        .chunks(size)
        .map(|chunk| {
            let count: u32 = chunk.iter().fold(0, |sum, w| sum.saturating_add(w.count.max(1)));
            let sum: f64 = chunk.iter().map(|w| w.mean * f64::from(w.count.max(1))).sum();
            Window {
                at: chunk[0].at,
                epoch: chunk[0].epoch,
                count,
                min: chunk.iter().map(|w| w.min).fold(f64::INFINITY, f64::min),
                max: chunk.iter().map(|w| w.max).fold(f64::NEG_INFINITY, f64::max),
                mean: sum / f64::from(count),
            }
        })
        .collect()
}

/// The paths of a plot and the figures at its edges.
struct Drawing {
    /// Where the plot begins: not earlier than there is something to draw.
    from: Timestamp,
    low: f64,
    high: f64,
    least: f64,
    most: f64,
    last: f64,
    line: String,
    /// From the lowest to the highest of every window.
    band: String,
    /// Where the subject started afresh.
    restarts: String,
}

impl Drawing {
    fn of(windows: &[Window], history: &History) -> Option<Self> {
        let last = windows.last()?.mean;
        let least = windows.iter().map(|w| w.min).fold(f64::INFINITY, f64::min);
        let most = windows.iter().map(|w| w.max).fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = edges(least, most);
        let whole = history.span.seconds();
        let reach = history.at.as_second() - windows.first()?.at.as_second();
        let reach = reach.clamp(whole / 24, whole);
        let from = history.at - SignedDuration::from_secs(reach);
        let (start, seconds) = (from.as_second() as f64, reach as f64);
        let x = |w: &Window| (w.at.as_second() as f64 - start) / seconds * WIDTH;
        let y = |value: f64| HEIGHT - share(value, low, high) * HEIGHT;
        let mut drawing = Self {
            from,
            low,
            high,
            least,
            most,
            last,
            line: String::new(),
            band: String::new(),
            restarts: String::new(),
        };
        for pair in windows.windows(2) {
            if pair[0].epoch != pair[1].epoch {
                put(&mut drawing.restarts, format_args!("M{:.1} 0V{HEIGHT}", x(&pair[1])));
            }
        }
        for run in runs(windows) {
            for (place, w) in run.iter().enumerate() {
                let pen = if place == 0 { 'M' } else { 'L' };
                put(&mut drawing.line, format_args!("{pen}{:.1} {:.1}", x(w), y(w.mean)));
            }
            match run {
                // A line of no length with round ends is a dot, however it is stretched.
                [_] => drawing.line.push_str("h0"),
                _ if run.iter().all(|w| w.min == w.max) => {}
                _ => {
                    let there = run.iter().map(|w| (x(w), y(w.max)));
                    let back = run.iter().rev().map(|w| (x(w), y(w.min)));
                    for (place, (x, y)) in there.chain(back).enumerate() {
                        let pen = if place == 0 { 'M' } else { 'L' };
                        put(&mut drawing.band, format_args!("{pen}{x:.1} {y:.1}"));
                    }
                    drawing.band.push('Z');
                }
            }
        }
        Some(drawing)
    }
}

fn put(path: &mut String, text: std::fmt::Arguments<'_>) {
    path.write_fmt(text).expect("a String takes all text");
}

/// Cuts where the subject started afresh and where readings are missing: more than four times
/// the usual distance.
fn runs(windows: &[Window]) -> Vec<&[Window]> {
    let mut gaps: Vec<i64> =
        windows.windows(2).map(|w| w[1].at.as_second() - w[0].at.as_second()).collect();
    gaps.sort_unstable();
    let usual = gaps.get(gaps.len() / 2).copied().unwrap_or(0).max(1);
    windows
        .chunk_by(|a, b| {
            a.epoch == b.epoch && b.at.as_second() - a.at.as_second() <= usual.saturating_mul(4)
        })
        .collect()
}

/// The plot's edges: from zero where the values are far from each other, else a little around.
///
/// They hold all values between, and none of them is infinite, however large the values are.
fn edges(least: f64, most: f64) -> (f64, f64) {
    let (low, high) = if least >= 0.0 && (least == most || least < 0.6 * most) {
        (0.0, if most == 0.0 { 1.0 } else { most * 1.08 })
    } else {
        let around = if least == most {
            (least.abs() * 0.1).max(1.0)
        } else {
            // The difference of two finite values may be infinite, that of their tenths never.
            most * 0.1 - least * 0.1
        };
        (least - around, most + around)
    };
    (low.max(f64::MIN), high.min(f64::MAX))
}

/// Where a value lies between two edges, from 0 to 1.
fn share(value: f64, low: f64, high: f64) -> f64 {
    let whole = high - low;
    if whole.is_finite() {
        (value - low) / whole
    } else {
        (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use api::host_name::HostName;
    use api::reading::Meter;
    use api::request::Span;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn history(values: &[(i64, u64, f64)]) -> History {
        let at: Timestamp = "2026-11-20T12:00:00Z".parse().expect("a time");
        let window = |&(minutes, epoch, value): &(i64, u64, f64)| {
            Window::raw(at - SignedDuration::from_mins(minutes), epoch, value)
        };
        History {
            at,
            host: HostName::nearest("a"),
            meter: Meter::new("load", "host"),
            span: Span::Day,
            windows: values.iter().map(window).collect(),
        }
    }

    fn drawn(history: &History) -> Drawing {
        Drawing::of(&within(history), history).expect("a drawing")
    }

    #[test]
    fn a_line_breaks_at_a_restart_and_at_a_gap() {
        let drawing = drawn(&history(&[
            (720, 1, 0.0),
            (718, 1, 50.0),
            (716, 2, 10.0),
            (714, 2, 20.0),
            (360, 2, 100.0),
        ]));
        insta::assert_snapshot!(
            drawing.line,
            @"M0.0 120.0L1.7 64.4M3.3 108.9L5.0 97.8M300.0 8.9h0"
        );
        assert_eq!(drawing.restarts, "M3.3 0V120");
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        let odd =
            history(&[(1, 0, f64::NAN), (2, 0, f64::INFINITY), (9_999, 0, 1.0), (-5, 0, 1.0)]);
        assert!(within(&odd).is_empty());
        let moment = Moment { now: odd.at, zone: TimeZone::UTC };
        let page = plot(&odd, None, &moment).into_string();
        assert!(page.contains("No readings in the last day."), "{page}");
    }

    #[test]
    fn values_whose_difference_is_too_large_for_a_number_stay_within_the_edges() {
        for (least, most) in
            [(-1.438_915_969_585_219e308, 7.011_392_822_432_462e307), (f64::MIN, f64::MAX)]
        {
            let (low, high) = edges(least, most);
            assert!(low <= least && most <= high && low.is_finite() && high.is_finite());
            let places = [share(low, low, high), share(0.0, low, high), share(high, low, high)];
            assert!(places[0] == 0.0 && places[2] == 1.0, "{places:?}");
            assert!((0.3..0.8).contains(&places[1]), "{places:?}");
        }
    }

    proptest! {
        #[test]
        fn no_value_breaks_a_plot(values in prop::collection::vec(
            (0i64..1_440, 0u64..3, prop::num::f64::ANY), 0..60)) {
            let mut values = values;
            values.sort_by_key(|value| -value.0);
            let history = history(&values);
            let moment = Moment { now: history.at, zone: TimeZone::UTC };
            let page = plot(&history, None, &moment).into_string();
            prop_assert!(page.ends_with("</figure>"));
            if let Some(drawing) = Drawing::of(&within(&history), &history) {
                for number in drawing.line.split(['M', 'L', ' ', 'h']).filter(|n| !n.is_empty()) {
                    let number: f64 = number.parse().expect("a number");
                    prop_assert!((-1.0..=601.0).contains(&number), "{number} in {}", drawing.line);
                }
            }
        }
    }
}
