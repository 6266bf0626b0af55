//! Compares the clock with the kernel's time since boot, from one look to the next.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use model::facts::clock::{Jump, Looks};
use model::seen::Seen;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The clock may be stepped by this much without being reported, in seconds: a leap second, and
/// what ntpd steps instead of slewing.
const TOLERANCE: f64 = 2.0;
/// A jump is told for a day.
const TOLD: f64 = 86_400.0;

/// The clock and the time since boot, read together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Look {
    at: Timestamp,
    /// Seconds since boot, sleep included. NTP slews it as it does the clock, so that only steps
    /// move the two apart.
    since_boot: f64,
    boot: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    last: Option<Look>,
    /// The look that found the last jump, and its size in seconds.
    jump: Option<(Look, f64)>,
}

impl Look {
    pub(super) fn now() -> Seen<Self> {
        let read = |clock| {
            let time = clock_gettime(clock);
            time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
        };
        let before = read(ClockId::Boottime);
        let at = Timestamp::now();
        let after = read(ClockId::Boottime);
        let Ok(boot) = fs::read_to_string("/proc/sys/kernel/random/boot_id") else {
            return Seen::unseen("cannot read the kernel's boot id in /proc");
        };
        let boot = model::text::printable(boot.trim(), 64);
        Seen::Seen(Self { at, since_boot: f64::midpoint(before, after), boot })
    }
}

fn seconds(span: SignedDuration) -> f64 {
    span.as_secs_f64()
}

/// Compares a look with the last one, and remembers it.
pub(super) fn compare(kept: &mut Kept, look: Look) -> Looks {
    let last = kept.last.take();
    let shift = last
        .as_ref()
        .filter(|last| last.boot == look.boot)
        .map(|last| seconds(look.at.duration_since(last.at)) - (look.since_boot - last.since_boot));
    // Across a restart only a step back can be told from time that passed.
    let back = last
        .as_ref()
        .filter(|last| last.boot != look.boot)
        .map(|last| seconds(look.at.duration_since(last.at)));
    let jump = match (shift, back) {
        (Some(shift), _) if shift.abs() > TOLERANCE => Some(shift),
        (_, Some(back)) if back < -TOLERANCE => Some(back),
        _ => None,
    };
    if let Some(size) = jump {
        kept.jump = Some((look.clone(), size));
    }
    let told = kept.jump.as_ref().and_then(|(found, size)| {
        let ago = if found.boot == look.boot {
            look.since_boot - found.since_boot
        } else {
            seconds(look.at.duration_since(found.at))
        };
        (0.0..TOLD).contains(&ago).then_some(Jump {
            at: found.at,
            seconds: *size,
            ago_seconds: ago as u64,
        })
    });
    if told.is_none() {
        kept.jump = None;
    }
    let looks =
        Looks { now: look.at, last: last.map(|last| last.at), shift_seconds: shift, jump: told };
    kept.last = Some(look);
    looks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at: i64, since_boot: f64, boot: &str) -> Look {
        Look {
            at: Timestamp::from_second(1_790_000_000 + at).expect("in range"),
            since_boot,
            boot: boot.into(),
        }
    }

    #[test]
    fn an_even_clock_shows_no_jump() {
        let mut kept = Kept::default();
        assert_eq!(compare(&mut kept, look(0, 100.0, "a")).last, None);
        let looks = compare(&mut kept, look(3600, 3700.5, "a"));
        assert_eq!((looks.shift_seconds, looks.jump), (Some(-0.5), None));
    }

    #[test]
    fn a_step_is_a_jump_and_is_told_for_a_day() {
        let mut kept = Kept::default();
        compare(&mut kept, look(0, 100.0, "a"));
        let jump = compare(&mut kept, look(-3540, 160.0, "a")).jump.expect("a jump");
        assert!((jump.seconds + 3600.0).abs() < 0.01, "{jump:?}");
        let again = compare(&mut kept, look(-3480, 220.0, "a"));
        assert_eq!(again.shift_seconds, Some(0.0));
        assert_eq!(again.jump.map(|jump| jump.ago_seconds), Some(60));
        assert_eq!(compare(&mut kept, look(90_000, 93_700.0, "a")).jump, None);
        assert!(kept.jump.is_none());
    }

    #[test]
    fn across_a_restart_only_a_step_back_is_seen() {
        let mut kept = Kept::default();
        compare(&mut kept, look(0, 100.0, "a"));
        let later = compare(&mut kept, look(90_000, 5.0, "b"));
        assert_eq!((later.shift_seconds, later.jump), (None, None));
        assert!(compare(&mut kept, look(0, 5.0, "c")).jump.is_some());
    }

    #[test]
    fn this_machine_has_a_clock() {
        assert!(Look::now().seen().is_some());
    }
}
