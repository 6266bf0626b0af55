//! Rule: no two packages claim the same file.

use std::collections::BTreeMap;

use crate::scene::Scene;
use crate::seen::Seen;
use crate::verdict::Finding;

/// How many paths of a pair are told.
const TOLD: usize = 5;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let packages = &scene.facts.packages;
    let collisions = match &packages.collisions {
        Seen::Seen(collisions) => collisions,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let mut pairs: BTreeMap<&[String], Vec<&str>> = BTreeMap::new();
    for collision in collisions {
        pairs.entry(&collision.packages).or_default().push(&collision.path);
    }
    if pairs.is_empty() {
        let count = packages.dpkg.seen().map_or(0, |dpkg| dpkg.installed.len());
        return vec![Finding::pass("host", format!("{count} packages share no file"))];
    }
    pairs
        .into_iter()
        .map(|(owners, paths)| {
            let some = paths.iter().take(TOLD).copied().collect::<Vec<_>>().join(", ");
            let dots = if paths.len() > TOLD { ", …" } else { "" };
            Finding::fail(
                owners.join(" and "),
                format!("{} files are claimed by both: {some}{dots}", paths.len()),
            )
            .fix(format!(
                "dpkg -S '{}'; remove one of the packages, or apt-get install --reinstall the one \
                 that should own it",
                paths[0]
            ))
        })
        .collect()
}
