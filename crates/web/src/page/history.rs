//! One meter's history, with its spans to choose from.

use api::request::Span;
use api::view::history::History;
use maud::{Markup, html};

use crate::show::moment::Moment;
use crate::show::plot::plot;
use crate::show::words::query;

/// The path of a meter's page.
pub(crate) fn path(host: &str, series: &str, subject: &str, span: Span) -> String {
    format!(
        "/hosts/{host}/history?series={}&subject={}&span={}",
        query(series),
        query(subject),
        span.word()
    )
}

pub(crate) fn history(view: &History, moment: &Moment) -> Markup {
    html! {
        nav aria-label="Time shown" {
            ul.spans {
                @for span in Span::ALL {
                    li {
                        a href=(path(view.host.as_str(), &view.meter.series, &view.meter.subject, span))
                            aria-current=[(span == view.span).then_some("true")] { (span.word()) }
                    }
                }
            }
        }
        div.large { (plot(view, None, moment)) }
    }
}
