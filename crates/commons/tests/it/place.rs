//! A record in a folder of its own, for tests.

use commons::identity::Identity;
use commons::record::Record;
use jiff::Timestamp;
use model::host_name::HostName;
use tempfile::TempDir;

pub struct Place {
    pub folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub async fn open(&self) -> Record {
        let identity = Identity::create_or_load(&self.folder.path().join("device.key"));
        Record::open(&self.folder.path().join("record.db"), identity.expect("a key"))
            .await
            .expect("a record")
    }
}

pub fn host() -> HostName {
    HostName::nearest("runko")
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}
