//! Rule: every local filesystem has space left.

use crate::checks::storage::projection;
use crate::facts::storage::{Filesystem, Purpose, Usage};
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::{bytes, counted, span};
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
            Seen::Seen(usage) => match sick(filesystem, usage, scene) {
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
                    "{}; the fullest is {}: {}",
                    counted(well.len(), "filesystem"),
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

fn sick(filesystem: &Filesystem, usage: &Usage, scene: &Scene<'_>) -> Option<Finding> {
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
        Purpose::Data | Purpose::Memory => {
            let used = scene.history.of("filesystem_used_bytes", mount);
            let left = projection::until_full(used, usage.available_bytes, scene.now);
            let by_trend = match left {
                Some(left) if left <= projection::FAIL => Some(Verdict::Fail),
                Some(left) if left <= projection::WARN => Some(Verdict::Warn),
                _ => None,
            };
            let verdict = by_percent(usage).max(by_trend)?;
            match left.filter(|_| by_trend.is_some()) {
                Some(left) => (verdict, format!("{figures}; full in {} at this pace", span(left))),
                None => (verdict, figures),
            }
        }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::reading::{History, Meter, Window};

    const NOW: i64 = 1_000_000_000;

    fn filesystem(purpose: Purpose, size: u64, available: u64) -> Filesystem {
        Filesystem {
            mount: "/srv".to_owned(),
            source: "/dev/vdb".to_owned(),
            kind: "ext4".to_owned(),
            purpose,
            read_only: false,
            wanted_read_only: None,
            given_up: None,
            usage: Seen::Seen(Usage {
                size_bytes: size,
                used_bytes: size - available,
                available_bytes: available,
                inodes: None,
            }),
            errors: Vec::new(),
        }
    }

    fn judged(filesystem: Filesystem, history: &History) -> Finding {
        let mut facts = Facts::default();
        facts.storage.filesystems = Seen::Seen(vec![filesystem]);
        let now = Timestamp::from_second(NOW).unwrap();
        judge(&Scene { facts: &facts, history, plan: None, now }).remove(0)
    }

    fn verdict(purpose: Purpose, size: u64, available: u64) -> Verdict {
        judged(filesystem(purpose, size, available), &History::default()).verdict
    }

    #[test]
    fn a_full_disk_fails_and_a_large_one_with_room_warns_at_most() {
        for (size, available, expected) in [
            (10 * GIB, 5 * GIB, Verdict::Pass),
            (10 * GIB, GIB, Verdict::Warn),
            (100 * GIB, 5 * GIB, Verdict::Fail),
            (4000 * GIB, 400 * GIB, Verdict::Pass),
            (4000 * GIB, 150 * GIB, Verdict::Warn),
            (4000 * GIB, 20 * GIB, Verdict::Fail),
        ] {
            assert_eq!(verdict(Purpose::Data, size, available), expected, "{size} {available}");
        }
    }

    #[test]
    fn a_small_boot_partition_is_judged_by_the_next_kernel() {
        let boot = Purpose::Boot { kernel_bytes: 60 << 20 };
        assert_eq!(verdict(boot, 500 << 20, 70 << 20), Verdict::Pass);
        assert_eq!(verdict(boot, 500 << 20, 50 << 20), Verdict::Warn);
        assert_eq!(verdict(Purpose::Loader, 100 << 20, 3 << 20), Verdict::Pass);
        assert_eq!(verdict(Purpose::Loader, 100 << 20, 1 << 20), Verdict::Warn);
    }

    #[test]
    fn a_disk_that_fills_within_two_days_fails_and_within_a_week_warns() {
        // A GiB an hour over two days.
        let windows = (0..48u32)
            .map(|hour| {
                let at = Timestamp::from_second(NOW - i64::from(47 - hour) * 3_600).unwrap();
                Window::raw(at, 3, f64::from(hour) * GIB as f64)
            })
            .collect();
        let history =
            History::new(BTreeMap::from([(Meter::new("filesystem_used_bytes", "/srv"), windows)]));
        let soon = judged(filesystem(Purpose::Data, 1000 * GIB, 40 * GIB + 400 * GIB), &history);
        assert_eq!(soon.verdict, Verdict::Pass, "{soon:?}");
        let week = judged(filesystem(Purpose::Data, 300 * GIB, 100 * GIB), &history);
        assert_eq!(week.verdict, Verdict::Warn);
        assert!(week.evidence.ends_with("full in 4 d 4 h at this pace"), "{week:?}");
        let now = judged(filesystem(Purpose::Data, 300 * GIB, 46 * GIB), &history);
        assert_eq!(now.verdict, Verdict::Fail);
    }

    #[test]
    fn a_disk_that_does_not_answer_is_unknown_and_a_read_only_one_passes() {
        let silent = Filesystem {
            usage: Seen::unseen("it did not answer in time"),
            ..filesystem(Purpose::Data, 1, 1)
        };
        assert_eq!(judged(silent, &History::default()).verdict, Verdict::Unknown);
        let image = Filesystem { read_only: true, ..filesystem(Purpose::Data, GIB, 0) };
        assert_eq!(judged(image, &History::default()).verdict, Verdict::Pass);
    }
}
