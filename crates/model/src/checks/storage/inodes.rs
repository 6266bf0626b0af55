//! Rule: every local filesystem has inodes left.

use crate::checks::storage::projection;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::{counted, span};
use crate::verdict::Finding;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let filesystems = match &scene.facts.storage.filesystems {
        Seen::Seen(filesystems) => filesystems,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let mut findings = Vec::new();
    let mut fullest: Option<(f64, &str)> = None;
    let mut limited = 0;
    for filesystem in filesystems {
        let usage = match &filesystem.usage {
            Seen::Seen(usage) => usage,
            Seen::Unseen(reason) => {
                findings.push(Finding::unknown(&filesystem.mount, reason));
                continue;
            }
        };
        let Some(inodes) = usage.inodes.filter(|_| !filesystem.read_only) else { continue };
        limited += 1;
        let percent = inodes.percent();
        if fullest.is_none_or(|(most, _)| percent > most) {
            fullest = Some((percent, &filesystem.mount));
        }
        let used = scene.history.of("filesystem_inodes_used", &filesystem.mount);
        let left = projection::until_full(used, inodes.available, scene.now)
            .filter(|left| *left <= projection::WARN);
        if percent < 85.0 && left.is_none() {
            continue;
        }
        let pace =
            left.map_or(String::new(), |left| format!("; none in {} at this pace", span(left)));
        let evidence = format!(
            "{percent:.0} % of the inodes are used: {} used, {} left{pace}",
            inodes.used, inodes.available
        );
        let finding = if percent >= 95.0 || left.is_some_and(|left| left <= projection::FAIL) {
            Finding::fail(&filesystem.mount, evidence)
        } else {
            Finding::warn(&filesystem.mount, evidence)
        };
        findings.push(finding.fix(format!(
            "du -x --inodes --max-depth=3 '{}' | sort -n | tail -20   # shows where the files are",
            filesystem.mount
        )));
    }
    if findings.is_empty() {
        findings.push(Finding::pass(
            "host",
            match fullest {
                Some((percent, mount)) => {
                    format!(
                        "{}; the fullest is {mount}: {percent:.0} % used",
                        counted(limited, "filesystem")
                    )
                }
                None => "no local filesystem has a fixed number of inodes".to_owned(),
            },
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::facts::storage::{Filesystem, Inodes, Purpose, Usage};
    use crate::verdict::Verdict;

    fn verdict(inodes: Option<Inodes>) -> Verdict {
        let mut facts = Facts::default();
        facts.storage.filesystems = Seen::Seen(vec![Filesystem {
            mount: "/".to_owned(),
            source: "/dev/vda".to_owned(),
            kind: "ext4".to_owned(),
            purpose: Purpose::Data,
            read_only: false,
            wanted_read_only: None,
            given_up: None,
            usage: Seen::Seen(Usage {
                size_bytes: 100,
                used_bytes: 1,
                available_bytes: 99,
                inodes,
            }),
            errors: Vec::new(),
        }]);
        judge(&Scene::of(&facts, Timestamp::UNIX_EPOCH))[0].verdict
    }

    #[test]
    fn inodes_run_out_before_space_does() {
        for (used, expected) in [(50, Verdict::Pass), (90, Verdict::Warn), (99, Verdict::Fail)] {
            assert_eq!(verdict(Some(Inodes { used, available: 100 - used })), expected);
        }
        assert_eq!(verdict(None), Verdict::Pass);
    }
}
