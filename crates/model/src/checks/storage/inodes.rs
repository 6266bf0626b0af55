//! Rule: every local filesystem has inodes left.

use crate::scene::Scene;
use crate::seen::Seen;
use crate::verdict::Finding;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let filesystems = match &scene.facts.storage.filesystems {
        Seen::Seen(filesystems) => filesystems,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let mut findings = Vec::new();
    let mut fullest: Option<(f64, &str)> = None;
    let mut counted = 0;
    for filesystem in filesystems {
        let usage = match &filesystem.usage {
            Seen::Seen(usage) => usage,
            Seen::Unseen(reason) => {
                findings.push(Finding::unknown(&filesystem.mount, reason));
                continue;
            }
        };
        let Some(inodes) = usage.inodes.filter(|_| !filesystem.read_only) else { continue };
        counted += 1;
        let percent = inodes.percent();
        if fullest.is_none_or(|(most, _)| percent > most) {
            fullest = Some((percent, &filesystem.mount));
        }
        if percent < 85.0 {
            continue;
        }
        let evidence = format!(
            "{percent:.0} % of the inodes are used: {} used, {} left",
            inodes.used, inodes.available
        );
        let finding = if percent >= 95.0 {
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
                    format!("{counted} filesystems; the fullest is {mount}: {percent:.0} % used")
                }
                None => "no local filesystem has a fixed number of inodes".to_owned(),
            },
        ));
    }
    findings
}
