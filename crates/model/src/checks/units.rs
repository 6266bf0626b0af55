//! Checks on units: the wiring of timers, failed units, restart loops.

mod failing;
mod text;
mod timers;

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
        judge: |scene| judge(scene, timers::unwanted),
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
        judge: |scene| judge(scene, timers::target_missing),
    },
    Check {
        name: "timer-not-started",
        title: "every enabled timer runs",
        asks: text::NOT_STARTED,
        commands: &["systemctl list-timers --all", "systemctl status NAME.timer"],
        mend: text::NOT_STARTED_MEND,
        judge: |scene| judge(scene, timers::not_started),
    },
    Check {
        name: "timer-not-enabled",
        title: "every running timer also starts at boot",
        asks: text::NOT_ENABLED,
        commands: &["systemctl is-enabled NAME.timer", "systemctl is-active NAME.timer"],
        mend: text::NOT_ENABLED_MEND,
        judge: |scene| judge(scene, timers::not_enabled),
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
        judge: |scene| judge(scene, timers::never_fires),
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
        judge: |scene| judge(scene, timers::service_failing),
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

fn judge(scene: &Scene<'_>, rule: fn(&Units) -> Vec<Finding>) -> Vec<Finding> {
    match &scene.facts.units {
        Seen::Seen(units) => rule(units),
        Seen::Unseen(reason) => vec![Finding::unknown("host", reason)],
    }
}
