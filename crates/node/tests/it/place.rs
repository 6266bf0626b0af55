//! A stead in a folder of its own, for tests.

use jiff::Timestamp;
use model::host_name::HostName;
use model::member_name::MemberName;
use model::report::{Counts, Report};
use model::verdict::Finding;
use node::home::{Address, Home};
use tempfile::TempDir;

pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn address(&self) -> Address {
        Address {
            plan: Some(self.folder.path().join("plan")),
            state: Some(self.folder.path().join("state")),
            host: host(),
            member: MemberName::nearest("el"),
        }
    }

    pub async fn found(&self) -> Home {
        let address = self.address();
        let founding = address.founding(Some("mesh"), Some(Vec::new())).expect("a founding");
        address.found(&founding).await.expect("a stead").0
    }
}

pub fn host() -> HostName {
    HostName::nearest("runko")
}

/// A report of these findings, each with its check's name.
pub fn report(findings: Vec<(&str, Finding)>) -> Report {
    let findings: Vec<Finding> = findings
        .into_iter()
        .map(|(name, finding)| Finding { name: name.to_owned(), ..finding })
        .collect();
    Report { at: Timestamp::UNIX_EPOCH, counts: Counts::of(&findings), findings }
}
