//! The style and the script, under names that change with their content.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// A file that is built in.
pub(crate) struct Asset {
    /// `/style.` or `/script.`.
    stem: &'static str,
    extension: &'static str,
    kind: &'static str,
    text: &'static str,
}

pub(crate) const STYLE: Asset = Asset {
    stem: "/style.",
    extension: ".css",
    kind: "text/css; charset=utf-8",
    text: include_str!("../assets/style.css"),
};

pub(crate) const SCRIPT: Asset = Asset {
    stem: "/script.",
    extension: ".js",
    kind: "text/javascript; charset=utf-8",
    text: include_str!("../assets/script.js"),
};

impl Asset {
    /// The path it is served at: a browser may keep what lies there for ever.
    pub(crate) fn path(&self) -> String {
        format!("{}{:016x}{}", self.stem, fingerprint(self.text), self.extension)
    }
}

impl IntoResponse for &Asset {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.kind)),
            (
                header::CACHE_CONTROL,
                HeaderValue::from_static("private, max-age=31536000, immutable"),
            ),
        ];
        (headers, self.text).into_response()
    }
}

/// FNV-1a, 64 bit (<http://www.isthe.com/chongo/tech/comp/fnv/>): tells two releases apart, and
/// guards nothing.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
