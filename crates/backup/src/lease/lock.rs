//! restic's lock: who, where, since when.
//!
//! Leaves out when one is in the way. Source: restic's public design document, "Locks".

use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, getgid, getuid, test_kill_process};
use serde::{Deserialize, Serialize};

use crate::source::names::Names;

/// A lock that nobody refreshed for so long is stale.
const STALE: SignedDuration = SignedDuration::from_mins(30);

/// What a lock's file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    pub time: Timestamp,
    pub exclusive: bool,
    #[serde(default)]
    pub hostname: String,
    #[serde(default)]
    pub username: String,
    #[serde(default)]
    pub pid: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
}

/// Who takes a lock.
#[derive(Clone, Debug)]
pub struct Me {
    pub hostname: String,
    pub username: String,
    pub process: u32,
    pub user: u32,
    pub group: u32,
}

impl Me {
    pub fn of_this_process() -> Self {
        let user = getuid().as_raw();
        Self {
            hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            username: Names::of_this_machine().user(user).unwrap_or_default().to_owned(),
            process: std::process::id(),
            user,
            group: getgid().as_raw(),
        }
    }
}

impl Lock {
    pub fn new(me: &Me, exclusive: bool, now: Timestamp) -> Self {
        Self {
            time: now,
            exclusive,
            hostname: me.hostname.clone(),
            username: me.username.clone(),
            pid: i64::from(me.process),
            uid: Some(me.user),
            gid: Some(me.group),
        }
    }

    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers are JSON")
    }

    pub fn from_json(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Whether its owner cares for it no longer: by restic's rule, since restic and stead work on
    /// one repository.
    ///
    /// The age compares two machines' clocks, which is as wrong as they are: a lock from the
    /// future of more than half an hour is stale, too, or a wrong clock would stop backups for
    /// years.
    pub fn is_stale(&self, me: &Me, now: Timestamp) -> bool {
        now.duration_since(self.time).abs() > STALE || self.is_left(me)
    }

    /// Whether a process of this host has left it that is gone.
    pub fn is_left(&self, me: &Me) -> bool {
        self.hostname == me.hostname
            && i32::try_from(self.pid)
                .ok()
                .and_then(Pid::from_raw)
                .is_none_or(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Me {
        let (hostname, username) = ("runko".to_owned(), "root".to_owned());
        Me { hostname, username, process: std::process::id(), user: 0, group: 0 }
    }

    #[test]
    fn a_lock_is_stale_when_its_process_is_gone_or_nobody_refreshed_it() {
        let now: Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
        let lock = Lock::new(&me(), true, now);
        assert!(!lock.is_stale(&me(), now + SignedDuration::from_mins(29)));
        assert!(lock.is_stale(&me(), now + SignedDuration::from_mins(31)));
        // No process has this number: it is beyond the kernel's largest.
        let gone = Lock { pid: 4_194_305, ..lock.clone() };
        assert!(gone.is_stale(&me(), now) && gone.is_left(&me()) && !lock.is_left(&me()));
        let elsewhere = Lock { hostname: "bramble".to_owned(), ..gone };
        assert!(!elsewhere.is_stale(&me(), now));
    }

    #[test]
    fn a_lock_reads_as_restic_writes_it() {
        let json = br#"{"time":"2026-05-01T14:00:00.123456789+02:00","exclusive":false,
            "hostname":"runko","username":"root","pid":4711,"uid":0,"gid":0}"#;
        let lock = Lock::from_json(json).unwrap();
        assert_eq!((lock.pid, lock.exclusive), (4711, false));
        assert_eq!(lock.time.to_string(), "2026-05-01T12:00:00.123456789Z");
        assert!(lock.uid == Some(0) && !lock.exclusive);
    }
}
