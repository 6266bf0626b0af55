//! A service's rest: its units are stopped while its files are read, and started again on every
//! way out.
//!
//! Before anything is stopped, systemd itself is given a timer that starts the units when the time
//! is over: it also goes off if we are killed. Leaves out which units, which the recipe says.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::program::{self, Output, Program, Ways};
use crate::refusal::Refusal;

/// The longest rest where the recipe does not say, in seconds.
pub const LONGEST: u32 = 300;

/// How much later than we would systemd starts the units, in seconds.
const LATER: u32 = 10;

/// The most that `systemctl` is listened to, in bytes.
const SAID: u64 = 64 * 1024;

/// Units that rest; dropped, they are started.
#[derive(Debug)]
pub struct Rest {
    shared: Arc<Shared>,
    guard: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    tools: PathBuf,
    /// Only those that were running.
    units: Vec<String>,
    seconds: u32,
    /// The name of systemd's timer.
    timer: String,
    /// When the time is over.
    deadline: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Resting,
    /// The time was over: they were started, and what was read meanwhile is of two minds.
    Over,
    Ended,
}

impl Rest {
    /// Stops those of the units that run. `tools` is the folder of `systemctl` and `systemd-run`.
    pub fn begin(
        service: &str,
        units: &[String],
        seconds: Option<u32>,
        tools: &Path,
    ) -> Result<Self, Refusal> {
        let seconds = seconds.unwrap_or(LONGEST);
        let mut running = Vec::new();
        for unit in units {
            if is_running(tools, unit)? {
                running.push(unit.clone());
            }
        }
        let shared = Arc::new(Shared {
            tools: tools.to_owned(),
            units: running,
            seconds,
            timer: format!("stead-rest-{service}-{}", std::process::id()),
            deadline: Instant::now() + Duration::from_secs(seconds.into()),
            state: Mutex::new(State::Resting),
            changed: Condvar::new(),
        });
        if shared.units.is_empty() {
            *shared.state() = State::Ended;
            return Ok(Self { shared, guard: None });
        }
        shared.net()?;
        let guarded = shared.clone();
        let guard = thread::Builder::new().name("rest".to_owned()).spawn(move || {
            guarded.guard();
        });
        let guard = guard
            .map_err(|source| Refusal::Run { program: "a thread for the rest".to_owned(), source });
        // From here on dropping this starts them.
        let rest = Self { shared, guard: Some(guard?) };
        rest.shared.systemctl("stop")?;
        Ok(rest)
    }

    /// Whether the time was over before the rest was ended.
    pub fn over(&self) -> bool {
        match *self.shared.state() {
            State::Resting => self.shared.is_late(),
            state => state == State::Over,
        }
    }

    /// Refuses what was read in a rest that was cut short.
    pub fn kept(&self) -> Result<(), Refusal> {
        match self.over() {
            false => Ok(()),
            true => {
                let (units, seconds) = (self.shared.units.join(" "), self.shared.seconds);
                Err(Refusal::CutShort { units, seconds })
            }
        }
    }

    /// Starts the units.
    pub fn end(mut self) -> Result<(), Refusal> {
        self.finish()?;
        self.kept()
    }

    fn finish(&mut self) -> Result<(), Refusal> {
        let Some(guard) = self.guard.take() else { return Ok(()) };
        {
            let mut state = self.shared.state();
            if *state == State::Resting {
                *state = if self.shared.is_late() { State::Over } else { State::Ended };
            }
        }
        self.shared.changed.notify_all();
        let _ = guard.join();
        // Also where the time was over: that start may have failed, or have come before the stop.
        self.shared.start()
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        // If this fails, systemd's timer is still there.
        let _ = self.finish();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the time is over, which a process that stood still may not have noticed: systemd's
    /// timer may have started the units meanwhile.
    fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Waits for the end of the rest, or of its time.
    fn guard(&self) {
        let mut state = self.state();
        while *state == State::Resting {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                *state = State::Over;
                drop(state);
                // If this fails, systemd's timer is still there.
                let _ = self.start();
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Has systemd start the units when the time is over, whatever becomes of us.
    fn net(&self) -> Result<(), Refusal> {
        let mut words = vec![
            "--quiet".to_owned(),
            "--collect".to_owned(),
            format!("--unit={}", self.timer),
            format!("--on-active={}", u64::from(self.seconds) + u64::from(LATER)),
            "--timer-property=AccuracySec=1s".to_owned(),
            "--".to_owned(),
            self.tools.join("systemctl").display().to_string(),
            "start".to_owned(),
            "--".to_owned(),
        ];
        words.extend(self.units.iter().cloned());
        let ways = Ways { input: None, output: Output::Nowhere };
        let done = Program::start(&self.tools.join("systemd-run"), &words, None, ways)
            .and_then(Program::end);
        done.map_err(|refusal| self.refused("set a timer to start", &refusal))
    }

    /// Starts the units, and only then takes systemd's timer away.
    fn start(&self) -> Result<(), Refusal> {
        self.systemctl("start")?;
        let timer = format!("{}.timer", self.timer);
        let words = ["stop", "--", &timer];
        let ways = Ways { input: None, output: Output::Nowhere };
        let stopped = Program::start(&self.tools.join("systemctl"), &words, None, ways)
            .and_then(Program::end);
        // One that has gone off is gone; one that goes off starts what runs already.
        let _ = stopped;
        Ok(())
    }

    fn systemctl(&self, act: &'static str) -> Result<(), Refusal> {
        let mut words = vec![act, "--"];
        words.extend(self.units.iter().map(String::as_str));
        let ways = Ways { input: None, output: Output::Nowhere };
        let done = Program::start(&self.tools.join("systemctl"), &words, None, ways)
            .and_then(Program::end);
        done.map_err(|refusal| self.refused(act, &refusal))
    }

    fn refused(&self, act: &'static str, refusal: &Refusal) -> Refusal {
        Refusal::Unit { act, units: self.units.join(" "), words: refusal.to_string() }
    }
}

/// Whether a unit is active or about to be.
fn is_running(tools: &Path, unit: &str) -> Result<bool, Refusal> {
    let words = ["show", "--property=ActiveState", "--value", "--", unit];
    let said = program::read(&tools.join("systemctl"), &words, SAID);
    let said = said.map_err(|refusal| Refusal::Unit {
        act: "say the state of",
        units: unit.to_owned(),
        words: refusal.to_string(),
    })?;
    Ok(matches!(said.trim(), "active" | "activating" | "reloading"))
}
