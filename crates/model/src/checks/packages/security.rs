//! Rule: no security update waits.

use crate::facts::packages::Security;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::span;
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
            "none of apt's {} package lists is of a security archive",
            security.lists
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
