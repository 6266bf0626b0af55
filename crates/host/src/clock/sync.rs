//! Asks whether the clock is synchronised, and what keeps it so.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use model::seen::Seen;
use model::text::printable;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Programs that set clocks, by the name the kernel keeps (15 bytes), and by what people call them.
const SETTERS: [(&str, &str); 8] = [
    ("systemd-timesyn", "systemd-timesyncd"),
    ("chronyd", "chronyd"),
    ("ntpd", "ntpd"),
    ("openntpd", "openntpd"),
    ("ntp-daemon", "ntpd-rs"),
    ("ptp4l", "ptp4l"),
    ("phc2sys", "phc2sys"),
    ("timemaster", "timemaster"),
];

/// timesyncd touches it at each answer of a server (systemd-timesyncd.service(8)).
const MARK: &str = "/run/systemd/timesync/synchronized";
/// So long the kernel itself holds a clock for synchronised without news: its error grows by
/// 500 ppm up to 16 s.
const MARK_HOLDS: Duration = Duration::from_secs(32_000);
/// timedated is started by being asked and ends again; a good answer is not asked for anew for
/// so long, in seconds since boot.
const ANSWER_HOLDS: u64 = 600;
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// When timedated last said yes, in seconds since boot.
    yes: Option<u64>,
}

/// Whether the kernel holds the clock for synchronised, and where that was read.
pub(super) async fn observe(kept: &mut Kept, services: &[String]) -> (String, Seen<bool>) {
    if services.iter().any(|name| name == "systemd-timesyncd") && fresh(Path::new(MARK)) {
        return (MARK.to_owned(), Seen::Seen(true));
    }
    let source = "timedated's NTPSynchronized".to_owned();
    let now = clock_gettime(ClockId::Boottime).tv_sec.unsigned_abs();
    if kept.yes.is_some_and(|yes| yes <= now && now - yes < ANSWER_HOLDS) {
        return (source, Seen::Seen(true));
    }
    let answer = match tokio::time::timeout(PATIENCE, timedated()).await {
        Ok(Ok(answer)) => Seen::Seen(answer),
        Ok(Err(error)) => Seen::unseen(format!(
            "cannot ask systemd-timedated: {}",
            printable(&error.to_string(), 200)
        )),
        Err(_) => Seen::unseen(format!("systemd-timedated gave no answer in {PATIENCE:?}")),
    };
    kept.yes = (answer == Seen::Seen(true)).then_some(now);
    (source, answer)
}

fn fresh(mark: &Path) -> bool {
    fs::metadata(mark)
        .and_then(|metadata| metadata.modified())
        .ok()
        .and_then(|modified| SystemTime::now().duration_since(modified).ok())
        .is_some_and(|age| age < MARK_HOLDS)
}

/// org.freedesktop.timedate1(5): what adjtimex(2) says.
async fn timedated() -> zbus::Result<bool> {
    let bus = zbus::Connection::system().await?;
    let reply = bus
        .call_method(
            Some("org.freedesktop.timedate1"),
            "/org/freedesktop/timedate1",
            Some("org.freedesktop.DBus.Properties"),
            "Get",
            &("org.freedesktop.timedate1", "NTPSynchronized"),
        )
        .await?;
    let value: zbus::OwnedVariant = reply.body().deserialize()?;
    bool::try_from(value)
}

/// The programs that set clocks and run in this process's own PID namespace, sorted.
pub(super) fn services() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let own = fs::read_link("/proc/self/ns/pid").ok();
    let mut found: Vec<String> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes()[0].is_ascii_digit())
        })
        .filter_map(|path| setter(&fs::read(path.join("comm")).ok()?).map(|name| (path, name)))
        .filter(|(path, _)| ours(path, own.as_ref()))
        .map(|(_, name)| name.to_owned())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// A container's program is seen from outside too, but sets nothing here. What cannot be told
/// apart without root counts as ours.
fn ours(process: &Path, own: Option<&PathBuf>) -> bool {
    match (fs::read_link(process.join("ns/pid")), own) {
        (Ok(theirs), Some(own)) => theirs == *own,
        _ => true,
    }
}

fn setter(comm: &[u8]) -> Option<&'static str> {
    let comm = comm.strip_suffix(b"\n").unwrap_or(comm);
    SETTERS.iter().find(|(kernel, _)| kernel.as_bytes() == comm).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setters_are_known_by_the_kernels_short_name() {
        assert_eq!(setter(b"systemd-timesyn\n"), Some("systemd-timesyncd"));
        assert_eq!(setter(b"chronyd\n"), Some("chronyd"));
        assert_eq!(setter(b"chronyd-helper"), None);
        assert_eq!(setter(b"\xff\xfe"), None);
        assert_eq!(setter(b""), None);
    }
}
