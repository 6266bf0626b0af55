//! One meter's history, with its spans to choose from.

use api::request::Span;
use api::view::history::History;
use maud::{Markup, html};

use crate::show::moment::Moment;
use crate::show::plot::plot;
use crate::show::words::query;

/// The longest name of a meter that fits into a path, in bytes.
const LONGEST: usize = 500;

/// The path of a meter's page; `None` for a name that is too long to be asked for.
pub(crate) fn path(host: &str, series: &str, subject: &str, span: Span) -> Option<String> {
    let fits = series.len() + subject.len() <= LONGEST;
    fits.then(|| {
        format!(
            "/hosts/{host}/history?series={}&subject={}&span={}",
            query(series),
            query(subject),
            span.word()
        )
    })
}

pub(crate) fn history(view: &History, moment: &Moment) -> Markup {
    html! {
        nav aria-label="Time shown" {
            ul.spans {
                @for span in Span::ALL {
                    li {
                        a href=[path(view.host.as_str(), &view.meter.series, &view.meter.subject, span)]
                            aria-current=[(span == view.span).then_some("true")] { (span.word()) }
                    }
                }
            }
        }
        div.large { (plot(view, None, moment)) }
    }
}
