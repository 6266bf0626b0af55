//! Certificates made up for the tests of these checks.

use jiff::Timestamp;

use crate::check::Check;
use crate::facts::Facts;
use crate::facts::certificates::{Certificate, Certificates, OnDisk, Served};
use crate::plan::host::HostPlan;
use crate::reading::History;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::verdict::Finding;

pub(super) const NOW: i64 = 1_790_000_000;

/// A certificate for `name` that is valid from and until so many days from now.
pub(super) fn certificate(name: &str, from: i64, until: i64) -> Certificate {
    let at = |days: i64| Timestamp::from_second(NOW + days * 86_400).expect("in range");
    Certificate {
        subject: format!("CN={name}"),
        issuer: "CN=Authority".into(),
        names: vec![name.into()],
        not_before: at(from),
        not_after: at(until),
        fingerprint: format!("{:032x}{:032x}", from + 4096, until + 4096),
    }
}

pub(super) fn on_disk(path: &str, certificate: Certificate) -> OnDisk {
    OnDisk {
        path: path.into(),
        declared: false,
        used_by: vec!["nginx".into()],
        missing: false,
        certificate: Seen::Seen(certificate),
    }
}

pub(super) fn served(address: &str, certificate: Certificate) -> Served {
    Served {
        address: address.into(),
        name: certificate.names.first().cloned(),
        declared: false,
        refused: false,
        certificate: Seen::Seen(certificate),
    }
}

pub(super) fn facts(on_disk: Vec<OnDisk>, served: Vec<Served>) -> Facts {
    Facts {
        certificates: Certificates {
            on_disk: Seen::Seen(on_disk),
            unread: Vec::new(),
            served: Seen::Seen(served),
        },
        ..Facts::default()
    }
}

pub(super) fn findings(check: &Check, facts: &Facts, plan: Option<&HostPlan>) -> Vec<Finding> {
    let now = Timestamp::from_second(NOW).expect("in range");
    check.findings(&Scene { facts, history: &History::default(), plan, now })
}
