//! Rules on when a timer fires and how that ends: faults e to g.
//!
//! Leaves out what starts the timer itself: that is `wiring`'s.

use crate::checks::units::each::each;
use crate::facts::units::Units;
use crate::facts::units::timer::Timer;
use crate::verdict::Finding;

/// Faults e and g: active, and without a next time.
pub(super) fn never_fires(units: &Units) -> Vec<Finding> {
    each(
        units,
        "each that is active has a next time, or was made to fire once per boot and did",
        |timer| {
            let name = &timer.name;
            let service = &timer.service;
            if !timer.is_active() {
                return None;
            }
            let restart = format!("then systemctl daemon-reload; systemctl restart {name}");
            if timer.sub == "running" && service.active == "active" && service.sub == "exited" {
                let repeats = !timer.calendar.is_empty()
                    || timer.monotonic.iter().any(|line| line.starts_with("OnUnit"));
                return repeats.then(|| {
                let evidence = format!(
                    "`{0}` has done its work but stays active (RemainAfterExit=yes), so the timer waits for its end and never fires again",
                    service.name
                );
                Finding::fail(name, evidence)
                    .fix(format!("remove RemainAfterExit=yes from {}; {restart}; systemctl stop {0}", service.name))
            });
            }
            let running = matches!(
                service.active.as_str(),
                "active" | "activating" | "reloading" | "deactivating"
            );
            if timer.sub != "elapsed" || timer.next.is_some() || running || timer.on_change {
                return None;
            }
            let lines = lines(timer);
            if !timer.fired {
                let why = if timer.calendar.is_empty() {
                    "it counts from a run that never was"
                } else {
                    "no date of its calendar lies ahead"
                };
                let fix = if timer.calendar.is_empty() {
                    format!("add OnBootSec=5min to {}; {restart}", timer.path)
                } else {
                    format!("give {} a calendar such as OnCalendar=daily; {restart}", timer.path)
                };
                return Some(
                Finding::fail(name, format!("active but elapsed: {why} ({lines}); it has not fired since the boot and never will"))
                    .fix(fix),
            );
            }
            if timer.calendar.is_empty() || timer.transient {
                // OnBootSec= and the like: once per boot, and done.
                return None;
            }
            let last = timer
                .last
                .map_or_else(|| "since the boot".to_owned(), |time| format!("at {time:.0}"));
            Some(
            Finding::warn(name, format!("fired {last} for the last time: no date of its calendar lies ahead ({lines})"))
                .fix(format!("if it should go on: OnCalendar=daily in {}; {restart}; if it is done: systemctl disable --now {name}", timer.path)),
        )
        },
    )
}

fn lines(timer: &Timer) -> String {
    let calendar = timer.calendar.iter().map(|line| format!("OnCalendar={line}"));
    let monotonic = timer.monotonic.iter().map(|line| format!("{line}="));
    calendar.chain(monotonic).collect::<Vec<_>>().join(", ")
}

/// Fault f: it fires, and what it starts ends ill.
pub(super) fn service_failing(units: &Units) -> Vec<Finding> {
    each(units, "no last run of what they start ended ill", |timer| {
        if !timer.meant() || timer.service.name.is_empty() {
            return None;
        }
        let (name, service) = (&timer.name, &timer.service);
        if matches!(service.load.as_str(), "not-found" | "masked" | "bad-setting" | "error") {
            let evidence = format!("it starts `{}`, which is `{}`", service.name, service.load);
            return Some(Finding::fail(name, evidence).fix(format!(
                "systemctl status {0}; write /etc/systemd/system/{0} or correct Unit= in {name}",
                service.name
            )));
        }
        if !service.ending.ill() {
            return None;
        }
        let since = match service.ending.since {
            Some(time) => format!(" at {time:.0}"),
            None => String::new(),
        };
        let evidence = format!(
            "the timer is `{}`, but the last run of `{}` ended ill{since}: {}",
            timer.active,
            service.name,
            service.ending.words()
        );
        Some(Finding::fail(name, evidence).fix(format!(
            "journalctl -u '{0}' -e; mend the cause, then systemctl start '{0}'",
            service.name
        )))
    })
}
