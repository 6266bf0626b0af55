//! Who may come in: one-time links, the sessions they open, and the scraper's token.
//!
//! Leaves out what a request looks like: that is `guard`'s.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::secret::Secret;

/// How many unused links may wait; the oldest gives way.
const LINKS: usize = 8;
/// How many browsers may be in at once; the oldest gives way.
const SESSIONS: usize = 32;

/// The page's doors. Clones share them, so that the node makes links to the page it serves.
#[derive(Clone, Debug)]
pub struct Doors(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    address: SocketAddr,
    metrics: Option<Secret>,
    keys: Mutex<Keys>,
}

#[derive(Debug, Default)]
struct Keys {
    links: VecDeque<Secret>,
    sessions: VecDeque<Secret>,
}

impl Doors {
    /// Doors of the page at `address`, as the listener tells it. Whoever knows `metrics_token`
    /// (at least 16 characters, else it opens nothing) may read `/metrics` without a session.
    pub fn new(address: SocketAddr, metrics_token: Option<String>) -> Self {
        Self(Arc::new(Inner {
            address,
            metrics: metrics_token.and_then(Secret::given),
            keys: Mutex::default(),
        }))
    }

    /// The page's address without a secret, to show in a status.
    pub fn url(&self) -> String {
        format!("http://{}/", self.0.address)
    }

    /// Makes a URL that opens the page once.
    ///
    /// # Errors
    /// [`Error::Random`] when the kernel gives no random bytes.
    pub fn link(&self) -> Result<String, Error> {
        let secret = Secret::new()?;
        let url = format!("{}?token={}", self.url(), secret.reveal());
        keep(&mut self.keys().links, secret, LINKS);
        Ok(url)
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.address.port()
    }

    /// The session's cookie has the port in its name: cookies do not tell ports apart.
    pub(crate) fn cookie_name(&self) -> String {
        format!("stead-{}", self.port())
    }

    /// Uses a link up and opens a session; gives the cookie's value.
    pub(crate) fn open(&self, token: &str) -> Result<Option<String>, Error> {
        let session = Secret::new()?;
        let value = session.reveal().to_owned();
        let mut keys = self.keys();
        let Some(place) = find(&keys.links, token) else { return Ok(None) };
        keys.links.remove(place);
        keep(&mut keys.sessions, session, SESSIONS);
        Ok(Some(value))
    }

    pub(crate) fn knows_session(&self, value: &str) -> bool {
        find(&self.keys().sessions, value).is_some()
    }

    pub(crate) fn knows_scraper(&self, token: &str) -> bool {
        self.0.metrics.as_ref().is_some_and(|secret| secret.is(token))
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        // Each change of the keys is a single step: a panic cannot leave them half done.
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at every secret, so that the time taken tells nothing about which one fits.
fn find(secrets: &VecDeque<Secret>, text: &str) -> Option<usize> {
    secrets.iter().enumerate().fold(
        None,
        |found, (place, secret)| {
            if secret.is(text) { Some(place) } else { found }
        },
    )
}

fn keep(secrets: &mut VecDeque<Secret>, secret: Secret, most: usize) {
    if secrets.len() >= most {
        secrets.pop_front();
    }
    secrets.push_back(secret);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doors() -> Doors {
        Doors::new(([127, 0, 0, 1], 7447).into(), Some("a scraper's token".to_owned()))
    }

    fn token(link: &str) -> &str {
        link.split_once("token=").expect("a token").1
    }

    #[test]
    fn a_link_opens_once() {
        let doors = doors();
        let link = doors.link().expect("a link");
        assert!(link.starts_with("http://127.0.0.1:7447/?token="));
        let session = doors.open(token(&link)).expect("random").expect("the first use opens");
        assert!(doors.knows_session(&session));
        assert!(!doors.knows_session(token(&link)));
        assert!(doors.open(token(&link)).expect("random").is_none());
        assert!(doors.open("").expect("random").is_none());
    }

    #[test]
    fn links_and_sessions_are_bounded() {
        let doors = doors();
        let oldest = doors.link().expect("a link");
        let first = doors.open(token(&doors.link().expect("a link"))).expect("random");
        for _ in 0..LINKS.max(SESSIONS) {
            let link = doors.link().expect("a link");
            assert!(doors.open(token(&link)).expect("random").is_some());
            doors.link().expect("a link");
        }
        assert!(doors.open(token(&oldest)).expect("random").is_none());
        assert!(!doors.knows_session(&first.expect("a session")));
    }

    #[test]
    fn a_missing_metrics_token_opens_nothing() {
        assert!(doors().knows_scraper("a scraper's token"));
        assert!(!doors().knows_scraper(""));
        for token in [None, Some(String::new())] {
            let doors = Doors::new(([127, 0, 0, 1], 1).into(), token);
            assert!(!doors.knows_scraper(""));
        }
    }
}
