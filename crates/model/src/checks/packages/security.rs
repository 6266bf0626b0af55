//! Rule: no security update waits.

use crate::facts::packages::Security;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::{counted, span};
use crate::verdict::Finding;

const DAY: i64 = 86_400;

/// How old lists may be, in seconds; Debian's security archive is signed for a week.
const OLDEST: i64 = 7 * DAY;

/// How long an update may wait, in seconds.
const LONGEST: i64 = 7 * DAY;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let security = match &scene.facts.packages.security {
        Seen::Seen(security) => security,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let mut findings = Vec::new();
    if !security.pending.is_empty() {
        findings.push(pending(security, scene));
    }
    if let Some(reason) = doubt(security, scene) {
        findings.push(Finding::unknown("lists", reason).fix("apt-get update"));
    }
    if findings.is_empty() {
        let age = age(security, scene).map_or(String::new(), |age| {
            format!(", fetched {} ago", span(age.max(0).unsigned_abs()))
        });
        findings.push(Finding::pass(
            "host",
            format!("none waits, by the lists of {}{age}", security.origins.join(", ")),
        ));
    }
    findings
}

fn age(security: &Security, scene: &Scene<'_>) -> Option<i64> {
    Some(scene.now.as_second() - security.refreshed?.as_second())
}

/// Why no update may be pending although there is one.
fn doubt(security: &Security, scene: &Scene<'_>) -> Option<String> {
    if security.lists == 0 {
        return Some("apt has no package lists here".to_owned());
    }
    if security.origins.is_empty() {
        return Some(format!(
            "none of apt's {} is of a security archive",
            counted(security.lists, "package list")
        ));
    }
    if let Some(unread) = security.unread.first() {
        return Some(format!("cannot read a security list: {unread}"));
    }
    match age(security, scene) {
        Some(age) if age >= OLDEST => Some(format!("the lists are {} days old", age / DAY)),
        Some(_) => None,
        None => Some("the age of the lists is not known".to_owned()),
    }
}

fn pending(security: &Security, scene: &Scene<'_>) -> Finding {
    let names: Vec<String> = security
        .pending
        .iter()
        .take(12)
        .map(|pending| format!("{} {} → {}", pending.package, pending.installed, pending.available))
        .collect();
    let dots = if security.pending.len() > names.len() { ", …" } else { "" };
    let oldest = security.pending.iter().map(|pending| pending.since).min();
    let waited = oldest.map_or(0, |since| scene.now.as_second() - since.as_second());
    let since = match u64::try_from(waited) {
        Ok(seconds) if seconds >= 3_600 => format!(", the first seen {} ago", span(seconds)),
        _ => String::new(),
    };
    let evidence = format!("{} wait{since}: {}{dots}", security.pending.len(), names.join(", "));
    let finding = if waited >= LONGEST {
        Finding::fail("host", evidence)
    } else {
        Finding::warn("host", evidence)
    };
    finding.fix("apt-get update && apt-get upgrade")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::facts::packages::Pending;
    use crate::verdict::Verdict;

    const NOW: i64 = 1_000_000_000;

    fn judged(facts: &Facts) -> Vec<Finding> {
        judge(&Scene::of(facts, Timestamp::from_second(NOW).unwrap()))
    }

    fn well() -> Security {
        Security {
            lists: 3,
            origins: vec!["Debian-Security bookworm-security".to_owned()],
            refreshed: Timestamp::from_second(NOW - DAY).ok(),
            ..Security::default()
        }
    }

    fn verdicts(security: Security) -> Vec<Verdict> {
        let mut facts = Facts::default();
        facts.packages.security = Seen::Seen(security);
        judged(&facts).iter().map(|finding| finding.verdict).collect()
    }

    fn pending(age: i64) -> Vec<Pending> {
        vec![Pending {
            package: "bash".to_owned(),
            installed: "1".to_owned(),
            available: "2".to_owned(),
            since: Timestamp::from_second(NOW - age).unwrap(),
        }]
    }

    #[test]
    fn an_update_warns_and_after_a_week_fails() {
        assert_eq!(verdicts(well()), [Verdict::Pass]);
        assert_eq!(verdicts(Security { pending: pending(60), ..well() }), [Verdict::Warn]);
        assert_eq!(verdicts(Security { pending: pending(8 * DAY), ..well() }), [Verdict::Fail]);
    }

    #[test]
    fn old_absent_or_broken_lists_are_unknown_beside_what_they_still_say() {
        let old = Security { refreshed: Timestamp::from_second(NOW - 9 * DAY).ok(), ..well() };
        assert_eq!(verdicts(old.clone()), [Verdict::Unknown]);
        let both = Security { pending: pending(0), ..old };
        assert_eq!(verdicts(both), [Verdict::Warn, Verdict::Unknown]);
        for security in [
            Security { lists: 0, ..well() },
            Security { origins: Vec::new(), ..well() },
            Security { unread: vec!["x.lz4: broken".to_owned()], ..well() },
            Security { refreshed: None, ..well() },
        ] {
            assert_eq!(verdicts(security), [Verdict::Unknown]);
        }
    }
}
