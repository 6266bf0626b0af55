//! How units ended: their result, exit status and time.

use jiff::Timestamp;
use model::facts::units::failure::Ending;
use model::text::printable;
use tokio::join;

use crate::units::bus::Bus;

/// `CLD_EXITED` of wait(2): the status is an exit status, not a signal.
const EXITED: i32 = 1;

pub(crate) async fn of(bus: &Bus, unit: &str) -> Ending {
    let kind = kind(unit);
    let (result, code, status, since) = join!(
        bus.property::<String>(unit, &kind, "Result"),
        bus.property::<i32>(unit, &kind, "ExecMainCode"),
        bus.property::<i32>(unit, &kind, "ExecMainStatus"),
        bus.property::<u64>(unit, "Unit", "StateChangeTimestamp"),
    );
    let code = code.unwrap_or(0);
    Ending {
        result: result.map(|text| printable(&text, 40)).unwrap_or_default(),
        status: status.filter(|_| code != 0),
        signalled: code > EXITED,
        since: since.and_then(time),
    }
}

/// Only the result, for a unit of which no more is asked.
pub(crate) async fn result_of(bus: &Bus, unit: &str) -> Ending {
    let result = bus.property::<String>(unit, &kind(unit), "Result").await;
    Ending { result: printable(&result.unwrap_or_default(), 40), ..Ending::default() }
}

/// The D-Bus interface of a unit's kind: `Service` for `a.service`.
fn kind(unit: &str) -> String {
    let suffix = unit.rsplit('.').next().unwrap_or_default();
    let mut letters = suffix.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// A time as systemd gives it: microseconds since 1970, 0 and the largest number mean none.
pub(crate) fn time(microseconds: u64) -> Option<Timestamp> {
    if microseconds == 0 || microseconds == u64::MAX {
        return None;
    }
    i64::try_from(microseconds).ok().and_then(|m| Timestamp::from_microsecond(m).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_times_are_systemds() {
        assert_eq!(kind("a.b.service"), "Service");
        assert_eq!(kind(""), "");
        assert_eq!(time(0), None);
        assert_eq!(time(u64::MAX), None);
        assert_eq!(time(1_000_000).unwrap().as_second(), 1);
    }
}
