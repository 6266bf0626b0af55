//! Observes the files that tell of upkeep: maintenance flags and evidence of backups.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use model::facts::files::shown;
use model::facts::upkeep::{Found, Trace, Upkeep};
use model::plan::host::HostPlan;
use model::seen::Seen;

/// A declared path may lie on a network mount whose server is gone.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn observe(plan: Option<&HostPlan>) -> Upkeep {
    let Some(plan) = plan else { return Upkeep::default() };
    let flags: Vec<String> = plan.maintenance.iter().map(|one| one.flag.clone()).collect();
    let evidence: Vec<String> = plan.backups.iter().map(|one| one.evidence.clone()).collect();
    Upkeep { maintenance: traces(flags).await, backups: traces(evidence).await }
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
