//! A folder of files that anybody on this machine may read: a repository's, for apt.
//!
//! Ranges and `If-Modified-Since` are answered; folders are not listed. Leaves out sessions.

use std::path::Path;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::services::ServeDir;

use crate::guard;

/// Serves what is in the folder to requests that name this machine and the port.
pub(crate) fn router(folder: &Path, port: u16) -> Router {
    let files = ServeDir::new(folder).append_index_html_on_directories(false);
    Router::new().fallback_service(files).layer(from_fn_with_state(port, door))
}

/// A page of another site may neither read it under its own name nor be made of it.
async fn door(State(port): State<u16>, request: Request, next: Next) -> Response {
    let allowed = guard::examine(request.method(), request.uri(), request.headers(), port);
    let mut response = match allowed {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    response
}
