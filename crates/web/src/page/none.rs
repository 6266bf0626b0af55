//! What is shown where there is no answer.

use api::refusal::Refusal;
use axum::http::StatusCode;
use maud::{Markup, html};

use crate::show::words::{capitalised, shown};

/// The page's title, its status and its content.
pub(crate) fn none(refusal: &Refusal) -> (&'static str, StatusCode, Markup) {
    let (title, status) = match refusal {
        Refusal::Absent(_) => ("Nothing here", StatusCode::NOT_FOUND),
        Refusal::NotYet(_) => ("Not yet", StatusCode::SERVICE_UNAVAILABLE),
        Refusal::Bad(_) => ("A bad question", StatusCode::BAD_REQUEST),
        Refusal::Failed(_) => ("No answer", StatusCode::INTERNAL_SERVER_ERROR),
    };
    let main = html! {
        h1 { (title) }
        p { (sentence(&refusal.to_string())) }
        p { a href="/" { "Back to the overview" } }
    };
    (title, status, main)
}

fn sentence(text: &str) -> String {
    capitalised(&shown(text)) + "."
}
