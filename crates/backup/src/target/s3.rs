//! A bucket that speaks S3 as a target, with restic's names below a prefix.
//!
//! Leaves out making the bucket, and multipart uploads: packs are far below what one request takes.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::crypto::ring;
use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};

use crate::denial;
use crate::error::Error;
use crate::reach::S3Credentials;
use crate::target::patience::{Failure, patiently};
use crate::target::store::{Kind, Store, is_name};

/// For a connection, with its TLS handshake.
const CONNECT: Duration = Duration::from_secs(20);
/// For the head of an answer.
const ANSWER: Duration = Duration::from_secs(60);
/// For all of one request: a pack on a slow line.
const WHOLE: Duration = Duration::from_secs(30 * 60);
/// How long a signed request is good for.
const SIGNED: Duration = Duration::from_secs(15 * 60);
/// The most that one object of a repository may have, in bytes.
const LARGEST: u64 = 1 << 32;

/// One service's repository in a bucket.
#[derive(Debug)]
pub struct S3 {
    bucket: Bucket,
    credentials: Credentials,
    prefix: String,
    place: String,
    agent: Agent,
}

impl S3 {
    pub fn open(
        endpoint: &str,
        bucket: &str,
        prefix: &str,
        region: &str,
        service: &str,
        credentials: &S3Credentials,
    ) -> Result<Self, Error> {
        let prefix: String = prefix
            .split('/')
            .filter(|part| !part.is_empty())
            .chain([service])
            .collect::<Vec<_>>()
            .join("/");
        let place = format!("s3:{}/{bucket}/{prefix}", endpoint.trim_end_matches('/'));
        let unusable = |reason: String| Error::Target { place: place.clone(), reason };
        let url = endpoint.parse().map_err(|error| unusable(format!("its endpoint: {error}")))?;
        let bucket = Bucket::new(url, UrlStyle::Path, bucket.to_owned(), region.to_owned())
            .map_err(|error| unusable(error.to_string()))?;
        let credentials =
            Credentials::new(credentials.access_key.clone(), credentials.secret_key.clone());
        Ok(Self { bucket, credentials, prefix, place, agent: agent() })
    }

    fn key(&self, kind: Kind, name: &str) -> String {
        format!("{}/{}", self.prefix, kind.path(name))
    }

    fn failed(&self, what: &'static str, object: String, error: ureq::Error) -> Failure {
        let place = self.place.clone();
        match error {
            ureq::Error::StatusCode(408 | 425 | 429 | 500 | 502..=506 | 508..)
            | ureq::Error::Io(_)
            | ureq::Error::Timeout(_)
            | ureq::Error::ConnectionFailed
            | ureq::Error::HostNotFound
            | ureq::Error::Protocol(_) => Failure::Passing(Box::new(error)),
            ureq::Error::StatusCode(404) if what == "read" => {
                Failure::Lasting(Error::Gone { object, place })
            }
            ureq::Error::StatusCode(404) => Failure::Lasting(Error::NoTarget { place }),
            ureq::Error::StatusCode(507) => {
                Failure::Lasting(Error::Full { place, object, source: Box::new(error) })
            }
            error => {
                Failure::Lasting(Error::Access { what, object, place, source: Box::new(error) })
            }
        }
    }

    /// An answer that is no refusal; what the server says of one is in its body.
    fn answered(
        &self,
        what: &'static str,
        object: &str,
        answer: Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, Failure> {
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                if let Some(reason) = denial::untrusted(&error) {
                    let place = self.place.clone();
                    return Err(Failure::Lasting(Error::Denied { place, denial: reason }));
                }
                return Err(self.failed(what, object.to_owned(), error));
            }
        };
        let status = answer.status().as_u16();
        if status < 400 {
            return Ok(answer);
        }
        let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
        let date = date.map(str::to_owned);
        let mut body = String::new();
        // Whether it can be read or not, the status says that it is a refusal.
        let _ = answer.body_mut().as_reader().take(denial::LONGEST).read_to_string(&mut body);
        let now = jiff::Timestamp::now();
        if let Some(denial) = denial::told(status, &body, date.as_deref(), now) {
            return Err(Failure::Lasting(Error::Denied { place: self.place.clone(), denial }));
        }
        Err(self.failed(what, object.to_owned(), ureq::Error::StatusCode(status)))
    }

    fn get(&self, kind: Kind, name: &str, range: Option<(u64, u64)>) -> Result<Bytes, Error> {
        let (key, object) = (self.key(kind, name), kind.object(name));
        patiently(&self.place, || {
            let url = self.bucket.get_object(Some(&self.credentials), &key).sign(SIGNED);
            let mut request = self.agent.get(url.as_str()).header("accept-encoding", "identity");
            if let Some((offset, length)) = range {
                request =
                    request.header("range", format!("bytes={offset}-{}", offset + length - 1));
            }
            let answer = self.answered("read", &object, request.call())?;
            let expected = answer.headers().get("content-length");
            let expected = expected.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
            let mut content = Vec::new();
            let read = answer.into_body().into_reader().take(LARGEST).read_to_end(&mut content);
            read.map_err(|error| Failure::Passing(Box::new(error)))?;
            // A connection that ended early must not be taken for the end of the object.
            if expected.is_some_and(|expected| expected != content.len() as u64) {
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the answer ended early");
                return Err(Failure::Passing(Box::new(error)));
            }
            Ok(Bytes::from(content))
        })
    }

    fn page(&self, under: &str, token: Option<&str>) -> Result<String, Failure> {
        let mut action = self.bucket.list_objects_v2(Some(&self.credentials));
        action.with_prefix(under);
        if let Some(token) = token {
            action.with_continuation_token(token);
        }
        let url = action.sign(SIGNED);
        let answer = self.agent.get(url.as_str()).call();
        let answer = self.answered("list", &format!("`{under}`"), answer)?;
        let mut text = String::new();
        let read = answer.into_body().into_reader().take(LARGEST).read_to_string(&mut text);
        read.map_err(|error| Failure::Passing(Box::new(error)))?;
        Ok(text)
    }
}

/// As `deb` sets it up: rustls with ring, and the authorities of the system.
fn agent() -> Agent {
    let roots: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|root| Certificate::from_der(root).to_owned())
        .collect();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(&roots))
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .user_agent(concat!("stead/", env!("CARGO_PKG_VERSION")))
        // What the server says of a refusal is in its body.
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .timeout_global(Some(WHOLE))
        .build()
        .new_agent()
}

impl Store for S3 {
    fn place(&self) -> String {
        self.place.clone()
    }

    /// There are no folders; the bucket must be there.
    fn prepare(&self) -> Result<(), Error> {
        let under = format!("{}/", self.prefix);
        patiently(&self.place, || self.page(&under, None)).map(drop)
    }

    fn is_founded(&self) -> Result<bool, Error> {
        let key = self.key(Kind::Config, "");
        // A bucket that is not there has no objects either: its listing tells.
        self.prepare()?;
        patiently(&self.place, || {
            let url = self.bucket.head_object(Some(&self.credentials), &key).sign(SIGNED);
            match self.agent.head(url.as_str()).call() {
                Ok(answer) if answer.status() == 404 => Ok(false),
                answer => self.answered("look at", &Kind::Config.object(""), answer).map(|_| true),
            }
        })
    }

    fn list(&self, kind: Kind) -> Result<Vec<(String, u64)>, Error> {
        if kind == Kind::Config {
            return Ok(Vec::new());
        }
        let under = format!("{}/{}/", self.prefix, kind.folder());
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = patiently(&self.place, || self.page(&under, token.as_deref()))?;
            let page = ListObjectsV2::parse_response(&page).map_err(|error| Error::Access {
                what: "understand the list of",
                object: format!("`{under}`"),
                place: self.place.clone(),
                source: error.to_string().into(),
            })?;
            for object in page.contents {
                let name = object.key.rsplit('/').next().unwrap_or_default();
                if is_name(name) {
                    found.push((name.to_owned(), object.size.unwrap_or(0)));
                }
            }
            match page.next_continuation_token {
                Some(next) => token = Some(next),
                None => return Ok(found),
            }
        }
    }

    fn read(&self, kind: Kind, name: &str) -> Result<Bytes, Error> {
        self.get(kind, name, None)
    }

    fn read_part(&self, kind: Kind, name: &str, offset: u64, length: u64) -> Result<Bytes, Error> {
        let short = || Error::Damaged {
            object: kind.object(name),
            place: self.place.clone(),
            reason: format!("it ends before byte {}", offset + length),
        };
        match self.get(kind, name, Some((offset, length.max(1)))) {
            Ok(piece) if piece.len() as u64 == length => Ok(piece),
            Ok(piece) if length == 0 => Ok(piece.slice(..0)),
            Ok(_) => Err(short()),
            Err(Error::Access { source, .. }) if source.to_string().contains("416") => Err(short()),
            Err(error) => Err(error),
        }
    }

    fn write(&self, kind: Kind, name: &str, content: &[Bytes]) -> Result<(), Error> {
        let (key, object) = (self.key(kind, name), kind.object(name));
        let mut body = Vec::with_capacity(content.iter().map(Bytes::len).sum());
        content.iter().for_each(|piece| body.extend_from_slice(piece));
        if kind == Kind::Config && self.is_founded()? {
            return Err(Error::Exists { place: self.place.clone() });
        }
        patiently(&self.place, || {
            let url = self.bucket.put_object(Some(&self.credentials), &key).sign(SIGNED);
            let sent = self.agent.put(url.as_str()).send(&body[..]);
            self.answered("write", &object, sent).map(drop)
        })
    }

    fn remove(&self, kind: Kind, name: &str) -> Result<(), Error> {
        let (key, object) = (self.key(kind, name), kind.object(name));
        patiently(&self.place, || {
            let url = self.bucket.delete_object(Some(&self.credentials), &key).sign(SIGNED);
            match self.agent.delete(url.as_str()).call() {
                Ok(answer) if answer.status() == 404 => Ok(()),
                answer => self.answered("remove", &object, answer).map(drop),
            }
        })
    }
}
