//! The frame around every page: head, ways around, the place for live updates.

use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use crate::assets::{SCRIPT, STYLE};
use crate::show::moment::Moment;

/// What the frame says about the page within.
pub(crate) struct Frame {
    pub(crate) title: String,
    /// The path of the page's entry in the ways around; empty if it has none.
    pub(crate) place: &'static str,
    /// What changed last before the page was made.
    pub(crate) version: u64,
    /// The page in one sentence; it is read out when an update changes it.
    pub(crate) summary: String,
    pub(crate) moment: Moment,
}

const WAYS: [(&str, &str); 2] = [("/", "Overview"), ("/changes", "Changes")];

impl Frame {
    pub(crate) fn around(&self, main: &Markup) -> Response {
        Html(self.markup(main).into_string()).into_response()
    }

    fn markup(&self, main: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " – stead" }
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href=(STYLE.path());
                    script src=(SCRIPT.path()) defer {}
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header {
                        a.mark href="/" { "stead" }
                        nav aria-label="Pages" {
                            ul {
                                @for (path, name) in WAYS {
                                    li {
                                        a href=(path) aria-current=[(path == self.place).then_some("page")] {
                                            (name)
                                        }
                                    }
                                }
                            }
                        }
                        p #live hidden {}
                    }
                    main #main tabindex="-1" data-version=(self.version) data-now=(self.moment.now)
                        data-summary=(self.summary) {
                        (main)
                        p.asof {
                            "As of " time datetime=(self.moment.now) { (self.moment.clock(self.moment.now)) }
                            "." noscript { " Reload the page to see newer." }
                        }
                    }
                    p #said .unseen role="status" {}
                }
            }
        }
    }
}
