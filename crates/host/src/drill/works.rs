//! Whether the service works inside a sealed machine: prepared, started, asked.
//!
//! Leaves out what was restored before.

use std::time::Duration;

use model::recipe::question::Question;
use model::text::{counted, printable};

use crate::drill::command::Left;
use crate::drill::course::Trouble;
use crate::drill::sealed::Sealed;
use crate::outlook::{Units, started};
use crate::{patience, probe};

/// The longest that a command of a recipe may take.
const COMMAND: Duration = Duration::from_secs(600);
const START: Duration = Duration::from_secs(300);

/// Runs the recipe's commands that cut the copy off from others.
pub(crate) fn prepare(machine: &Sealed, commands: &[String]) -> Result<((), String), Trouble> {
    for line in commands {
        let left = machine.run(&["sh", "-c", line], COMMAND)?;
        if !left.well() {
            return Err(Trouble::Barred(format!("`{}`: {}", printable(line, 200), left.told())));
        }
    }
    Ok(((), counted(commands.len() as u64, "command")))
}

/// Starts the service's units in their order; timers stay as they are.
pub(crate) fn start(machine: &Sealed, units: &[String]) -> Result<((), String), Trouble> {
    machine.must(&["systemctl", "daemon-reload"], START)?;
    let started = started(units);
    for unit in &started {
        let found = machine.must(&["systemctl", "show", "-P", "LoadState", "--", unit], START)?;
        if found.trim() != "loaded" {
            let why = format!("{unit} is {} on this host; is the package installed?", found.trim());
            return Err(Trouble::Barred(why));
        }
        let left = machine.run(&["systemctl", "start", "--", unit], START)?;
        if !left.well() {
            return Err(Trouble::Bad(format!(
                "{unit} does not start: {}",
                why(machine, unit, &left)
            )));
        }
    }
    Ok(((), started.join(" ")))
}

/// The last that a unit has said.
fn why(machine: &Sealed, unit: &str, left: &Left) -> String {
    let words = ["journalctl", "--no-pager", "-q", "-o", "cat", "-n", "4", "-u", unit];
    match machine.run(&words, START) {
        Ok(log) if !log.stdout.trim().is_empty() => {
            printable(&log.stdout.trim().replace('\n', "; "), 600)
        }
        _ => left.told(),
    }
}

/// Asks the recipe's checks.
pub(crate) fn ask(
    machine: &Sealed,
    questions: &[Question],
    units: &[String],
    is_cancelled: impl Fn() -> bool,
) -> Result<((), String), Trouble> {
    let asked = |question: &Question| probe::ask_inside(question, machine.leader());
    let command = |program: &str| machine.command(&[program]);
    let units = Units::new(units, &command);
    patience::until_well(questions, asked, &units, is_cancelled).map(|names| ((), names))
}

/// Runs the recipe's assertions; each has to exit with 0. What their last lines said is told.
pub(crate) fn assert(machine: &Sealed, commands: &[String]) -> Result<((), String), Trouble> {
    let mut said = Vec::new();
    for line in commands {
        let left = machine.run(&["sh", "-c", line], COMMAND)?;
        let told = format!("`{}`: {}", printable(line, 200), left.told());
        match left.code {
            Some(0) => said.extend(left.stdout.lines().last().map(|last| printable(last, 300))),
            // The shell found no such program, or may not run it.
            Some(126 | 127) => return Err(Trouble::Barred(told)),
            _ => return Err(Trouble::Bad(told)),
        }
    }
    let mut told = counted(commands.len() as u64, "assertion");
    if !said.is_empty() {
        told.push_str(&format!(": {}", said.join("; ")));
    }
    Ok(((), told))
}
