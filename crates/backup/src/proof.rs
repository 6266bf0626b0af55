//! The proof that a dump is whole, which goes on while other work is done.
//!
//! Leaves out what is asked of a dump. Nothing may count before the proof has ended: whoever
//! writes a snapshot waits for it.

use std::fmt;
use std::mem;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::refusal::Refusal;

/// Ended, or under way in a thread of its own; one that is dropped is waited for.
pub struct Proof(Mutex<State>);

struct State {
    thread: Option<JoinHandle<Result<(), Refusal>>>,
    result: Result<(), Refusal>,
}

impl Proof {
    /// Of what was proved already.
    pub(crate) fn done() -> Self {
        Self(Mutex::new(State { thread: None, result: Ok(()) }))
    }

    pub(crate) fn begin(
        prove: impl FnOnce() -> Result<(), Refusal> + Send + 'static,
    ) -> Result<Self, Refusal> {
        let thread = thread::Builder::new().name("proof".to_owned()).spawn(prove);
        let program = "a thread for the dump's proof".to_owned();
        let thread = thread.map_err(|source| Refusal::Run { program, source })?;
        Ok(Self(Mutex::new(State { thread: Some(thread), result: Ok(()) })))
    }

    /// Waits for it; why the dump must not count, if so. Several may ask.
    pub fn fault(&self) -> Option<String> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.wait();
        state.result.as_ref().err().map(|refusal| model::text::with_causes(refusal))
    }

    /// Waits for it.
    pub fn end(mut self) -> Result<(), Refusal> {
        let state = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.wait();
        mem::replace(&mut state.result, Ok(()))
    }
}

impl State {
    fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.result = thread.join().unwrap_or(Err(Refusal::Unproved));
        }
    }
}

impl Drop for Proof {
    fn drop(&mut self) {
        // It reads a file that is removed next.
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).wait();
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Proof")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_is_told_and_the_refusal_stays() {
        let (open, closed) = std::sync::mpsc::channel::<()>();
        let proof = Proof::begin(move || {
            let _ = closed.recv();
            Err(Refusal::Unproved)
        });
        let proof = proof.expect("a thread");
        thread::scope(|scope| {
            let asked = [scope.spawn(|| proof.fault()), scope.spawn(|| proof.fault())];
            drop(open);
            for asked in asked {
                let said = asked.join().expect("an answer");
                assert_eq!(said.as_deref(), Some("the dump could not be read to its end"));
            }
        });
        assert!(matches!(proof.end(), Err(Refusal::Unproved)));
    }

    #[test]
    fn a_proof_that_panics_proves_nothing() {
        let proof = Proof::begin(|| panic!("on purpose")).expect("a thread");
        assert!(proof.fault().is_some());
        assert!(Proof::done().fault().is_none());
    }
}
