//! How long a target on a network is tried: a few attempts, each bounded, and all of them, too.
//!
//! Leaves out which failures pass.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Source};

/// How often something is tried.
const ATTEMPTS: u32 = 5;
/// Before the second attempt; doubled before each further one.
const PAUSE: Duration = Duration::from_millis(500);
/// No further attempt begins after so long.
const WHOLE: Duration = Duration::from_secs(5 * 60);

/// Why an attempt failed.
#[derive(Debug)]
pub enum Failure {
    /// It may go well in a moment.
    Passing(Source),
    Lasting(Error),
}

/// Tries until it is done, fails for good, or patience is at its end.
pub fn patiently<T>(
    place: &str,
    mut attempt: impl FnMut() -> Result<T, Failure>,
) -> Result<T, Error> {
    let begun = Instant::now();
    let mut pause = PAUSE;
    for attempts in 1.. {
        match attempt() {
            Ok(done) => return Ok(done),
            Err(Failure::Lasting(error)) => return Err(error),
            Err(Failure::Passing(source)) if attempts >= ATTEMPTS || begun.elapsed() > WHOLE => {
                let seconds = begun.elapsed().as_secs();
                return Err(Error::Unreachable {
                    place: place.to_owned(),
                    attempts,
                    seconds,
                    source,
                });
            }
            Err(Failure::Passing(_)) => thread::sleep(pause),
        }
        pause *= 2;
    }
    unreachable!("the number of attempts is finite")
}
