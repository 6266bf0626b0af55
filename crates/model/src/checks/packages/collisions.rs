//! Rule: no two packages claim the same file.

use std::collections::BTreeMap;

use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::counted;
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
                format!("{} claimed by both: {some}{dots}", counted(paths.len(), "file")),
            )
            .fix(format!(
                "dpkg -S '{}'; remove one of the packages, or apt-get install --reinstall the one \
                 that should own it",
                paths[0]
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::facts::packages::Collision;
    use crate::verdict::Verdict;

    const NOW: i64 = 1_000_000_000;

    fn judged(facts: &Facts) -> Vec<Finding> {
        judge(&Scene::of(facts, Timestamp::from_second(NOW).unwrap()))
    }

    #[test]
    fn each_pair_fails_once_with_its_files() {
        let collision = |path: &str, owners: [&str; 2]| Collision {
            path: path.to_owned(),
            packages: owners.map(str::to_owned).to_vec(),
        };
        let mut facts = Facts::default();
        facts.packages.collisions = Seen::Seen(vec![
            collision("/a", ["one", "two"]),
            collision("/b", ["one", "two"]),
            collision("/c", ["one", "three"]),
        ]);
        let findings = judged(&facts);
        assert_eq!(findings.len(), 2);
        let pair = findings.iter().find(|finding| finding.subject == "one and two").unwrap();
        assert_eq!(pair.evidence, "2 files claimed by both: /a, /b");
        assert_eq!(pair.verdict, Verdict::Fail);
        facts.packages.collisions = Seen::Seen(Vec::new());
        assert_eq!(judged(&facts)[0].verdict, Verdict::Pass);
    }
}
