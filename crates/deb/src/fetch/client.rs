//! The HTTP client: one request for one piece of something.
//!
//! Leaves out what is done with the answer, and trying again.

use std::io::Read;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::crypto::ring;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::fetch::address::shown;
use crate::fetch::error::Error;

/// For a connection, with its TLS handshake.
const CONNECT: Duration = Duration::from_secs(20);
/// For the head of an answer.
const ANSWER: Duration = Duration::from_secs(60);
/// For any single piece of a body: a stalled server is left.
const STALL: Duration = Duration::from_secs(60);
/// For all of one request.
const WHOLE: Duration = Duration::from_secs(4 * 3600);

/// Asks web servers, through the proxy of the environment if there is one, and trusts the
/// authorities of the system or of `SSL_CERT_FILE`.
#[derive(Debug, Default)]
pub struct Client {
    agent: OnceLock<Agent>,
}

/// What a server has begun to send.
pub struct Answer {
    pub body: Box<dyn Read>,
    /// The byte of the whole at which the body begins.
    pub start: u64,
    /// Of the whole, in bytes, if the server says so.
    pub total: Option<u64>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Refusal {
    /// It may be better in a moment.
    Passing(ureq::Error),
    /// It will not.
    Lasting(ureq::Error),
    /// The server has nothing beyond the byte that was asked for.
    BeyondTheEnd,
    NoRoots,
}

impl Client {
    /// Asks for what lies at `url`, from this byte on.
    pub fn ask(&self, url: &str, from: u64, accept: &str) -> Result<Answer, Refusal> {
        let mut request = self.agent()?.get(url).header("accept", accept);
        // Sums are those of the bytes as they lie there: no compression on the way.
        request = request.header("accept-encoding", "identity");
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        let response = request.call().map_err(|error| match error {
            ureq::Error::StatusCode(416) if from > 0 => Refusal::BeyondTheEnd,
            ureq::Error::StatusCode(408 | 425 | 429 | 500..) => Refusal::Passing(error),
            ureq::Error::StatusCode(_)
            | ureq::Error::BadUri(_)
            | ureq::Error::Http(_)
            | ureq::Error::InvalidProxyUrl
            | ureq::Error::TooManyRedirects
            | ureq::Error::Rustls(rustls::Error::InvalidCertificate(_)) => Refusal::Lasting(error),
            _ => Refusal::Passing(error),
        })?;
        let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        let range = (response.status().as_u16() == 206)
            .then(|| header("content-range").and_then(|text| content_range(&text)))
            .flatten();
        let length = header("content-length").and_then(|text| text.parse().ok());
        let (start, total) = range.unwrap_or((0, length));
        Ok(Answer { start, total, body: Box::new(response.into_body().into_reader()) })
    }

    fn agent(&self) -> Result<&Agent, Refusal> {
        if let Some(agent) = self.agent.get() {
            return Ok(agent);
        }
        let roots = rustls_native_certs::load_native_certs().certs;
        if roots.is_empty() {
            return Err(Refusal::NoRoots);
        }
        let roots: Vec<Certificate<'static>> =
            roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(RootCerts::new_with_certs(&roots))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .user_agent(concat!("stead/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .timeout_per_read(Some(STALL))
            .timeout_global(Some(WHOLE))
            .build()
            .new_agent();
        Ok(self.agent.get_or_init(|| agent))
    }
}

impl Refusal {
    /// Says for people that `url` was refused after so many attempts.
    pub fn error(self, url: &str, attempts: u32) -> Error {
        let url = shown(url);
        match self {
            Self::Passing(ureq::Error::StatusCode(status))
            | Self::Lasting(ureq::Error::StatusCode(status)) => Error::Status { url, status },
            Self::Passing(source) | Self::Lasting(source) => {
                Error::Transfer { url, attempts, source: Box::new(source) }
            }
            Self::BeyondTheEnd => Error::Status { url, status: 416 },
            Self::NoRoots => Error::NoRoots { url },
        }
    }
}

/// `bytes 100-199/200` is `(100, Some(200))`, RFC 9110 §14.4.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, total.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_says_where_it_begins() {
        assert_eq!(content_range("bytes 100-199/200"), Some((100, Some(200))));
        assert_eq!(content_range("bytes 100-199/*"), Some((100, None)));
        assert_eq!(content_range("items 1-2/3"), None);
    }
}
