//! Whether a service whose units were started can still become well.
//!
//! Leaves out whether it is well, which its recipe's checks ask.

use std::process::Command;
use std::time::Duration;

use model::facts::units::failure::Ending;
use model::text::printable;

use crate::drill::command;

/// So many looks in a row must find a service down: between the end of its program and the next
/// try, a unit that is about to be restarted is down for a moment, too.
const LOOKS: u32 = 3;
const LIMIT: Duration = Duration::from_secs(10);
/// What is asked of each unit, systemctl(1).
const ASKED: [&str; 2] = [
    "--timestamp=unix",
    "--property=Id,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus,InactiveExitTimestamp",
];
/// `CLD_EXITED` of `waitid(2)`; all above ended by a signal.
const EXITED: &str = "1";

/// The units of a service, on the machine where they run.
pub(crate) struct Units<'a> {
    names: Vec<&'a str>,
    /// A program of that machine.
    command: &'a dyn Fn(&str) -> Command,
}

impl<'a> Units<'a> {
    pub(crate) fn new(units: &'a [String], command: &'a dyn Fn(&str) -> Command) -> Self {
        Self { names: started(units), command }
    }

    /// Asks systemd of each; nothing if it does not answer.
    pub(crate) fn look(&self) -> Vec<Unit> {
        if self.names.is_empty() {
            return Vec::new();
        }
        let mut ask = (self.command)("systemctl");
        match command::run(ask.arg("show").args(ASKED).arg("--").args(&self.names), LIMIT) {
            Ok(left) if left.well() => units(&left.stdout),
            _ => Vec::new(),
        }
    }

    /// Which of them are down, how they ended and what they said last, for people.
    pub(crate) fn told(&self, found: &[Unit]) -> Vec<String> {
        let down = found.iter().filter(|unit| unit.is_down());
        down.map(|unit| {
            let (name, ending) = (&unit.name, unit.ending.words());
            match self.last_words(unit) {
                Some(last) => format!("{name} is {} ({ending}): {last}", unit.active),
                None => format!("{name} is {} ({ending}) and said nothing", unit.active),
            }
        })
        .collect()
    }

    /// The last line that a unit's own programs wrote since it was started. Not by its invocation,
    /// which the journal does not know of a program that was gone when its words were read.
    fn last_words(&self, unit: &Unit) -> Option<String> {
        let mut ask = (self.command)("journalctl");
        ask.args(["--no-pager", "-q", "-o", "cat", "-n", "1"]);
        if unit.started.starts_with('@') {
            ask.arg(format!("--since={}", unit.started));
        }
        ask.arg(format!("_SYSTEMD_UNIT={}", unit.name));
        let left = command::run(&mut ask, LIMIT).ok().filter(command::Left::well)?;
        left.stdout.lines().last().map(|line| printable(line, 300))
    }
}

/// A unit as systemd sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    name: String,
    active: String,
    sub: String,
    ending: Ending,
    /// `@` and seconds since 1970, or nothing.
    started: String,
}

impl Unit {
    /// Whether it ended as it should not, and nothing starts it again. While a restart is pending,
    /// a unit is `activating`.
    fn is_down(&self) -> bool {
        self.active == "failed" || (self.active == "inactive" && self.ending.ill())
    }

    /// Whether nothing of it runs or will.
    fn is_still(&self) -> bool {
        matches!((&*self.active, &*self.sub), ("failed" | "inactive", _) | ("active", "exited"))
    }
}

/// What was seen of a service's units so far.
#[derive(Debug, Default)]
pub(crate) struct Outlook {
    /// How many looks in a row found it down.
    down: u32,
}

impl Outlook {
    /// Takes in one more look, and tells whether waiting on is in vain: a unit is down, and no
    /// other one runs that may still answer.
    pub(crate) fn is_lost(&mut self, found: &[Unit]) -> bool {
        let down = found.iter().any(Unit::is_down) && found.iter().all(Unit::is_still);
        self.down = if down { self.down.saturating_add(1) } else { 0 };
        self.down >= LOOKS
    }
}

/// Timers, and what a timer starts, do not answer for a service.
pub(crate) fn started(units: &[String]) -> Vec<&str> {
    let timed = |unit: &str| {
        let stem = unit.strip_suffix(".service");
        stem.is_some_and(|stem| units.iter().any(|other| *other == format!("{stem}.timer")))
    };
    let all = units.iter().map(String::as_str);
    all.filter(|unit| !unit.ends_with(".timer") && !timed(unit)).collect()
}

/// Reads what `systemctl show` says of several units: a paragraph for each.
fn units(text: &str) -> Vec<Unit> {
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    paragraphs
        .map(|paragraph| {
            let value = |key: &str| {
                let mut lines = paragraph.lines().filter_map(|line| line.split_once('='));
                let found = lines.find(|(name, _)| *name == key).map(|(_, value)| value);
                printable(found.unwrap_or_default(), 100)
            };
            let code = value("ExecMainCode");
            let ran = !matches!(&*code, "" | "0");
            Unit {
                name: value("Id"),
                active: value("ActiveState"),
                sub: value("SubState"),
                ending: Ending {
                    result: value("Result"),
                    status: value("ExecMainStatus").parse().ok().filter(|_| ran),
                    signalled: ran && code != EXITED,
                    since: None,
                },
                started: value("InactiveExitTimestamp"),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAILED: &str = "Id=chat.service\nActiveState=failed\nSubState=failed\nResult=exit-code\n\
                          ExecMainCode=1\nExecMainStatus=1\nInactiveExitTimestamp=@1764461849\n";
    const RUNS: &str = "Id=worker.service\nActiveState=active\nSubState=running\nResult=success\n\
                        ExecMainCode=0\nExecMainStatus=0\nInactiveExitTimestamp=@1764461850\n";

    fn unit(active: &str, sub: &str, result: &str) -> Unit {
        let ending = Ending { result: result.to_owned(), ..Ending::default() };
        Unit { active: active.to_owned(), sub: sub.to_owned(), ending, ..Unit::default() }
    }

    /// After how many looks at the same units waiting is in vain.
    fn lost_after(found: &[Unit]) -> Option<u32> {
        let mut outlook = Outlook::default();
        (1..=10).find(|_| outlook.is_lost(found))
    }

    #[test]
    fn a_unit_says_how_it_is_and_how_it_ended() {
        let found = units(&format!("{FAILED}\n{RUNS}"));
        let [failed, runs] = &found[..] else { panic!("{found:?}") };
        assert_eq!(
            (&*failed.name, failed.ending.words()),
            ("chat.service", "exit-code, status 1".to_owned())
        );
        assert!(failed.is_down() && failed.started == "@1764461849");
        assert!(!runs.is_down() && !runs.is_still());
        let killed = FAILED.replace("exit-code", "signal").replace("Code=1", "Code=2");
        assert_eq!(units(&killed)[0].ending.words(), "signal, signal 1");
    }

    #[test]
    fn what_is_down_and_stays_down_is_lost() {
        assert_eq!(lost_after(&[unit("failed", "failed", "exit-code")]), Some(LOOKS));
        assert_eq!(lost_after(&[unit("inactive", "dead", "exit-code")]), Some(LOOKS));
        let prepared = unit("active", "exited", "success");
        assert_eq!(lost_after(&[prepared, unit("failed", "failed", "signal")]), Some(LOOKS));
    }

    #[test]
    fn whatever_may_still_answer_is_waited_for() {
        let failed = || unit("failed", "failed", "exit-code");
        for other in [
            unit("active", "running", "success"),
            unit("active", "listening", "success"),
            unit("activating", "start", "success"),
            unit("activating", "auto-restart", "exit-code"),
            unit("deactivating", "stop-sigterm", "success"),
        ] {
            assert_eq!(lost_after(std::slice::from_ref(&other)), None, "{other:?}");
            assert_eq!(lost_after(&[failed(), other.clone()]), None, "{other:?}");
        }
        assert_eq!(lost_after(&[]), None, "systemd does not answer");
        assert_eq!(lost_after(&[unit("inactive", "dead", "success")]), None, "it did its work");
        assert_eq!(lost_after(&[unit("inactive", "dead", "exec-condition")]), None);
    }

    #[test]
    fn a_restart_in_between_begins_the_count_anew() {
        let mut outlook = Outlook::default();
        let (failed, restarts) = (
            [unit("failed", "failed", "exit-code")],
            [unit("activating", "auto-restart", "exit-code")],
        );
        for _ in 0..5 {
            assert!(!outlook.is_lost(&failed) && !outlook.is_lost(&failed));
            assert!(!outlook.is_lost(&restarts));
        }
    }

    #[test]
    fn what_a_timer_starts_is_not_started_by_a_drill() {
        let units = ["chat.service", "purge.service", "purge.timer"].map(str::to_owned);
        assert_eq!(started(&units), ["chat.service"]);
    }

    proptest! {
        #[test]
        fn any_answer_of_systemctl_is_read(text in ".*") {
            for unit in units(&text) {
                let _ = unit.is_down();
            }
        }
    }
}
