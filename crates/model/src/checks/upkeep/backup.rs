//! Whether each declared backup left fresh evidence.

use crate::check::Check;
use crate::checks::upkeep::evidence;
use crate::facts::files::shown;
use crate::facts::upkeep::Found;
use crate::plan::host::Backup;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::{bytes, moment, span};
use crate::verdict::Finding;

pub(super) const CHECK: Check = Check {
    name: "backup-evidence",
    title: "backups happen, and were read back",
    asks: "Looks at the evidence of each backup that the plan asks of this host: of each service \
           that `services/*.toml` places here, at each of its targets, what `stead backup` leaves \
           in /var/lib/stead/backup/evidence after it has read its snapshot back from the target; \
           and the file that each of [[backups]] in the host's own file names (`service`, \
           `period_hours`, `evidence`), which another tool writes last. Whether a timer is enabled \
           is not asked: timers run and leave nothing behind, and backups were missed for months \
           that way.\n\
           fail: the evidence is missing, empty, garbage, of another service or target, or older \
           than one and a half times its period.\n\
           warn: a service keeps data, and the plan names no target for it.\n\
           unknown: no backup is declared, a service's file could not be read, the evidence could \
           not be looked at, or its time lies more than an hour in the future.\n\
           pass: each is fresh.",
    commands: &[
        "cat /var/lib/stead/backup/evidence/SERVICE@TARGET.json",
        "stat -L -c '%y %s %F %n' EVIDENCE",
        "date",
    ],
    mend: "`stead backup now SERVICE` says what stands in the way; a backup that another tool makes \
           is run by hand, and its messages read to the end. If none is set up yet: name a target \
           in stead.toml ([targets.disk] with kind = \"folder\" and path = \"/mnt/backup\"), write \
           `backups = [\"disk\"]` into the service's file, and `stead backup keys make SERVICE`. For \
           another tool, let its last step, after reading the snapshot back (`restic check \
           --read-data-subset=1%`, or a restore into an empty folder), be `date -Is > EVIDENCE`, \
           and declare it in the host's file of the plan:\n[[backups]]\nservice = \
           \"chat\"\nperiod_hours = 24\nevidence = \"/var/lib/backup/chat.ok\"",
    judge,
};

/// How far a file's time may be ahead of the clock before it is no evidence, in seconds.
const AHEAD: i64 = 3600;

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let declared = scene.plan.map_or(&[][..], |plan| &plan.backups);
    let services = scene.plan.map_or(&[][..], |plan| &plan.services);
    let unread = scene.plan.map_or(&[][..], |plan| &plan.unread);
    if declared.is_empty() && services.is_empty() && unread.is_empty() {
        return vec![
            Finding::unknown(
                "host",
                "no backup is declared in this host's file of the plan, so nobody can say whether \
                 there is one",
            )
            .fix(
                "place a service with `backups` in services/, or add [[backups]] with service, \
                 period_hours and evidence to the host's file of the plan; `stead check explain \
                 backup-evidence` has examples",
            ),
        ];
    }
    let mut fresh = Vec::new();
    let mut findings: Vec<Finding> =
        declared.iter().filter_map(|one| sick(one, scene, &mut fresh)).collect();
    for service in services {
        let elsewhere = declared.iter().any(|one| one.service == service.service);
        findings.extend(evidence::judge(service, elsewhere, scene, &mut fresh));
    }
    findings.extend(unread.iter().map(|fault| {
        Finding::unknown("plan", fault.as_str())
            .fix("mend that file of the plan; until then nobody knows what it asks for")
    }));
    if findings.is_empty() {
        findings.push(Finding::pass("host", fresh.join("; ")));
    }
    findings
}

fn sick(one: &Backup, scene: &Scene<'_>, fresh: &mut Vec<String>) -> Option<Finding> {
    let subject = &one.service;
    let path = &one.evidence;
    let period = span(u64::from(one.period_hours) * 3600);
    let fail = |evidence: String| {
        Some(Finding::fail(subject, evidence).fix(format!(
            "run the backup of {subject} by hand and read what it says; its evidence is {path}"
        )))
    };
    let trace = scene.facts.upkeep.backups.iter().find(|trace| trace.path == shown(path));
    let found = match trace.map(|trace| &trace.found) {
        None => return Some(Finding::unknown(subject, "nobody has looked at its evidence yet")),
        Some(Seen::Unseen(reason)) => return Some(Finding::unknown(subject, reason)),
        Some(Seen::Seen(None)) => {
            return fail(format!(
                "its evidence {path} does not exist: no backup was ever made and read back"
            ));
        }
        Some(Seen::Seen(Some(found))) => found,
    };
    let Found { regular, bytes: size, modified } = found;
    if !regular {
        return fail(format!("its evidence {path} is not a regular file"));
    }
    if *size == 0 {
        return fail(format!("its evidence {path} is empty"));
    }
    let age = scene.now.duration_since(*modified).as_secs();
    if age < -AHEAD {
        return Some(
            Finding::unknown(
                subject,
                format!(
                    "the time of its evidence {path}, {}, lies {} in the future: its age \
                     cannot be told",
                    moment(*modified),
                    span(age.unsigned_abs())
                ),
            )
            .fix("check the clock (`timedatectl`), then run the backup again"),
        );
    }
    let old = span(age.max(0).unsigned_abs());
    // One and a half periods, in whole seconds.
    if age > i64::from(one.period_hours) * 5400 {
        return fail(format!(
            "the last evidence is {old} old ({path}, {}); a backup is due every {period}",
            moment(*modified)
        ));
    }
    fresh.push(format!("{subject}: evidence {old} old, {}, due every {period}", bytes(*size)));
    None
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::facts::Facts;
    use crate::facts::upkeep::{Trace, Upkeep};
    use crate::plan::host::HostPlan;
    use crate::reading::History;
    use crate::verdict::Verdict;

    fn judged(found: Seen<Option<(i64, u64, bool)>>) -> Finding {
        let now = Timestamp::from_second(1_790_000_000).expect("in range");
        let found = found.map(|found| {
            found.map(|(hours, bytes, regular)| Found {
                regular,
                bytes,
                modified: now - SignedDuration::from_hours(hours),
            })
        });
        let facts = Facts {
            upkeep: Upkeep {
                maintenance: Vec::new(),
                backups: vec![Trace { path: "/var/ok".into(), found }],
                services: Vec::new(),
            },
            ..Facts::default()
        };
        let plan = HostPlan::parse(
            "name = \"a\"\n[[backups]]\nservice = \"chat\"\nperiod_hours = 24\n\
             evidence = \"/var/ok\"\n",
        )
        .expect("a plan");
        let scene = Scene { facts: &facts, history: &History::default(), plan: Some(&plan), now };
        CHECK.findings(&scene).remove(0)
    }

    #[test]
    fn only_a_fresh_full_regular_file_is_evidence() {
        for (found, verdict) in [
            (Seen::Seen(Some((1, 9, true))), Verdict::Pass),
            (Seen::Seen(Some((36, 9, true))), Verdict::Pass),
            (Seen::Seen(Some((37, 9, true))), Verdict::Fail),
            (Seen::Seen(Some((1, 0, true))), Verdict::Fail),
            (Seen::Seen(Some((1, 9, false))), Verdict::Fail),
            (Seen::Seen(Some((-2, 9, true))), Verdict::Unknown),
            (Seen::Seen(None), Verdict::Fail),
            (Seen::unseen("permission denied"), Verdict::Unknown),
        ] {
            let one = judged(found.clone());
            assert_eq!(one.verdict, verdict, "{found:?}: {}", one.evidence);
            assert_eq!(one.subject, if verdict == Verdict::Pass { "host" } else { "chat" });
        }
    }

    #[test]
    fn without_a_declaration_nobody_knows() {
        let facts = Facts::default();
        let (history, now) = (History::default(), Timestamp::UNIX_EPOCH);
        let scene = Scene { facts: &facts, history: &history, plan: None, now };
        assert_eq!(CHECK.findings(&scene)[0].verdict, Verdict::Unknown);
    }
}
