//! Why a request is turned away, and the short page that says so.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, html};

/// A reason to turn a request away before anything is asked of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Neither GET nor HEAD.
    Method,
    /// The `Host` header is missing, doubled or unreadable.
    NoHost,
    /// The `Host` header names another site: DNS rebinding, or a tunnel from another port.
    OtherHost,
    /// Another site sent the browser here.
    CrossSite,
    /// No session, and no link that is still good.
    NoSession,
    /// The browser was guessing ahead; a link must not be used up by that.
    Prefetch,
}

impl Refused {
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoHost => StatusCode::BAD_REQUEST,
            Self::OtherHost => StatusCode::MISDIRECTED_REQUEST,
            Self::CrossSite | Self::NoSession | Self::Prefetch => StatusCode::FORBIDDEN,
        }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Method => ("This page only shows", "Only GET and HEAD are answered here."),
            Self::NoHost => ("Which site?", "The request names no host."),
            Self::OtherHost => (
                "Not this address",
                "The page answers as 127.0.0.1, localhost or [::1] at its own port only. Through an \
                 ssh tunnel, use the same port on both sides: ssh -L PORT:127.0.0.1:PORT HOST.",
            ),
            Self::CrossSite => (
                "Another site sent you",
                "The page takes no visits from links or scripts of other sites. Open the link from \
                 the terminal, or type the address.",
            ),
            Self::NoSession => (
                "This door is shut",
                "A link from the terminal opens the page once, in one browser. For a fresh link, \
                 run `stead link` while `stead up` runs, or start `stead up` again.",
            ),
            Self::Prefetch => ("Not ahead of time", "The page is not loaded before it is opened."),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (title, text) = self.words();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) " – stead" }
                }
                body { main { h1 { (title) } p { (text) } } }
            }
        };
        let mut response = (self.status(), Html(page.into_string())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        if self == Self::Method {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}
