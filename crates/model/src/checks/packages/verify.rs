//! Rule: packaged files are as they were shipped.

use crate::facts::packages::{Altered, Verified};
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::counted;
use crate::verdict::Finding;

/// How many packages are told one by one.
const TOLD: usize = 20;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let packages = &scene.facts.packages;
    let verified = match &packages.verified {
        Seen::Seen(verified) => verified,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    if let (false, Some(pid)) =
        (verified.altered.is_empty(), packages.dpkg.seen().and_then(|dpkg| dpkg.at_work))
    {
        return vec![Finding::unknown(
            "host",
            format!(
                "dpkg is at work (its lock is held by process {pid}): ask again when it is done"
            ),
        )];
    }
    let mut findings: Vec<Finding> = verified.altered.iter().take(TOLD).map(altered).collect();
    if let Some(more) = verified.altered.len().checked_sub(TOLD).filter(|more| *more > 0) {
        findings.push(
            Finding::fail("others", format!("files of {more} more packages differ"))
                .fix("dpkg --verify"),
        );
    }
    if verified.waiting > 0 {
        findings.push(Finding::unknown(
            "host",
            format!(
                "{} not compared yet: the next run goes on; {}",
                counted(verified.waiting, "package"),
                told(verified)
            ),
        ));
    } else if verified.unreadable > 0 {
        let advice = if scene.facts.machine.privileged {
            "not even by root: a dying disk does that; see dmesg"
        } else {
            "run it as root"
        };
        findings.push(Finding::unknown(
            "host",
            format!(
                "{} cannot be read, {advice}; {}",
                counted(verified.unreadable, "file"),
                told(verified)
            ),
        ));
    } else if findings.is_empty() {
        findings.push(Finding::pass("host", told(verified)));
    }
    findings
}

fn altered(altered: &Altered) -> Finding {
    let mut counts = Vec::new();
    if altered.changed > 0 {
        counts.push(format!("{} changed", altered.changed));
    }
    if altered.missing > 0 {
        counts.push(format!("{} missing", altered.missing));
    }
    let told = altered.paths.len() as u64;
    let more = match altered.changed + altered.missing {
        all if all > told => format!(" and {} more", all - told),
        _ => String::new(),
    };
    Finding::fail(
        &altered.package,
        format!("{}: {}{more}", counts.join(", "), altered.paths.join(", ")),
    )
    .fix(format!("apt-get install --reinstall {}", altered.package))
}

fn told(verified: &Verified) -> String {
    let mut text = format!(
        "{} of {} compared with their checksums",
        counted(verified.files, "file"),
        counted(verified.packages, "package")
    );
    for (count, what) in [
        (verified.excluded, "absent by path-exclude"),
        (verified.absent_documents, "pages of documentation absent"),
    ] {
        if count > 0 {
            text.push_str(&format!("; {count} {what}"));
        }
    }
    match verified.without_sums.as_slice() {
        [] => {}
        [one] => text.push_str(&format!("; {one} was shipped without checksums")),
        many => {
            let some = many.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
            let dots = if many.len() > 5 { ", …" } else { "" };
            text.push_str(&format!(
                "; {} packages were shipped without checksums ({some}{dots})",
                many.len()
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::verdict::Verdict;

    const NOW: i64 = 1_000_000_000;

    fn judged(facts: &Facts) -> Vec<Finding> {
        judge(&Scene::of(facts, Timestamp::from_second(NOW).unwrap()))
    }

    fn facts(verified: Verified) -> Facts {
        let mut facts = Facts::default();
        facts.packages.verified = Seen::Seen(verified);
        facts
    }

    #[test]
    fn altered_packages_fail_with_their_paths() {
        let altered = Altered {
            package: "nginx".to_owned(),
            changed: 7,
            missing: 1,
            paths: vec!["/a".to_owned(), "/b".to_owned()],
        };
        let facts = facts(Verified { altered: vec![altered], ..Verified::default() });
        let finding = judged(&facts).remove(0);
        assert_eq!(finding.verdict, Verdict::Fail);
        assert_eq!(finding.evidence, "7 changed, 1 missing: /a, /b and 6 more");
    }

    #[test]
    fn what_was_not_compared_is_no_pass() {
        let counted = Verified { packages: 2, files: 9, ..Verified::default() };
        assert_eq!(judged(&facts(counted.clone()))[0].verdict, Verdict::Pass);
        let waiting = Verified { waiting: 1, ..counted.clone() };
        assert_eq!(judged(&facts(waiting))[0].verdict, Verdict::Unknown);
        let unreadable = Verified { unreadable: 1, ..counted };
        assert_eq!(judged(&facts(unreadable))[0].verdict, Verdict::Unknown);
        assert_eq!(judged(&Facts::default())[0].verdict, Verdict::Unknown);
    }
}
