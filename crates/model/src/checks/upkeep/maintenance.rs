//! Whether a maintenance flag was forgotten.

use crate::check::Check;
use crate::facts::files::shown;
use crate::plan::host::Maintenance;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::{moment, span};
use crate::verdict::Finding;

pub(super) const CHECK: Check = Check {
    name: "maintenance-window",
    title: "maintenance mode ends when it should",
    asks: "Looks at each flag file that the plan lists under [[maintenance]] in the host's file \
           (`flag`, `window_minutes`): while the file exists, the service shows its maintenance \
           page. After an upgrade that went well the flag is easily forgotten, and visitors stay \
           locked out.\n\
           fail: the file's modification time is further back than its window.\n\
           warn: that time lies in the future, so the age cannot be told.\n\
           unknown: the file could not be \
           looked at.\n\
           pass: no flag is set, or the window still runs, or the plan declares none.",
    commands: &["stat -c '%y %n' FLAG", "date"],
    mend: "If the work is done, remove the flag (`rm FLAG`) and look whether the service answers. If \
           it is not, tell the members, and `touch FLAG` to start the window anew.",
    judge,
};

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let declared = scene.plan.map_or(&[][..], |plan| &plan.maintenance);
    if declared.is_empty() {
        return vec![Finding::pass(
            "host",
            "no maintenance flag is declared in this host's file of the plan, so none was looked for",
        )];
    }
    let mut set = Vec::new();
    let mut findings: Vec<Finding> =
        declared.iter().filter_map(|one| sick(one, scene, &mut set)).collect();
    if findings.is_empty() {
        findings.push(Finding::pass(
            "host",
            match (declared.len(), set.as_slice()) {
                (1, []) => format!("{} does not exist", declared[0].flag),
                (many, []) => format!("{many} declared flags, none of them set"),
                (_, set) => set.join("; "),
            },
        ));
    }
    findings
}

fn sick(one: &Maintenance, scene: &Scene<'_>, set: &mut Vec<String>) -> Option<Finding> {
    let flag = &one.flag;
    let trace = scene.facts.upkeep.maintenance.iter().find(|trace| trace.path == shown(flag));
    let found = match trace.map(|trace| &trace.found) {
        None => return Some(Finding::unknown(flag, "nobody has looked at this flag yet")),
        Some(Seen::Unseen(reason)) => return Some(Finding::unknown(flag, reason)),
        Some(Seen::Seen(None)) => return None,
        Some(Seen::Seen(Some(found))) => found,
    };
    let age = scene.now.duration_since(found.modified).as_secs();
    let window = i64::from(one.window_minutes) * 60;
    let allowed = span(window.unsigned_abs());
    if age < -60 {
        return Some(
            Finding::warn(
                flag,
                format!(
                    "the flag is set, and its time {} lies {} in the future: its age cannot be told",
                    moment(found.modified),
                    span(age.unsigned_abs())
                ),
            )
            .fix(format!("check the clock (`timedatectl`); if the maintenance is over: rm {flag}")),
        );
    }
    let stood = span(age.max(0).unsigned_abs());
    if age > window {
        return Some(
            Finding::fail(
                flag,
                format!(
                    "maintenance mode has been on for {stood}, since {}; its window is {allowed}",
                    moment(found.modified)
                ),
            )
            .fix(format!("if the work is done: rm {flag}")),
        );
    }
    set.push(format!("{flag} has been set for {stood} of its window of {allowed}"));
    None
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::facts::Facts;
    use crate::facts::upkeep::{Found, Trace, Upkeep};
    use crate::plan::host::HostPlan;
    use crate::reading::History;
    use crate::verdict::Verdict;

    fn judged(found: Seen<Option<SignedDuration>>) -> Finding {
        let now = Timestamp::from_second(1_790_000_000).expect("in range");
        let found =
            found.map(|age| age.map(|age| Found { regular: true, bytes: 0, modified: now - age }));
        let facts = Facts {
            upkeep: Upkeep {
                maintenance: vec![Trace { path: "/run/off".into(), found }],
                ..Upkeep::default()
            },
            ..Facts::default()
        };
        let plan = HostPlan::parse(
            "name = \"a\"\n[[maintenance]]\nflag = \"/run/off\"\nwindow_minutes = 60\n",
        )
        .expect("a plan");
        let scene = Scene { facts: &facts, history: &History::default(), plan: Some(&plan), now };
        CHECK.findings(&scene).remove(0)
    }

    #[test]
    fn a_flag_older_than_its_window_fails() {
        for (age, verdict) in [
            (Seen::Seen(None), Verdict::Pass),
            (Seen::Seen(Some(SignedDuration::from_mins(59))), Verdict::Pass),
            (Seen::Seen(Some(SignedDuration::from_mins(61))), Verdict::Fail),
            (Seen::Seen(Some(SignedDuration::from_mins(-5))), Verdict::Warn),
            (Seen::unseen("permission denied"), Verdict::Unknown),
        ] {
            let found = judged(age.clone());
            assert_eq!(found.verdict, verdict, "{age:?}: {}", found.evidence);
        }
    }

    #[test]
    fn evidence_says_for_how_long() {
        let found = judged(Seen::Seen(Some(SignedDuration::from_hours(26))));
        assert!(found.evidence.contains("for 1 d 2 h"), "{}", found.evidence);
        assert_eq!(found.fix.as_deref(), Some("if the work is done: rm /run/off"));
    }
}
