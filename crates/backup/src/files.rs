//! Counts the files below a service's paths, as a backup takes them.
//!
//! Leaves out reading them, and all that is no plain file.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use model::backup::manifest::FilesV1;
use model::backup::scope::Scope;
use walkdir::WalkDir;

use crate::refusal::Refusal;

/// What was counted, and a mark that changes with any file's size, time or place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub count: u64,
    pub bytes: u64,
    mark: u64,
}

/// Counts below the service's own paths.
pub fn taken(scope: &Scope) -> Result<Counted, Refusal> {
    counted(scope, None)
}

/// Counts a tree that was restored below `root`, as `root/etc/x` for `/etc/x`.
pub fn restored(scope: &Scope, root: &Path) -> Result<FilesV1, Refusal> {
    let counted = counted(scope, Some(root))?;
    Ok(FilesV1 { count: counted.count, bytes: counted.bytes, exact: true })
}

fn counted(scope: &Scope, root: Option<&Path>) -> Result<Counted, Refusal> {
    let mut all = Counted { count: 0, bytes: 0, mark: 0 };
    for path in roots(scope) {
        let place = match root {
            Some(root) => root.join(path.strip_prefix("/").unwrap_or(&path)),
            None => path.clone(),
        };
        if !place.exists() {
            return Err(Refusal::Absent { path: place });
        }
        let walk = WalkDir::new(&place).follow_links(false).follow_root_links(true);
        let wanted = |found: &walkdir::DirEntry| {
            let below = found.path().strip_prefix(&place).unwrap_or(found.path());
            found.depth() == 0 || !scope.leaves_out(&path.join(below))
        };
        for found in walk.into_iter().filter_entry(wanted) {
            // What is gone by now, and what cannot be read, the backup itself tells of.
            let Ok(found) = found else { continue };
            let Ok(meta) = found.metadata() else { continue };
            if meta.is_file() {
                all.count += 1;
                all.bytes += meta.len();
                let parts = [meta.ino(), meta.len(), meta.ctime() as u64, meta.ctime_nsec() as u64];
                let mixed = parts.iter().fold(0, |mixed: u64, part| {
                    (mixed ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
                });
                all.mark = all.mark.wrapping_add(mixed);
            }
        }
    }
    Ok(all)
}

/// One that lies below another is counted once.
fn roots(scope: &Scope) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = scope.paths.iter().map(PathBuf::from).collect();
    paths.sort();
    paths.dedup_by(|path, before| path.starts_with(before));
    paths
}
