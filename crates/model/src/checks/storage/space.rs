//! Rule: every local filesystem has space left.

use crate::facts::storage::{Filesystem, Purpose, Usage};
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::bytes;
use crate::verdict::{Finding, Verdict};

const GIB: u64 = 1 << 30;

/// From here on a percentage says little: there is room.
const ROOM: u64 = 100 * GIB;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let filesystems = match &scene.facts.storage.filesystems {
        Seen::Seen(filesystems) => filesystems,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let mut findings = Vec::new();
    let mut well = Vec::new();
    for filesystem in filesystems {
        match &filesystem.usage {
            Seen::Unseen(reason) => findings.push(Finding::unknown(&filesystem.mount, reason)),
            // Nothing can be written there: it cannot get any fuller.
            Seen::Seen(_) if filesystem.read_only => {}
            Seen::Seen(usage) => match sick(filesystem, usage) {
                Some(finding) => findings.push(finding),
                None => well.push((filesystem, usage)),
            },
        }
    }
    if findings.is_empty() {
        let worst = well.iter().max_by(|a, b| a.1.percent().total_cmp(&b.1.percent()));
        findings.push(match worst {
            Some((filesystem, usage)) => Finding::pass(
                "host",
                format!(
                    "{} filesystems; the fullest is {}: {}",
                    well.len(),
                    filesystem.mount,
                    figures(usage)
                ),
            ),
            None => Finding::pass("host", "no local filesystem is mounted writable"),
        });
    }
    findings
}

fn figures(usage: &Usage) -> String {
    format!(
        "{:.0} % used, {} of {} left",
        usage.percent(),
        bytes(usage.available_bytes),
        bytes(usage.size_bytes)
    )
}

fn sick(filesystem: &Filesystem, usage: &Usage) -> Option<Finding> {
    let mount = &filesystem.mount;
    let figures = figures(usage);
    let (verdict, evidence) = match filesystem.purpose {
        Purpose::Loader => ((usage.available_bytes < 2 << 20).then_some(Verdict::Warn)?, figures),
        Purpose::Boot { kernel_bytes } => {
            let needed = kernel_bytes.max(10 << 20);
            (
                (usage.available_bytes < needed).then_some(Verdict::Warn)?,
                format!("{figures}; one more kernel needs about {}", bytes(needed)),
            )
        }
        Purpose::Data | Purpose::Memory => (by_percent(usage)?, figures),
    };
    let fix = match filesystem.purpose {
        Purpose::Boot { .. } => "apt-get autoremove --purge   # removes kernels that are not \
                                 needed any more"
            .to_owned(),
        _ => {
            format!("du -xh --max-depth=2 '{mount}' | sort -h | tail -20   # shows what to remove")
        }
    };
    let finding = match verdict {
        Verdict::Fail => Finding::fail(mount, evidence),
        _ => Finding::warn(mount, evidence),
    };
    Some(finding.fix(fix))
}

fn by_percent(usage: &Usage) -> Option<Verdict> {
    let room = usage.available_bytes >= ROOM;
    match usage.percent() {
        percent if percent >= 95.0 => Some(if room { Verdict::Warn } else { Verdict::Fail }),
        percent if percent >= 85.0 && !room => Some(Verdict::Warn),
        _ => None,
    }
}
