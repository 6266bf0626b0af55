//! Observes the files that tell of upkeep: maintenance flags, evidence of backups, drills.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use model::backup::{attempt, drill, evidence};
use model::facts::files::shown;
use model::facts::upkeep::{Found, Left, ServiceTrace, TargetTrace, Trace, Upkeep};
use model::plan::host::{Expected, HostPlan};
use model::seen::Seen;
use model::text::printable;
use serde::de::DeserializeOwned;

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
    }
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
