//! Which path is answered with which page, and what every answer carries.

use std::sync::Arc;
use std::time::Duration;

use api::answer::Answer;
use api::host_name::HostName;
use api::reading::Meter;
use api::refusal::Refusal;
use api::reply::Reply;
use api::request::{Request as Ask, Span};
use api::view::changes::Changes;
use api::view::digest::Digest;
use api::view::history::History;
use api::view::host::Host;
use api::view::metrics::Metrics;
use api::view::overview::Overview;
use api::view::timers::Timers;
use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::join_all;
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;
use tokio::time::timeout;

use crate::assets::{SCRIPT, STYLE};
use crate::doors::Doors;
use crate::events::Gallery;
use crate::frame::Frame;
use crate::guard;
use crate::metrics;
use crate::page;
use crate::refused::Refused;
use crate::show::moment::Moment;

/// How long the node may take to answer for one page.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many changes a page is made of; a first look at a machine alone notes a thousand facts.
const CHANGES: u32 = 2000;

/// What every handler needs.
#[derive(Clone)]
struct Hall {
    answer: Arc<dyn Answer>,
    doors: Doors,
    gallery: Gallery,
}

pub(crate) fn router(answer: Arc<dyn Answer>, doors: Doors) -> Router {
    let hall = Hall { answer, doors, gallery: Gallery::default() };
    Router::new()
        .route("/", get(overview))
        .route("/changes", get(changes))
        .route("/hosts/{host}", get(host))
        .route("/hosts/{host}/changes", get(host_changes))
        .route("/hosts/{host}/history", get(history))
        .route("/hosts/{host}/timers", get(timers))
        .route("/hosts/{host}/logs", get(logs))
        .route("/events", get(events))
        .route("/metrics", get(scrape))
        .route(&STYLE.path(), get(async || &STYLE))
        .route(&SCRIPT.path(), get(async || &SCRIPT))
        .fallback(absent)
        .layer(middleware::from_fn_with_state(hall.clone(), door))
        .with_state(hall)
}

/// Turns away who may not come in, lets a link in once, and puts the safety lines on every answer.
async fn door(State(hall): State<Hall>, request: Request, next: Next) -> Response {
    let mut response = match enter(&hall.doors, &request) {
        Ok(None) => next.run(request).await,
        Ok(Some(redirect)) => redirect,
        Err(refused) => refused.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in SAFETY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Nothing but this page's own style, script and events is ever loaded, and no page frames it.
const SAFETY: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    ),
];

#[derive(Deserialize)]
struct TokenQuery {
    token: Option<String>,
}

/// Lets the request on (`None`), or answers it with the way in.
fn enter(doors: &Doors, request: &Request) -> Result<Option<Response>, Refused> {
    let (headers, uri) = (request.headers(), request.uri());
    guard::examine(request.method(), uri, headers, doors.port())?;
    let known = guard::cookie(headers, &doors.cookie_name())
        .is_some_and(|value| doors.knows_session(value));
    let token = Query::<TokenQuery>::try_from_uri(uri).ok().and_then(|query| query.0.token);
    if let ("/", true, Some(token)) = (uri.path(), request.method() == "GET", token) {
        // Without random bytes there is no session; the link is still good.
        return match doors.open(&token).map_err(|_| Refused::NoSession)? {
            Some(session) => Ok(Some(welcome(Some(&format!(
                "{}={session}; Path=/; HttpOnly; SameSite=Strict",
                doors.cookie_name()
            ))))),
            // The same browser came again with the link it has used: Back, or a reload.
            None if known => Ok(Some(welcome(None))),
            None => Err(Refused::NoSession),
        };
    }
    let scraper = uri.path() == "/metrics"
        && guard::bearer(headers).is_some_and(|token| doors.knows_scraper(token));
    if known || scraper { Ok(None) } else { Err(Refused::NoSession) }
}

/// Sends the browser to the page, away from the address with the token in it.
fn welcome(cookie: Option<&str>) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response();
    if let Some(value) = cookie.and_then(|cookie| HeaderValue::from_str(cookie).ok()) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

impl Hall {
    async fn ask<V: TryFrom<Reply, Error = Refusal>>(&self, request: Ask) -> Result<V, Refusal> {
        let reply = timeout(PATIENCE, self.answer.ask(request)).await.unwrap_or_else(|_| {
            Err(Refusal::NotYet(format!("the node took more than {} s", PATIENCE.as_secs())))
        })?;
        V::try_from(reply)
    }

    /// What changed last. Taken before the question: a change in between is then seen as newer.
    fn version(&self) -> u64 {
        *self.answer.changes().borrow()
    }
}

/// A page ready for its frame.
struct Page {
    title: String,
    place: &'static str,
    summary: String,
    at: Timestamp,
    main: Markup,
}

/// Frames a page, or says why there is none.
fn framed(version: u64, page: Result<Page, Refusal>) -> Response {
    let (status, page) = match page {
        Ok(page) => (StatusCode::OK, page),
        Err(refusal) => {
            let (title, status, main) = page::none::none(&refusal);
            let at = Timestamp::now();
            let title = title.to_owned();
            (status, Page { summary: format!("{title}."), title, place: "", at, main })
        }
    };
    let frame = Frame {
        title: page.title,
        place: page.place,
        version,
        summary: page.summary,
        moment: Moment::of(page.at),
    };
    (status, frame.around(&page.main)).into_response()
}

async fn overview(State(hall): State<Hall>) -> Response {
    let version = hall.version();
    let page = hall.ask::<Overview>(Ask::Overview).await.map(|view| Page {
        title: "Overview".to_owned(),
        place: "/",
        summary: page::overview::summary(&view),
        at: view.at,
        main: page::overview::overview(&view, &Moment::of(view.at)),
    });
    framed(version, page)
}

async fn changes(State(hall): State<Hall>) -> Response {
    let version = hall.version();
    let page = hall.ask::<Changes>(Ask::Changes { host: None, limit: CHANGES }).await.map(|view| {
        let moment = Moment::of(view.at);
        Page {
            title: "Changes".to_owned(),
            place: "/changes",
            summary: page::changes::summary(&view),
            at: view.at,
            main: html! { h1 { "Changes" } (page::changes::changes(&view, None, &moment)) },
        }
    });
    framed(version, page)
}

/// The host of a path.
fn named(host: &str) -> Result<HostName, Refusal> {
    host.parse().map_err(|error: api::host_name::BadHostName| Refusal::Absent(error.to_string()))
}

async fn host(State(hall): State<Hall>, Path(name): Path<String>) -> Response {
    let version = hall.version();
    let page = async {
        let host = named(&name)?;
        let view: Host = hall.ask(Ask::Host { host: host.clone() }).await?;
        let asked = page::host::drawn(&view.meters).into_iter().map(|meter| {
            hall.ask::<History>(Ask::History { host: host.clone(), meter, span: Span::Day })
        });
        // A plot that cannot be had is left out; its meter stands in the table.
        let histories: Vec<History> =
            join_all(asked).await.into_iter().filter_map(Result::ok).collect();
        Ok(Page {
            title: host.to_string(),
            place: "",
            summary: page::host::summary(&view),
            at: view.at,
            main: page::host::host(&view, &histories, &Moment::of(view.at)),
        })
    };
    framed(version, page.await)
}

async fn host_changes(State(hall): State<Hall>, Path(name): Path<String>) -> Response {
    let version = hall.version();
    let page = async {
        let host = named(&name)?;
        let asked = Ask::Changes { host: Some(host.clone()), limit: CHANGES };
        let view: Changes = hall.ask(asked).await?;
        let moment = Moment::of(view.at);
        Ok(Page {
            title: format!("Changes on {host}"),
            place: "",
            summary: page::changes::summary(&view),
            at: view.at,
            main: html! {
                (page::host::head(host.as_str(), "/changes"))
                (page::changes::changes(&view, Some(host.as_str()), &moment))
            },
        })
    };
    framed(version, page.await)
}

#[derive(Deserialize)]
struct HistoryQuery {
    series: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    span: Span,
}

async fn history(
    State(hall): State<Hall>,
    Path(name): Path<String>,
    query: Result<Query<HistoryQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let version = hall.version();
    let page = async {
        let host = named(&name)?;
        let Query(HistoryQuery { series, subject, span }) =
            query.map_err(|error| Refusal::Bad(error.body_text()))?;
        let meter = Meter { series, subject };
        let asked = Ask::History { host: host.clone(), meter, span };
        let view: History = hall.ask(asked).await?;
        Ok(Page {
            title: format!("{} of {host}", crate::show::figure::title(&view.meter.series)),
            place: "",
            summary: String::new(),
            at: view.at,
            main: html! {
                (page::host::head(host.as_str(), "/history"))
                (page::history::history(&view, &Moment::of(view.at)))
            },
        })
    };
    framed(version, page.await)
}

async fn timers(State(hall): State<Hall>, Path(name): Path<String>) -> Response {
    let version = hall.version();
    let page = async {
        let host = named(&name)?;
        let view: Timers = hall.ask(Ask::Timers { host: host.clone() }).await?;
        Ok(Page {
            title: format!("Timers on {host}"),
            place: "",
            summary: page::timers::summary(&view),
            at: view.at,
            main: html! {
                (page::host::head(host.as_str(), "/timers"))
                (page::timers::timers(&view, &Moment::of(view.at)))
            },
        })
    };
    framed(version, page.await)
}

async fn logs(State(hall): State<Hall>, Path(name): Path<String>) -> Response {
    let version = hall.version();
    let page = async {
        let host = named(&name)?;
        let view: Digest = hall.ask(Ask::Digest { host: host.clone() }).await?;
        Ok(Page {
            title: format!("Logs of {host}"),
            place: "",
            summary: page::logs::summary(&view),
            at: view.at,
            main: html! {
                (page::host::head(host.as_str(), "/logs"))
                (page::logs::logs(&view, &Moment::of(view.at)))
            },
        })
    };
    framed(version, page.await)
}

async fn events(State(hall): State<Hall>) -> Response {
    hall.gallery.listen(hall.answer.changes())
}

async fn scrape(State(hall): State<Hall>, headers: HeaderMap) -> Response {
    match hall.ask::<Metrics>(Ask::Metrics).await {
        Ok(view) => {
            let plain = headers
                .get(header::ACCEPT)
                .and_then(|accept| accept.to_str().ok())
                .is_some_and(|accept| accept.starts_with("text/html"));
            // A browser shows only what it takes for plain text.
            let kind = if plain { "text/plain; charset=utf-8" } else { metrics::KIND };
            ([(header::CONTENT_TYPE, kind)], metrics::encoded(&view)).into_response()
        }
        Err(refusal) => {
            let (_, status, _) = page::none::none(&refusal);
            (status, refusal.to_string()).into_response()
        }
    }
}

async fn absent(State(hall): State<Hall>) -> Response {
    framed(hall.version(), Err(Refusal::Absent("page of this address".to_owned())))
}
