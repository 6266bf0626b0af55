//! Rule: no filesystem has errors or has gone read-only, and no array lacks a member.

use crate::facts::storage::{Array, Filesystem};
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::counted;
use crate::verdict::Finding;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let storage = &scene.facts.storage;
    let filesystems = match &storage.filesystems {
        Seen::Seen(filesystems) => filesystems,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let mut findings: Vec<Finding> = filesystems.iter().filter_map(sick).collect();
    findings.extend(storage.arrays.iter().filter(|array| array.degraded > 0).map(degraded));
    if findings.is_empty() {
        let arrays = match storage.arrays.len() {
            0 => String::new(),
            count => format!("; {}, complete", counted(count, "RAID array")),
        };
        findings.push(Finding::pass(
            "host",
            format!(
                "{}: no error counted, as writable as wanted{arrays}",
                counted(filesystems.len(), "filesystem")
            ),
        ));
    }
    findings
}

fn sick(filesystem: &Filesystem) -> Option<Finding> {
    let Filesystem { mount, source, kind, .. } = filesystem;
    let mut faults = Vec::new();
    if let Some(option) = &filesystem.given_up {
        faults.push(format!("the kernel gave it up (`{option}`)"));
    } else if filesystem.read_only && filesystem.wanted_read_only == Some(false) {
        faults.push("it is read-only, but fstab wants it writable".to_owned());
    }
    for errors in &filesystem.errors {
        let last = match errors.last {
            // To the minute: a label for a person.
            Some(last) => format!(", last at {}", last.strftime("%Y-%m-%d %H:%M UTC")),
            None => String::new(),
        };
        faults.push(format!("{}: {}{last}", errors.counter, errors.count));
    }
    if faults.is_empty() {
        return None;
    }
    let fix = match kind.as_str() {
        "btrfs" => format!("btrfs scrub start '{mount}'; btrfs device stats '{mount}'"),
        "ext2" | "ext3" | "ext4" => {
            format!("save a backup; dmesg | grep -i '{source}'; unmount, then e2fsck -f '{source}'")
        }
        _ => format!("save a backup; dmesg | grep -i '{source}'; check the disk with smartctl -a"),
    };
    Some(Finding::fail(mount, format!("{kind} on {source}: {}", faults.join("; "))).fix(fix))
}

fn degraded(array: &Array) -> Finding {
    Finding::fail(
        format!("/dev/{}", array.name),
        format!("{} lacks {} of its members", array.level, array.degraded),
    )
    .fix(format!(
        "cat /proc/mdstat; replace the disk; mdadm --manage /dev/{} --add DEVICE",
        array.name
    ))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::facts::storage::{Errors, Purpose};
    use crate::reading::History;
    use crate::verdict::Verdict;

    fn root() -> Filesystem {
        Filesystem {
            mount: "/".to_owned(),
            source: "/dev/vda1".to_owned(),
            kind: "ext4".to_owned(),
            purpose: Purpose::Data,
            read_only: false,
            wanted_read_only: Some(false),
            given_up: None,
            usage: Seen::unseen("not asked"),
            errors: Vec::new(),
        }
    }

    fn judged(filesystems: Vec<Filesystem>, arrays: Vec<Array>) -> Vec<Finding> {
        let mut facts = Facts::default();
        facts.storage.filesystems = Seen::Seen(filesystems);
        facts.storage.arrays = arrays;
        let history = History::default();
        judge(&Scene { facts: &facts, history: &history, plan: None, now: Timestamp::UNIX_EPOCH })
    }

    #[test]
    fn a_disk_that_went_read_only_fails_and_one_wanted_so_passes() {
        let broken = Filesystem { read_only: true, ..root() };
        let findings = judged(vec![broken.clone()], vec![]);
        assert_eq!((findings[0].verdict, findings[0].subject.as_str()), (Verdict::Fail, "/"));
        for wanted in [Some(true), None] {
            let fine = Filesystem { wanted_read_only: wanted, ..broken.clone() };
            assert_eq!(judged(vec![fine], vec![])[0].verdict, Verdict::Pass);
        }
        let given_up = Filesystem { given_up: Some("shutdown".to_owned()), ..root() };
        assert_eq!(judged(vec![given_up], vec![])[0].verdict, Verdict::Fail);
    }

    #[test]
    fn counted_errors_and_degraded_arrays_fail() {
        let errors = vec![Errors {
            counter: "ext4 errors".to_owned(),
            count: 3,
            last: Timestamp::from_second(1_700_000_000).ok(),
        }];
        let array = Array { name: "md0".to_owned(), level: "raid1".to_owned(), degraded: 1 };
        let findings = judged(vec![Filesystem { errors, ..root() }], vec![array]);
        assert_eq!(
            findings[0].evidence,
            "ext4 on /dev/vda1: ext4 errors: 3, last at 2023-11-14 22:13 UTC"
        );
        assert_eq!(findings[1].evidence, "raid1 lacks 1 of its members");
    }

    #[test]
    fn a_sound_machine_passes_with_counts() {
        let finding = judged(vec![root()], vec![]).remove(0);
        assert_eq!(finding.verdict, Verdict::Pass);
        assert!(finding.evidence.starts_with("1 filesystem:"), "{finding:?}");
    }
}
