//! The steps of a drill as they are taken: timed, told, and stopped at the first that fails.
//!
//! Leaves out what the steps do, and what they mean for the backup.

use std::time::Instant;

use model::backup::drill::{Ended, Step, StepV1};
use model::text::{printable, with_causes};

use crate::error::Error;

/// How much of what was seen is kept for people, in characters.
const SHOWN: usize = 1000;

/// Who is told how a drill goes on.
pub trait Told: Sync {
    fn begun(&self, _step: Step) {}

    fn ended(&self, _step: &StepV1) {}

    fn bytes(&self, _done: u64, _total: Option<u64>) {}

    /// Asked between the steps.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Why a step failed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// What was looked at is not as it should be.
    Bad(String),
    /// It could not be looked at.
    Barred(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Barred(match error.hint() {
            Some(hint) => format!("{}; {hint}", with_causes(&error)),
            None => with_causes(&error),
        })
    }
}

/// The steps taken so far.
pub(crate) struct Course<'a> {
    told: &'a dyn Told,
    pub(crate) steps: Vec<StepV1>,
}

impl<'a> Course<'a> {
    pub(crate) fn new(told: &'a dyn Told) -> Self {
        Self { told, steps: Vec::new() }
    }

    /// Whether every step so far was done.
    pub(crate) fn is_well(&self) -> bool {
        self.steps.iter().all(|step| step.ended == Ended::Done)
    }

    /// Takes a step unless an earlier one failed.
    pub(crate) fn step<T>(
        &mut self,
        step: Step,
        act: impl FnOnce() -> Result<(T, String), Trouble>,
    ) -> Option<T> {
        if !self.is_well() {
            return None;
        }
        if self.told.is_cancelled() {
            return self.always(step, || Err(Trouble::Barred("interrupted".to_owned())));
        }
        self.always(step, act)
    }

    /// Takes a step, whatever happened before.
    pub(crate) fn always<T>(
        &mut self,
        step: Step,
        act: impl FnOnce() -> Result<(T, String), Trouble>,
    ) -> Option<T> {
        self.told.begun(step);
        let start = Instant::now();
        let (value, ended, evidence) = match act() {
            Ok((value, evidence)) => (Some(value), Ended::Done, evidence),
            Err(Trouble::Bad(evidence)) => (None, Ended::Bad, evidence),
            Err(Trouble::Barred(evidence)) => (None, Ended::Barred, evidence),
        };
        let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let evidence = printable(&evidence, SHOWN);
        let taken = StepV1 { step, ended, milliseconds, evidence };
        self.told.ended(&taken);
        self.steps.push(taken);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl Told for Nobody {}

    #[test]
    fn after_a_failure_only_the_end_is_reached() {
        let mut course = Course::new(&Nobody);
        course.step(Step::Room, || Ok(((), String::new())));
        let failed = course.step::<()>(Step::Fetch, || Err(Trouble::Bad("gone".to_owned())));
        assert!(failed.is_none());
        course.step(Step::Files, || Ok(((), "never".to_owned())));
        course.always(Step::Clear, || Ok(((), String::new())));
        let taken: Vec<Step> = course.steps.iter().map(|step| step.step).collect();
        assert_eq!(taken, [Step::Room, Step::Fetch, Step::Clear]);
    }
}
