//! Checks on units: the wiring of timers, failed units, restart loops.

mod each;
mod failing;
mod firing;
mod text;
mod wiring;

use crate::check::Check;
use crate::facts::units::Units;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::verdict::Finding;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "timer-unwanted",
        title: "every timer is wanted by something",
        asks: text::UNWANTED,
        commands: &[
            "systemctl list-unit-files --type=timer",
            "ls -l /etc/systemd/system/*.wants/ /usr/lib/systemd/system/*.wants/",
        ],
        mend: text::UNWANTED_MEND,
        judge: |scene| judge(scene, wiring::unwanted),
    },
    Check {
        name: "timer-target-missing",
        title: "what wants a timer exists and is reached at boot",
        asks: text::TARGET_MISSING,
        commands: &[
            "systemctl show -p WantedBy NAME.timer",
            "systemctl list-dependencies --reverse NAME.timer",
            "systemctl get-default",
        ],
        mend: text::TARGET_MISSING_MEND,
        judge: |scene| judge(scene, wiring::target_missing),
    },
    Check {
        name: "timer-not-started",
        title: "every enabled timer runs",
        asks: text::NOT_STARTED,
        commands: &["systemctl list-timers --all", "systemctl status NAME.timer"],
        mend: text::NOT_STARTED_MEND,
        judge: |scene| judge(scene, wiring::not_started),
    },
    Check {
        name: "timer-not-enabled",
        title: "every running timer also starts at boot",
        asks: text::NOT_ENABLED,
        commands: &["systemctl is-enabled NAME.timer", "systemctl is-active NAME.timer"],
        mend: text::NOT_ENABLED_MEND,
        judge: |scene| judge(scene, wiring::not_enabled),
    },
    Check {
        name: "timer-never-fires",
        title: "every running timer has a next time",
        asks: text::NEVER_FIRES,
        commands: &[
            "systemctl list-timers --all",
            "systemctl show -p SubState,NextElapseUSecRealtime,NextElapseUSecMonotonic NAME.timer",
            "systemd-analyze calendar 'THE ONCALENDAR LINE'",
        ],
        mend: text::NEVER_FIRES_MEND,
        judge: |scene| judge(scene, firing::never_fires),
    },
    Check {
        name: "timer-service-failing",
        title: "what timers start ends well",
        asks: text::SERVICE_FAILING,
        commands: &[
            "systemctl show -p Result,ExecMainStatus NAME.service",
            "journalctl -u NAME.service -e",
        ],
        mend: text::SERVICE_FAILING_MEND,
        judge: |scene| judge(scene, firing::service_failing),
    },
    Check {
        name: "unit-failed",
        title: "no unit has failed",
        asks: text::FAILED,
        commands: &["systemctl --failed", "journalctl -u NAME -e"],
        mend: text::FAILED_MEND,
        judge: |scene| judge(scene, failing::failed),
    },
    Check {
        name: "unit-restart-loop",
        title: "no service restarts over and over",
        asks: text::RESTART_LOOP,
        commands: &[
            "systemctl show -p NRestarts,SubState,Result NAME.service",
            "journalctl -u NAME.service -e",
        ],
        mend: text::RESTART_LOOP_MEND,
        judge: |scene| judge(scene, failing::restart_loop),
    },
];

/// A question asked of all units.
type Rule = fn(&Units) -> Vec<Finding>;

fn judge(scene: &Scene<'_>, rule: Rule) -> Vec<Finding> {
    match &scene.facts.units {
        Seen::Seen(units) => rule(units),
        Seen::Unseen(reason) => vec![Finding::unknown("host", reason)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::units::failure::Ending;
    use crate::facts::units::timer::{Timer, Triggered, Wanting};
    use crate::verdict::Verdict;

    const RULES: [(&str, Rule); 6] = [
        ("unwanted", wiring::unwanted),
        ("target-missing", wiring::target_missing),
        ("not-started", wiring::not_started),
        ("not-enabled", wiring::not_enabled),
        ("never-fires", firing::never_fires),
        ("service-failing", firing::service_failing),
    ];

    fn by(unit: &str) -> Wanting {
        Wanting {
            unit: unit.to_owned(),
            load: "loaded".to_owned(),
            active: "active".to_owned(),
            reached: true,
            link: format!("/etc/systemd/system/{unit}.wants/x.timer"),
            fleeting: false,
        }
    }

    /// A timer as a package leaves it: enabled, active, waiting.
    fn well() -> Timer {
        Timer {
            name: "x.timer".to_owned(),
            load: "loaded".to_owned(),
            active: "active".to_owned(),
            sub: "waiting".to_owned(),
            file_state: "enabled".to_owned(),
            path: "/etc/systemd/system/x.timer".to_owned(),
            wanted_by: vec![by("timers.target")],
            calendar: vec!["*-*-* 00:00:00".to_owned()],
            next: Some(jiff::Timestamp::UNIX_EPOCH),
            service: Triggered {
                name: "x.service".to_owned(),
                load: "loaded".to_owned(),
                active: "inactive".to_owned(),
                sub: "dead".to_owned(),
                ending: Ending { result: "success".to_owned(), ..Ending::default() },
            },
            ..Timer::default()
        }
    }

    /// What each rule but the passing ones says of a timer that differs from a good one.
    fn told(change: impl FnOnce(&mut Timer)) -> String {
        let mut timer = well();
        change(&mut timer);
        let units = Units {
            default_target: "graphical.target".to_owned(),
            timers: vec![timer],
            ..Units::default()
        };
        let ill = |(name, rule): &(&str, Rule)| {
            let verdict = rule(&units)[0].verdict;
            (verdict != Verdict::Pass).then(|| format!("{name} {verdict}"))
        };
        RULES.iter().filter_map(ill).collect::<Vec<_>>().join(", ")
    }

    fn idle(timer: &mut Timer) {
        timer.active = "inactive".to_owned();
        timer.sub = "dead".to_owned();
        timer.next = None;
    }

    fn elapsed(timer: &mut Timer) {
        timer.sub = "elapsed".to_owned();
        timer.next = None;
    }

    #[test]
    fn each_fault_is_told_once_and_under_its_own_name() {
        let lose = |timer: &mut Timer| {
            timer.file_state = "static".to_owned();
            timer.wanted_by.clear();
        };
        assert_eq!(told(lose), "unwanted fail");
        assert_eq!(
            told(|t| {
                lose(t);
                idle(t)
            }),
            "unwanted fail"
        );
        let stray = |timer: &mut Timer| {
            timer.wanted_by[0].reached = false;
            timer.wanted_by[0].load = "not-found".to_owned();
        };
        assert_eq!(
            told(|t| {
                stray(t);
                idle(t)
            }),
            "target-missing fail"
        );
        assert_eq!(told(stray), "target-missing fail");
        assert_eq!(told(|t| t.wanted_by[0].reached = false), "target-missing fail");
        assert_eq!(told(idle), "not-started fail");
        let forgotten = |timer: &mut Timer| {
            timer.file_state = "disabled".to_owned();
            timer.wanted_by.clear();
        };
        assert_eq!(told(forgotten), "not-enabled fail");
        assert_eq!(told(|t| t.wanted_by[0].fleeting = true), "not-enabled warn");
        assert_eq!(told(elapsed), "never-fires fail");
        assert_eq!(
            told(|t| {
                elapsed(t);
                t.fired = true
            }),
            "never-fires warn"
        );
        assert_eq!(
            told(|t| t.service.ending.result = "exit-code".to_owned()),
            "service-failing fail"
        );
        assert_eq!(told(|t| t.service.load = "not-found".to_owned()), "service-failing fail");
    }

    #[test]
    fn a_service_that_never_ends_stops_its_timer() {
        let stays = |timer: &mut Timer| {
            timer.sub = "running".to_owned();
            timer.next = None;
            timer.service.active = "active".to_owned();
            timer.service.sub = "exited".to_owned();
        };
        assert_eq!(told(stays), "never-fires fail");
        let once = |timer: &mut Timer| {
            stays(timer);
            timer.calendar.clear();
            timer.monotonic = vec!["OnBootSec".to_owned()];
        };
        assert_eq!(told(once), "");
    }

    #[test]
    fn what_debian_ships_is_well() {
        assert_eq!(told(|_| {}), "");
        let tmpfiles = |timer: &mut Timer| {
            timer.file_state = "static".to_owned();
            timer.path = "/lib/systemd/system/systemd-tmpfiles-clean.timer".to_owned();
        };
        assert_eq!(told(tmpfiles), "");
        let fstrim_in_a_container = |timer: &mut Timer| {
            idle(timer);
            timer.condition_unmet = true;
        };
        assert_eq!(told(fstrim_in_a_container), "");
        let not_in_use = |timer: &mut Timer| {
            idle(timer);
            timer.file_state = "disabled".to_owned();
            timer.wanted_by.clear();
        };
        assert_eq!(told(not_in_use), "");
        let mdcheck_without_a_raid = |timer: &mut Timer| {
            idle(timer);
            timer.wanted_by = vec![Wanting { reached: false, ..by("mdmonitor.service") }];
        };
        assert_eq!(told(mdcheck_without_a_raid), "");
        let once_per_boot = |timer: &mut Timer| {
            elapsed(timer);
            timer.fired = true;
            timer.calendar.clear();
            timer.monotonic = vec!["OnBootSec".to_owned()];
        };
        assert_eq!(told(once_per_boot), "");
        let systemd_run = |timer: &mut Timer| {
            timer.transient = true;
            timer.file_state = "transient".to_owned();
            timer.path = "/run/systemd/transient/run-u7.timer".to_owned();
            timer.wanted_by.clear();
        };
        assert_eq!(told(systemd_run), "");
        let masked = |timer: &mut Timer| {
            idle(timer);
            timer.load = "masked".to_owned();
            timer.file_state = "masked".to_owned();
        };
        assert_eq!(told(masked), "");
        let removed_package = |timer: &mut Timer| {
            idle(timer);
            timer.load = "not-found".to_owned();
            timer.file_state.clear();
            timer.wanted_by[0].link =
                "/usr/lib/systemd/system/timers.target.wants/x.timer".to_owned();
        };
        assert_eq!(told(removed_package), "");
        let running = |timer: &mut Timer| {
            elapsed(timer);
            timer.sub = "running".to_owned();
            timer.service.active = "activating".to_owned();
        };
        assert_eq!(told(running), "");
        assert_eq!(told(|t| t.service.ending.result = "exec-condition".to_owned()), "");
    }

    #[test]
    fn a_machine_that_is_still_starting_is_not_judged() {
        let mut timer = well();
        idle(&mut timer);
        let units = Units { state: "starting".to_owned(), timers: vec![timer], ..Units::default() };
        assert_eq!(wiring::not_started(&units)[0].verdict, Verdict::Unknown);
    }
}
