//! Whether the clock jumped, or stands before things that already happened.

use crate::check::Check;
use crate::facts::clock::{Jump, Looks};
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::{moment, span};
use crate::verdict::Finding;

pub(super) const CHECK: Check = Check {
    name: "clock-jump",
    title: "the clock runs evenly and is not behind",
    asks: "Compares the clock with the kernel's count of time since boot at each look: both must \
           advance by the same amount. And compares it with the newest file that the system itself \
           writes (the list of installed packages, systemd's and timesyncd's marks). A jump makes \
           timers run twice or not at all, cuts sessions, and puts backups and logs out of order; \
           boards without a battery often start in the past.\n\
           fail: the clock is behind one of \
           those files.\n\
           warn: it jumped by more than 2 seconds in the last day; a step in the first \
           ten minutes after boot is usual and only told.\n\
           unknown: the clock could not be compared \
           with anything.\n\
           pass: no jump since the last look.",
    commands: &[
        "date; stat -L -c '%y %n' /var/lib/dpkg/status /var/lib/systemd/timesync/clock",
        "journalctl --no-pager -b | grep -iE 'clock was stepped|clock change detected|time jumped|clock synchronization'",
    ],
    mend: "If the clock is behind: `timedatectl` shows whether it is synchronised; `timedatectl \
           set-ntp true` sets it. If it was set on purpose, nothing is to be done: the finding goes \
           away within a day. If it jumps again and again: look for two programs that set it (`ps -e \
           | grep -E 'chronyd|ntpd|timesyncd'`), for a virtual machine that is being suspended, or an empty battery.",
    judge,
};

/// The first minutes after boot, in which a step of the clock is usual.
const SETTLING: u64 = 600;

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let clock = &scene.facts.clock;
    let (looks, witness) = match (&clock.looks, &clock.witness) {
        (Seen::Unseen(reason), Seen::Unseen(other)) => {
            return vec![Finding::unknown("clock", format!("{reason}; {other}"))];
        }
        (looks, witness) => (looks.seen(), witness.seen()),
    };
    if let Some(witness) = witness {
        // Two minutes: the file may be just being written by a clock that is now being slewed.
        let behind = witness.modified.duration_since(scene.now).as_secs();
        if behind > 120 {
            return vec![
                Finding::fail(
                    "clock",
                    format!(
                        "it says {}, but {} was written at {}, {} later: the clock is behind, or \
                         was ahead when that was written",
                        moment(scene.now),
                        witness.path,
                        moment(witness.modified),
                        span(behind.unsigned_abs())
                    ),
                )
                .fix("timedatectl; if it is not synchronised: timedatectl set-ntp true"),
            ];
        }
    }
    let not_behind = match witness {
        Some(witness) => format!("not behind {}, of {}", witness.path, moment(witness.modified)),
        None => "no file of the system to compare it with was found".to_owned(),
    };
    let Some(Looks { last, shift_seconds, jump, .. }) = looks else {
        return vec![Finding::pass("clock", not_behind)];
    };
    vec![match (jump, last, shift_seconds) {
        (Some(jump), ..) => jumped(jump, scene.facts.machine.uptime_seconds),
        (None, None, _) => Finding::pass(
            "clock",
            format!("{not_behind}; this is the first look, so jumps will show from the next on"),
        ),
        (None, Some(last), Some(shift)) => Finding::pass(
            "clock",
            format!(
                "{not_behind}; since the last look, at {}, it moved by {:.3} s against the \
                 time since boot",
                moment(*last),
                shift.abs()
            ),
        ),
        (None, Some(last), None) => Finding::pass(
            "clock",
            format!(
                "{not_behind}; the last look, at {}, was before the machine started",
                moment(*last)
            ),
        ),
    }]
}

fn jumped(jump: &Jump, uptime: u64) -> Finding {
    let direction = if jump.seconds < 0.0 { "back" } else { "forward" };
    let ago = span(jump.ago_seconds);
    let size = if jump.seconds.abs() < 60.0 {
        format!("{:.1} s", jump.seconds.abs())
    } else {
        span(jump.seconds.abs() as u64)
    };
    let evidence = format!(
        "it jumped {direction} by {size}; seen {ago} ago, when it said {}",
        moment(jump.at)
    );
    if jump.seconds > 0.0 && uptime.saturating_sub(jump.ago_seconds) < SETTLING {
        return Finding::pass(
            "clock",
            format!("{evidence}; a step just after the machine started is usual"),
        );
    }
    Finding::warn("clock", evidence)
        .fix("if nobody set it on purpose: journalctl --no-pager -b | grep -iE 'clock was stepped|clock change|time jumped'")
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::facts::Facts;
    use crate::facts::clock::{Clock, Witness};
    use crate::reading::History;
    use crate::verdict::Verdict;

    fn judged(uptime: u64, jump: Option<f64>, behind_seconds: i64) -> Finding {
        let now = Timestamp::from_second(1_790_000_000).expect("in range");
        let mut facts = Facts {
            clock: Clock {
                looks: Seen::Seen(Looks {
                    now,
                    last: Some(now - SignedDuration::from_mins(1)),
                    shift_seconds: Some(jump.unwrap_or(0.001)),
                    jump: jump.map(|seconds| Jump { at: now, seconds, ago_seconds: 60 }),
                }),
                witness: Seen::Seen(Witness {
                    path: "/var/lib/dpkg/status".into(),
                    modified: now + SignedDuration::from_secs(behind_seconds),
                }),
                ..Clock::default()
            },
            ..Facts::default()
        };
        facts.machine.uptime_seconds = uptime;
        CHECK
            .findings(&Scene { facts: &facts, history: &History::default(), plan: None, now })
            .remove(0)
    }

    #[test]
    fn jumps_warn_and_a_clock_behind_the_system_fails() {
        for (uptime, jump, behind, verdict) in [
            (86_400, None, -3600, Verdict::Pass),
            (86_400, Some(3.0), -3600, Verdict::Warn),
            (86_400, Some(-3.0), -3600, Verdict::Warn),
            (300, Some(90_000.0), -3600, Verdict::Pass),
            (300, Some(-90_000.0), -3600, Verdict::Warn),
            (86_400, None, 3600, Verdict::Fail),
        ] {
            let found = judged(uptime, jump, behind);
            assert_eq!(found.verdict, verdict, "{jump:?} {behind}: {}", found.evidence);
        }
    }

    #[test]
    fn nothing_to_compare_with_is_unknown() {
        let (facts, history) = (Facts::default(), History::default());
        let scene =
            Scene { facts: &facts, history: &history, plan: None, now: Timestamp::UNIX_EPOCH };
        assert_eq!(CHECK.findings(&scene)[0].verdict, Verdict::Unknown);
    }
}
