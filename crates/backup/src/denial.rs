//! What an S3 server refuses, and the way out.
//!
//! Leaves out what may go well in a moment.

use std::fmt::{self, Display, Formatter};

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use model::text::{printable, span};

/// How much of a refusal is read, in bytes.
pub const LONGEST: u64 = 64 << 10;
/// A server refuses what was signed by a clock that differs by more; S3 says 15 minutes.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// Why a server refuses; the same request would be refused again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The secret key is not that of the access key.
    Secret,
    /// The server knows no such access key.
    Access,
    /// Whoever this is may not do that.
    Rights(String),
    Bucket,
    /// The clocks differ, in seconds: positive where ours is ahead.
    Clock(i64),
    /// Nobody this machine trusts vouches for the server.
    Untrusted(String),
}

impl Display for Denial {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret => write!(to, "the secret key is not the one of this access key"),
            Self::Access => write!(to, "it knows no such access key"),
            Self::Rights(said) if said.is_empty() => write!(to, "this access key may not do that"),
            Self::Rights(said) => write!(to, "this access key may not do that: {said}"),
            Self::Bucket => write!(to, "there is no such bucket"),
            Self::Clock(seconds) => write!(
                to,
                "this machine's clock is {} {} of the server's",
                span(seconds.unsigned_abs()),
                if *seconds > 0 { "ahead" } else { "short" }
            ),
            Self::Untrusted(said) => write!(to, "its certificate is not to be trusted: {said}"),
        }
    }
}

impl Denial {
    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Secret | Self::Access => {
                "correct `access_key` and `secret_key` in \
                 /var/lib/stead/backup/credentials/TARGET"
            }
            Self::Rights(_) => {
                "let it list, read and write below the prefix; to prune, use credentials that may \
                 remove"
            }
            Self::Bucket => "make the bucket there first, or correct `bucket` in stead.toml",
            Self::Clock(_) => {
                "`timedatectl` says whether the clock is synchronised; `timedatectl set-ntp true` \
                 makes it so"
            }
            Self::Untrusted(_) => {
                "the certificate of your own authority goes into /usr/local/share/ca-certificates \
                 as NAME.crt, then `update-ca-certificates`"
            }
        }
        .to_owned()
    }
}

/// What a refusal says; `None` where it is none of these. `date` is the answer's own.
///
/// Source: the error codes in Amazon's public S3 API reference.
pub fn told(status: u16, body: &str, date: Option<&str>, now: Timestamp) -> Option<Denial> {
    let code = within(body, "Code").unwrap_or_default();
    let skew = date.and_then(|date| rfc2822::parse(date).ok());
    let skew = skew.map(|date| now.duration_since(date.timestamp()));
    let is_skewed = skew.filter(|skew| skew.abs() > SKEW);
    match (status, code) {
        (403, "RequestTimeTooSkewed") => Some(Denial::Clock(skew.map_or(0, |skew| skew.as_secs()))),
        // Signed in an address, a request is told to have ended, or not to have begun.
        (400 | 403, _) if is_skewed.is_some() => {
            is_skewed.map(|skew| Denial::Clock(skew.as_secs()))
        }
        (_, "SignatureDoesNotMatch") => Some(Denial::Secret),
        (_, "InvalidAccessKeyId" | "InvalidClientTokenId") => Some(Denial::Access),
        (_, "NoSuchBucket") => Some(Denial::Bucket),
        (401 | 403, _) => {
            let said = within(body, "Message").unwrap_or_default();
            Some(Denial::Rights(printable(said, 300)))
        }
        _ => None,
    }
}

/// What a certificate is refused for.
pub fn untrusted(error: &ureq::Error) -> Option<Denial> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        let inner = one.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let found = one.downcast_ref::<rustls::Error>();
        let found = found.or_else(|| inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()));
        if let Some(rustls::Error::InvalidCertificate(reason)) = found {
            return Some(Denial::Untrusted(printable(&reason.to_string(), 300)));
        }
        cause = one.source();
    }
    // What the client wraps otherwise still says it.
    let text = error.to_string();
    text.contains("invalid peer certificate").then(|| Denial::Untrusted(printable(&text, 300)))
}

fn within<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, code: &str, date: Option<&str>) -> Option<Denial> {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
        told(status, &body, date, "2026-11-21T12:20:00Z".parse().expect("a time"))
    }

    #[test]
    fn each_refusal_is_told_with_its_way_out() {
        assert_eq!(of(403, "SignatureDoesNotMatch", None), Some(Denial::Secret));
        assert_eq!(of(403, "InvalidAccessKeyId", None), Some(Denial::Access));
        assert_eq!(of(404, "NoSuchBucket", None), Some(Denial::Bucket));
        assert_eq!(of(403, "AccessDenied", None), Some(Denial::Rights(String::new())));
        assert_eq!(of(404, "NoSuchKey", None), None);
        assert_eq!(of(503, "SlowDown", None), None);
        let date = Some("Sat, 21 Nov 2026 12:00:00 GMT");
        for code in ["RequestTimeTooSkewed", "AccessDenied", "SignatureDoesNotMatch"] {
            assert_eq!(of(403, code, date), Some(Denial::Clock(1200)), "{code}");
        }
        let soon = Some("Sat, 21 Nov 2026 12:19:00 GMT");
        assert_eq!(of(403, "SignatureDoesNotMatch", soon), Some(Denial::Secret));
        assert_eq!(
            Denial::Clock(1200).to_string(),
            "this machine's clock is 20 min ahead of the server's"
        );
        let hostile = told(403, "<Message>\u{1b}[2J</Message>", None, Timestamp::UNIX_EPOCH);
        assert_eq!(hostile, Some(Denial::Rights("\\u{1b}[2J".to_owned())));
    }
}
