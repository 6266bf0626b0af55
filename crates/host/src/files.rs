//! Observes who may read declared secrets and private keys.

mod keys;
mod names;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use model::facts::files::{Access, Files, Secret, shown};
use model::plan::host::HostPlan;
use model::seen::Seen;

use crate::files::names::Names;

/// A home may lie on a network mount whose server is gone.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn observe(plan: Option<&HostPlan>) -> Files {
    let secrets: Vec<String> = plan
        .map(|plan| plan.secrets.iter().map(|one| one.path.clone()).collect())
        .unwrap_or_default();
    let asked = secrets.clone();
    let look = tokio::task::spawn_blocking(move || {
        let names = Names::read();
        let secrets = asked.iter().map(|path| secret(path, &names)).collect();
        let (keys, unread) = keys::find(&names);
        Files { secrets, keys: Seen::Seen(keys), unread }
    });
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(files)) => files,
        _ => {
            let reason = format!("no answer from the file system in {PATIENCE:?}");
            Files {
                secrets: secrets
                    .iter()
                    .map(|path| Secret { path: shown(path), access: Seen::unseen(reason.as_str()) })
                    .collect(),
                keys: Seen::unseen(reason),
                unread: Vec::new(),
            }
        }
    }
}

fn secret(path: &str, names: &Names) -> Secret {
    Secret { path: shown(path), access: access(Path::new(path), names) }
}

fn access(path: &Path, names: &Names) -> Seen<Option<Access>> {
    let show = shown(&path.to_string_lossy());
    if !path.is_absolute() {
        return Seen::unseen(format!("the plan's path `{show}` does not begin with `/`"));
    }
    match fs::metadata(path) {
        Ok(metadata) => Seen::Seen(Some(names.access(&metadata))),
        Err(error) if error.kind() == ErrorKind::NotFound => Seen::Seen(None),
        Err(error) => Seen::unseen(format!("cannot look at {show}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secrets_mode_is_seen_and_its_absence_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        fs::write(&file, "hush").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
        let names = Names::default();
        let seen = access(&file, &names);
        assert!(matches!(seen, Seen::Seen(Some(Access { mode: 0o640, .. }))), "{seen:?}");
        assert_eq!(access(&folder.path().join("none"), &names), Seen::Seen(None));
        assert!(matches!(access(Path::new("secret"), &names), Seen::Unseen(_)));
    }
}
