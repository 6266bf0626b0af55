//! Decides from a request's head alone whether it may be answered.
//!
//! Leaves out whose session it is: that is `doors`'.

use axum::http::{HeaderMap, Method, Uri, header};

use crate::refused::Refused;

/// Turns away what no browser of this page's own reader, and no scraper, would send.
///
/// `Host` stops DNS rebinding: a page of another name that resolves to this machine sends that
/// name. `Origin` and `Sec-Fetch-Site` stop other sites, other ports of this machine included;
/// a link clicked in a terminal is sent with `Sec-Fetch-Site: none`.
pub(crate) fn examine(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    port: u16,
) -> Result<(), Refused> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Refused::Method);
    }
    let host = only(headers, header::HOST).ok_or(Refused::NoHost)?;
    let named = uri.authority().is_none_or(|authority| authority.as_str() == host);
    if !named || !is_own(host, port) {
        return Err(Refused::OtherHost);
    }
    if headers.contains_key(header::ORIGIN) {
        let own = only(headers, header::ORIGIN)
            .and_then(|origin| origin.strip_prefix("http://"))
            .is_some_and(|origin| origin == host);
        if !own {
            return Err(Refused::CrossSite);
        }
    }
    if headers.contains_key("sec-fetch-site")
        && !matches!(only(headers, "sec-fetch-site"), Some("none" | "same-origin"))
    {
        return Err(Refused::CrossSite);
    }
    let ahead = ["sec-purpose", "purpose"].iter().any(|name| {
        headers.get_all(*name).iter().any(|value| {
            value.to_str().is_ok_and(|v| v.contains("prefetch") || v.contains("prerender"))
        })
    });
    if ahead { Err(Refused::Prefetch) } else { Ok(()) }
}

/// The value of a header that stands exactly once.
fn only(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn is_own(host: &str, port: u16) -> bool {
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
        host.strip_prefix(name).is_some_and(|rest| {
            rest.strip_prefix(':').map_or(port == 80 && rest.is_empty(), |digits| {
                digits.parse() == Ok(port) && !digits.starts_with('+')
            })
        })
    })
}

/// The value of the cookie of that name. Of several, the first: a browser sends one.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// The token of `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    only(headers, header::AUTHORIZATION)?.strip_prefix("Bearer ")
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn visit(method: &str, lines: &[(&str, &str)]) -> Result<(), Refused> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        examine(&method, &Uri::from_static("/"), &headers, 7447)
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:7447");

    #[test]
    fn own_visits_pass() {
        for host in ["127.0.0.1:7447", "localhost:7447", "[::1]:7447"] {
            assert_eq!(visit("GET", &[("host", host)]), Ok(()));
        }
        assert_eq!(visit("HEAD", &[HOST, ("sec-fetch-site", "none")]), Ok(()));
        assert_eq!(visit("GET", &[HOST, ("sec-fetch-site", "same-origin")]), Ok(()));
        assert_eq!(visit("GET", &[HOST, ("origin", "http://127.0.0.1:7447")]), Ok(()));
    }

    #[test]
    fn only_reading_is_answered() {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "BREW"] {
            assert_eq!(visit(method, &[HOST]), Err(Refused::Method), "{method}");
        }
    }

    #[test]
    fn a_rebound_name_is_refused() {
        assert_eq!(visit("GET", &[]), Err(Refused::NoHost));
        assert_eq!(visit("GET", &[HOST, HOST]), Err(Refused::NoHost));
        for host in [
            "evil.example",
            "evil.example:7447",
            "127.0.0.1",
            "127.0.0.1:7448",
            "127.0.0.1:7447.evil.example",
            "127.0.0.1.evil.example:7447",
            "localhost:+7447",
            "localhost:",
            "user@localhost:7447",
            "0.0.0.0:7447",
        ] {
            assert_eq!(visit("GET", &[("host", host)]), Err(Refused::OtherHost), "{host}");
        }
    }

    #[test]
    fn other_sites_are_refused() {
        for site in ["cross-site", "same-site", "", "none, none"] {
            let visit = visit("GET", &[HOST, ("sec-fetch-site", site)]);
            assert_eq!(visit, Err(Refused::CrossSite), "{site}");
        }
        for origin in
            ["null", "http://evil.example", "https://127.0.0.1:7447", "http://localhost:7447"]
        {
            assert_eq!(visit("GET", &[HOST, ("origin", origin)]), Err(Refused::CrossSite));
        }
    }

    #[test]
    fn a_browser_that_guesses_ahead_uses_no_link_up() {
        let ahead = ("sec-purpose", "prefetch;prerender");
        assert_eq!(visit("GET", &[HOST, ahead]), Err(Refused::Prefetch));
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", HeaderValue::from_static("a=b; stead-74470=no;stead-7447=yes"));
        assert_eq!(cookie(&headers, "stead-7447"), Some("yes"));
        assert_eq!(cookie(&headers, "stead"), None);
    }
}
