//! Certificates on disk and as served.
//!
//! Leaves out private keys: where they lie and who may read them is [`files`](crate::facts::files)'s.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::facts::files::Unread;
use crate::seen::Seen;

/// The certificates that this machine keeps in files and gives out in handshakes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Certificates {
    /// Those that the plan declares, that a service's configuration names, and certbot's.
    pub on_disk: Seen<Vec<OnDisk>>,
    /// Folders and configurations that may name more, and could not be read.
    pub unread: Vec<Unread>,
    /// What this machine's own listening sockets answered.
    pub served: Seen<Vec<Served>>,
}

/// A certificate: the first of its file, or the leaf of a served chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    /// The DNS names and addresses it is for (subjectAltName), sorted.
    pub names: Vec<String>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// SHA-256 over the DER form, lower-case hexadecimal, as `openssl x509 -fingerprint` without
    /// its colons.
    pub fingerprint: String,
}

/// A file that should hold a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnDisk {
    pub path: String,
    /// Whether the plan names it.
    pub declared: bool,
    /// The services whose configuration names it (`nginx`), sorted.
    pub used_by: Vec<String>,
    /// Whether there is no such file.
    pub missing: bool,
    pub certificate: Seen<Certificate>,
}

/// A socket of this machine and the certificate it answered with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Served {
    /// `address:port` as it was asked.
    pub address: String,
    /// The name asked for in the handshake; `None` if none was.
    pub name: Option<String>,
    /// Whether the plan names it.
    pub declared: bool,
    /// Whether nothing listens there.
    pub refused: bool,
    pub certificate: Seen<Certificate>,
}

impl Certificate {
    /// The first sixteen digits of the fingerprint: enough to tell two certificates apart.
    pub fn short(&self) -> &str {
        self.fingerprint.get(..16).unwrap_or(&self.fingerprint)
    }

    /// Whether the issuer is the subject itself.
    pub fn self_issued(&self) -> bool {
        self.subject == self.issuer
    }
}

impl Certificates {
    /// What changes seldom, as lines `key = value`.
    pub(crate) fn lines(&self, lines: &mut BTreeMap<String, String>) {
        for file in self.on_disk.seen().into_iter().flatten() {
            if let Seen::Seen(certificate) = &file.certificate {
                lines.insert(
                    format!("certificate.{}", file.path),
                    format!("{} until {}", certificate.short(), certificate.not_after),
                );
            }
        }
    }
}
