//! Observes the files that tell of upkeep: maintenance flags, and what backups, drills and restores
//! leave behind.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use model::backup::restore::{self, BegunV1, Phase};
use model::backup::{attempt, drill, evidence};
use model::facts::files::shown;
use model::facts::upkeep::{Found, Left, RestoreTrace, ServiceTrace, TargetTrace, Trace, Upkeep};
use model::plan::host::{Expected, HostPlan};
use model::seen::Seen;
use model::text::printable;
use serde::de::DeserializeOwned;

use crate::restore::hold;

/// A declared path may lie on a network mount whose server is gone.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn observe(plan: Option<&HostPlan>) -> Upkeep {
    let Some(plan) = plan else { return Upkeep::default() };
    let flags: Vec<String> = plan.maintenance.iter().map(|one| one.flag.clone()).collect();
    let evidence: Vec<String> = plan.backups.iter().map(|one| one.evidence.clone()).collect();
    Upkeep {
        maintenance: traces(flags).await,
        backups: traces(evidence).await,
        services: services(&[&plan.services[..], &plan.drills].concat()).await,
    }
}

/// A larger file is none of ours, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// What stead left behind of these services on this machine.
pub async fn services(expected: &[Expected]) -> Vec<ServiceTrace> {
    let asked = expected.to_vec();
    let look = tokio::task::spawn_blocking(move || asked.iter().map(service).collect());
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(traces)) => traces,
        _ => expected.iter().map(unanswered).collect(),
    }
}

fn service(expected: &Expected) -> ServiceTrace {
    let service = &expected.service;
    let found = |target: &String| TargetTrace {
        target: target.clone(),
        found: left(Path::new(&evidence::path(service, target))),
        failure: match left(Path::new(&attempt::path(service, target))) {
            Seen::Seen(Left::Whole(failure)) => Some(*failure),
            _ => None,
        },
    };
    ServiceTrace {
        service: service.clone(),
        evidence: expected.targets.iter().map(found).collect(),
        drills: left(Path::new(&drill::path(service))),
        restore: trace_of(
            || left(Path::new(&restore::path(service))),
            || hold::is_held(service).ok(),
        ),
    }
}

/// What a restore left behind, and whether it runs. One that ends or goes on while it is looked at
/// was not cut short: its journal is another one then.
fn trace_of(
    read: impl Fn() -> Seen<Left<BegunV1>>,
    is_held: impl Fn() -> Option<bool>,
) -> RestoreTrace {
    let is_open = |found: &Seen<Left<BegunV1>>| match found {
        Seen::Seen(Left::Whole(begun)) => begun.phase != Phase::Kept,
        _ => false,
    };
    let first = read();
    if !is_open(&first) {
        return RestoreTrace { found: first, runs: None };
    }
    let held = is_held();
    let found = read();
    let runs = match found == first {
        true => held,
        false => is_open(&found).then_some(true),
    };
    RestoreTrace { found, runs }
}

fn unanswered(expected: &Expected) -> ServiceTrace {
    let reason = || format!("no answer from the file system in {PATIENCE:?}");
    let none = |target: &String| TargetTrace {
        target: target.clone(),
        found: Seen::unseen(reason()),
        failure: None,
    };
    ServiceTrace {
        service: expected.service.clone(),
        evidence: expected.targets.iter().map(none).collect(),
        drills: Seen::unseen(reason()),
        restore: RestoreTrace { found: Seen::unseen(reason()), runs: None },
    }
}

/// Reads a file that stead left behind.
fn left<T: DeserializeOwned>(path: &Path) -> Seen<Left<T>> {
    let show = shown(&path.to_string_lossy());
    let unseen = |error: std::io::Error| Seen::unseen(format!("cannot read {show}: {error}"));
    // A pipe that nobody writes to would keep a plain opening waiting.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = match fs::File::options().read(true).custom_flags(nonblock).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Seen::Seen(Left::Nothing),
        Err(error) => return unseen(error),
    };
    match file.metadata() {
        Ok(found) if !found.is_file() => {
            return Seen::Seen(Left::Garbage("it is no regular file".to_owned()));
        }
        Ok(_) => {}
        Err(error) => return unseen(error),
    }
    let mut bytes = Vec::new();
    if let Err(error) = file.take(LARGEST).read_to_end(&mut bytes) {
        return unseen(error);
    }
    Seen::Seen(match serde_json::from_slice(&bytes) {
        Ok(whole) => Left::Whole(Box::new(whole)),
        Err(_) if bytes.is_empty() => Left::Garbage("it is empty".to_owned()),
        Err(error) => Left::Garbage(printable(&error.to_string(), 200)),
    })
}

async fn traces(paths: Vec<String>) -> Vec<Trace> {
    if paths.is_empty() {
        return Vec::new();
    }
    let asked = paths.clone();
    let look = tokio::task::spawn_blocking(move || asked.iter().map(|path| trace(path)).collect());
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(traces)) => traces,
        _ => paths
            .iter()
            .map(|path| Trace {
                path: shown(path),
                found: Seen::unseen(format!("no answer from the file system in {PATIENCE:?}")),
            })
            .collect(),
    }
}

fn trace(path: &str) -> Trace {
    Trace { path: shown(path), found: found(Path::new(path)) }
}

fn found(path: &Path) -> Seen<Option<Found>> {
    let show = shown(&path.to_string_lossy());
    if !path.is_absolute() {
        return Seen::unseen(format!("the plan's path `{show}` does not begin with `/`"));
    }
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Seen::Seen(None),
        Err(error) => return Seen::unseen(format!("cannot look at {show}: {error}")),
    };
    let modified = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    match modified {
        Some(modified) => {
            Seen::Seen(Some(Found { regular: metadata.is_file(), bytes: metadata.len(), modified }))
        }
        None => Seen::unseen(format!("the time of {show} is out of range")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::restore::journal::JournalV1;

    #[test]
    fn garbage_is_told_from_nothing_and_from_what_cannot_be_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("chat@disk.json");
        let read = || left::<evidence::EvidenceV1>(&file);
        assert_eq!(read(), Seen::Seen(Left::Nothing));
        fs::write(&file, "").expect("written");
        assert_eq!(read(), Seen::Seen(Left::Garbage("it is empty".to_owned())));
        fs::write(&file, "{\"service\": \"chat\"}").expect("written");
        assert!(matches!(read(), Seen::Seen(Left::Garbage(why)) if why.contains("missing field")));
        fs::remove_file(&file).expect("gone");
        fs::create_dir(&file).expect("made");
        assert!(matches!(read(), Seen::Seen(Left::Garbage(_))));
        assert!(matches!(left::<()>(&folder.path().join("a/\0")), Seen::Unseen(_)));
    }

    #[test]
    fn only_what_nobody_is_at_was_cut_short() {
        let begun = |phase| {
            let at = Timestamp::UNIX_EPOCH;
            Seen::Seen(Left::Whole(Box::new(BegunV1 { service: "chat".to_owned(), at, phase })))
        };
        let told = |journals: [Seen<Left<BegunV1>>; 2], held| {
            let journals = std::cell::RefCell::new(journals.into_iter());
            trace_of(|| journals.borrow_mut().next().expect("read twice at most"), || held).runs
        };
        let still = |phase| [begun(phase), begun(phase)];
        assert_eq!(told(still(Phase::Swapping), Some(false)), Some(false));
        assert_eq!(told(still(Phase::Swapping), Some(true)), Some(true));
        assert_eq!(told(still(Phase::Swapping), None), None);
        assert_eq!(told([begun(Phase::Making), begun(Phase::Swapping)], Some(false)), Some(true));
        // Over while it was looked at: neither cut short nor running.
        assert_eq!(told([begun(Phase::Starting), begun(Phase::Kept)], Some(false)), None);
        assert_eq!(told([begun(Phase::Forgetting), Seen::Seen(Left::Nothing)], Some(false)), None);
        assert_eq!(told(still(Phase::Kept), Some(false)), None);
    }

    #[test]
    fn a_journal_tells_how_far_its_restore_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("chat.json");
        let text = r#"{"service":"chat","target":"disk","snapshot":"ab",
            "snapshot_at":"1970-01-01T00:00:00Z","at":"1970-01-01T00:00:00Z",
            "phase":"reverting","swaps":[],"database":null,"units":["chat.service"]}"#;
        let journal: JournalV1 = serde_json::from_str(text).expect("a journal");
        fs::write(&file, serde_json::to_vec_pretty(&journal).expect("text")).expect("written");
        let found = left::<BegunV1>(&file);
        let Seen::Seen(Left::Whole(begun)) = found else { panic!("{found:?}") };
        assert_eq!((&*begun.service, begun.phase), ("chat", Phase::Reverting));
    }

    #[test]
    fn what_is_there_what_is_not_and_what_cannot_be_asked_differ() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ok");
        fs::write(&file, "done").expect("written");
        let seen = found(&file);
        assert!(matches!(seen, Seen::Seen(Some(Found { regular: true, bytes: 4, .. }))));
        assert!(matches!(found(folder.path()), Seen::Seen(Some(Found { regular: false, .. }))));
        assert_eq!(found(&folder.path().join("none")), Seen::Seen(None));
        assert!(matches!(found(Path::new("relative")), Seen::Unseen(_)));
        assert!(matches!(found(&file.join("below")), Seen::Unseen(_)));
    }
}
