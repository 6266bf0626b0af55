//! Rules on what starts a timer: faults a to d, which systemd's own tools do not report.
//!
//! Leaves out when it fires: that is `firing`'s.

use crate::checks::units::each::each;
use crate::facts::units::Units;
use crate::facts::units::timer::Wanting;
use crate::verdict::Finding;

/// Targets that hardware or a service reaches, not the boot.
const ON_DEMAND: &[&str] = &[
    "bluetooth.target",
    "printer.target",
    "smartcard.target",
    "sound.target",
    "usb-gadget.target",
    "sleep.target",
    "suspend.target",
    "hibernate.target",
    "hybrid-sleep.target",
    "suspend-then-hibernate.target",
];

/// Fault a: nothing wants the timer.
pub(super) fn unwanted(units: &Units) -> Vec<Finding> {
    each(units, "each is wanted by something or not in use", |timer| {
        let lost = matches!(timer.file_state.as_str(), "static" | "enabled");
        if !lost || timer.masked() || timer.transient || !timer.wanted_by.is_empty() {
            return None;
        }
        let name = &timer.name;
        let now = if timer.is_active() {
            "it runs now, but the next boot will not start it"
        } else {
            "it does not run, and no boot starts it"
        };
        let evidence = format!(
            "`{}` is {}, and no unit wants it: {now}",
            timer.path,
            if timer.file_state == "static" {
                "static (it has no [Install] section)"
            } else {
                "enabled by an alias only"
            },
        );
        let finding = if timer.vendor() && !timer.is_active() {
            Finding::warn(name, evidence)
        } else {
            Finding::fail(name, evidence)
        };
        Some(finding.fix(if timer.vendor() {
            format!("systemctl add-wants timers.target {name}; systemctl start {name}")
        } else {
            format!(
                "printf '\\n[Install]\\nWantedBy=timers.target\\n' >> {}; systemctl daemon-reload; systemctl enable --now {name}",
                timer.path
            )
        }))
    })
}

/// Fault b: what wants the timer does not exist, or no boot reaches it.
pub(super) fn target_missing(units: &Units) -> Vec<Finding> {
    each(
        units,
        "each that is wanted is wanted by a unit that the boot or some event reaches",
        |timer| {
            if timer.masked()
                || timer.transient
                || timer.wanted_by.is_empty()
                || timer.wanted_by.iter().any(|wanting| wanting.reached)
                || !timer.wanted_by.iter().any(astray)
            {
                return None;
            }
            let name = &timer.name;
            let wants: Vec<String> = timer.wanted_by.iter().map(|w| unreached(w, units)).collect();
            let evidence = format!(
                "shows as `{}`, but {}; it is `{}` now",
                timer.file_state,
                wants.join(", and "),
                timer.active
            );
            Some(Finding::fail(name, evidence).fix(format!(
            "in {}: WantedBy=timers.target; then systemctl daemon-reload; systemctl reenable {name}; systemctl start {name}",
            timer.path
        )))
        },
    )
}

/// Whether no boot will ever follow this link. A service, device or path may start at any time.
fn astray(wanting: &Wanting) -> bool {
    wanting.load == "not-found"
        || (!wanting.reached
            && wanting.unit.ends_with(".target")
            && !ON_DEMAND.contains(&wanting.unit.as_str()))
}

fn unreached(wanting: &Wanting, units: &Units) -> String {
    let by = if wanting.link.is_empty() {
        format!("`{}` wants it", wanting.unit)
    } else {
        format!("`{}` is its link", wanting.link)
    };
    if wanting.load == "not-found" {
        format!("{by} and no unit `{}` exists", wanting.unit)
    } else {
        format!("{by} and `{}` does not lead to `{}`", units.default_target, wanting.unit)
    }
}

/// Fault c: the boot starts it, and yet it is not active.
pub(super) fn not_started(units: &Units) -> Vec<Finding> {
    each(units, "each that the boot starts is active or held back by a condition", |timer| {
        if timer.masked() || timer.is_active() || timer.condition_unmet {
            return None;
        }
        let name = &timer.name;
        if timer.load == "not-found" {
            let link = timer.wanted_by.iter().find(|w| w.link.starts_with("/etc/"))?;
            let evidence = format!("`{}` names a timer that has no unit file", link.link);
            return Some(Finding::warn(name, evidence).fix(format!("rm '{}'", link.link)));
        }
        let broken = timer.load != "loaded";
        if !timer.wired() {
            return None;
        }
        if units.starting() {
            return Some(Finding::unknown(name, "not active yet: the machine is still starting"));
        }
        let why = if broken {
            format!("its file is not accepted (`{}`)", timer.load)
        } else {
            format!("it is `{}` now", timer.active)
        };
        let by = timer.wanted_by.first().map_or("its [Install] section", |w| w.unit.as_str());
        Some(
            Finding::fail(
                name,
                format!("the boot starts it (`{}`, by {by}), but {why}", timer.file_state),
            )
            .fix(format!("systemctl start {name}; systemctl status {name}")),
        )
    })
}

/// Fault d: active, and no boot starts it.
pub(super) fn not_enabled(units: &Units) -> Vec<Finding> {
    each(
        units,
        "each that is active is started by the boot, too, or meant to be gone with it",
        |timer| {
            let fleeting = timer.transient
                || timer.masked()
                || matches!(timer.file_state.as_str(), "generated" | "transient" | "static");
            // A unit that wants it and is not of the boot (fault b, or on demand) is not this fault.
            if !timer.is_active() || fleeting || timer.wanted_by.iter().any(|w| !w.fleeting) {
                return None;
            }
            let name = &timer.name;
            let fix = format!("systemctl enable {name}");
            Some(if timer.wanted_by.is_empty() {
                let evidence = format!(
                    "active now and `{}`: nothing starts it after the next boot",
                    timer.file_state
                );
                Finding::fail(name, evidence).fix(fix)
            } else {
                Finding::warn(name, "enabled only until the next boot (--runtime)").fix(fix)
            })
        },
    )
}
