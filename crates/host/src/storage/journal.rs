//! What the journal takes on disk, and how far back it reaches.
//!
//! Leaves out its content: that is `logs`'.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::facts::storage::{Journal, Store};
use model::seen::Seen;

use crate::storage::journald::Settings;
use crate::storage::usage;

/// The most a default limit comes to: `DEFAULT_MAX_USE_UPPER` and `DEFAULT_KEEP_FREE_UPPER` of
/// journald.conf(5).
const CAP: u64 = 4 << 30;

/// The most folders and files that are counted; more would be no journal.
const MOST: usize = 20_000;

/// Looks at the journal below `root`.
pub(crate) fn observe(root: &Path) -> Journal {
    let settings = Settings::read(root);
    let mut stores = Vec::new();
    for (path, persistent) in [("var/log/journal", true), ("run/log/journal", false)] {
        let folder = root.join(path);
        let Some(found) = weigh(&folder) else { continue };
        let (limit, keep_free) = if persistent {
            (settings.system_max_use, settings.system_keep_free)
        } else {
            (settings.runtime_max_use, settings.runtime_keep_free)
        };
        let usage = disk(folder);
        let size = usage.as_ref().map(|usage| usage.size_bytes);
        let or_share = |set: Option<u64>, percent: u64| match set {
            Some(bytes) => Seen::Seen(bytes),
            None => size.clone().map(|size| (size / 100 * percent).min(CAP)),
        };
        stores.push(Store {
            path: format!("/{path}"),
            files: found.files,
            bytes: found.bytes,
            oldest: found.oldest,
            limit_bytes: or_share(limit, 10),
            keep_free_bytes: or_share(keep_free, 15),
            available_bytes: usage.map(|usage| usage.available_bytes),
        });
    }
    Journal { stores, retention_seconds: settings.max_retention.filter(|seconds| *seconds > 0) }
}

fn disk(folder: PathBuf) -> Seen<model::facts::storage::Usage> {
    match usage::ask(&[folder]).pop() {
        Some(answer) => answer.map(|point| point.usage),
        None => Seen::unseen("nobody asked"),
    }
}

#[derive(Default)]
struct Found {
    files: u64,
    bytes: u64,
    oldest: Option<Timestamp>,
}

/// Adds up the journal files in the machines' folders; `None` if there is not one file.
fn weigh(folder: &Path) -> Option<Found> {
    let mut found = Found::default();
    let machines = fs::read_dir(folder).ok()?;
    let files = machines
        .flatten()
        .filter_map(|machine| fs::read_dir(machine.path()).ok())
        .flatten()
        .flatten()
        .take(MOST);
    for entry in files {
        let path = entry.path();
        if !path.extension().is_some_and(|end| end == "journal" || end == "journal~") {
            continue;
        }
        let Ok(metadata) = entry.metadata() else { continue };
        if !metadata.is_file() {
            continue;
        }
        found.files += 1;
        // The unit of st_blocks is 512 bytes, whatever the filesystem's own.
        found.bytes += metadata.blocks() * 512;
        let head = first_entry(&path);
        found.oldest = match (found.oldest, head) {
            (Some(oldest), Some(head)) => Some(oldest.min(head)),
            (oldest, head) => oldest.or(head),
        };
    }
    (found.files > 0).then_some(found)
}

/// When the first entry of a journal file was written.
fn first_entry(path: &Path) -> Option<Timestamp> {
    let mut header = [0; 192];
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    head_realtime(&header)
}

/// `head_entry_realtime` of a journal file's header: microseconds at offset 184, see
/// systemd's JOURNAL_FILE_FORMAT.
fn head_realtime(header: &[u8; 192]) -> Option<Timestamp> {
    if &header[..8] != b"LPKSHHRH" {
        return None;
    }
    let microseconds = u64::from_le_bytes(header[184..].try_into().ok()?);
    let microseconds = i64::try_from(microseconds).ok().filter(|time| *time > 0)?;
    Timestamp::from_microsecond(microseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(microseconds: u64) -> [u8; 192] {
        let mut header = [0; 192];
        header[..8].copy_from_slice(b"LPKSHHRH");
        header[184..].copy_from_slice(&microseconds.to_le_bytes());
        header
    }

    #[test]
    fn the_journal_is_weighed_and_reaches_back_to_its_first_entry() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("var/log/journal/0123");
        fs::create_dir_all(&folder).unwrap();
        assert_eq!(observe(root.path()).stores, []);
        let mut file = header(2_000_000).to_vec();
        file.resize(10_000, 1);
        fs::write(folder.join("system.journal"), &file).unwrap();
        fs::write(folder.join("system@1.journal~"), header(1_000_000)).unwrap();
        fs::write(folder.join("fss"), b"a key").unwrap();
        let journal = observe(root.path());
        let [store] = &journal.stores[..] else { panic!("{journal:?}") };
        assert_eq!(store.files, 2);
        assert!(store.bytes >= 10_000, "{store:?}");
        assert_eq!(store.oldest, Timestamp::from_second(1).ok());
        assert!(store.limit_bytes.seen().is_some_and(|limit| (1..=CAP).contains(limit)));
    }

    #[test]
    fn a_header_of_another_kind_says_nothing() {
        assert_eq!(head_realtime(&[0; 192]), None);
        assert_eq!(head_realtime(&header(0)), None);
        assert_eq!(head_realtime(&header(u64::MAX)), None);
    }
}
