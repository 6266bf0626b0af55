//! A service that was just started is asked its recipe's checks until it had its time, or is lost.
//!
//! Leaves out how a question is asked, and where.

use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use model::recipe::question::{Answer, Question, judge};
use model::verdict::Verdict;

use crate::drill::course::Trouble;
use crate::outlook::{Outlook, Units};

/// How long a started service may take until it answers at all.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long it may answer otherwise than it should, once it answers.
const SETTLE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(100);
/// After so many answers its units are looked at, which costs more than most questions.
const EVERY: u32 = 10;

/// Asks all, each until it passes, and gives their names. Whatever does not pass in time is told
/// with the units that are down.
pub(crate) fn until_well(
    questions: &[Question],
    ask: impl Fn(&Question) -> Answer,
    units: &Units<'_>,
    is_cancelled: impl Fn() -> bool,
) -> Result<String, Trouble> {
    let start = Instant::now();
    let mut outlook = Outlook::default();
    for question in questions {
        let begun = Instant::now();
        for round in 0_u32.. {
            let answer = ask(question);
            let finding = judge(question, &answer, Timestamp::now());
            if finding.verdict == Verdict::Pass {
                break;
            }
            // A question that was cut short says nothing of the service.
            if is_cancelled() {
                return Err(Trouble::Barred("interrupted".to_owned()));
            }
            let silent = matches!(answer, Answer::Refused(_) | Answer::Unasked(_));
            let late = match silent {
                true => start.elapsed() > PATIENCE,
                false => begun.elapsed() > SETTLE,
            };
            let found = match late || round % EVERY == 0 {
                true => units.look(),
                false => Vec::new(),
            };
            if late || (!found.is_empty() && outlook.is_lost(&found)) {
                let mut told = vec![format!("{}: {}", question.name, finding.evidence)];
                told.extend(units.told(&found));
                let told = told.join("; ");
                return Err(match finding.verdict {
                    Verdict::Fail => Trouble::Bad(told),
                    _ => Trouble::Barred(told),
                });
            }
            thread::sleep(PAUSE);
        }
    }
    Ok(questions.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use model::recipe::question::Ask;

    use super::*;

    fn question() -> Question {
        Question {
            name: "answers".to_owned(),
            ask: Ask::Command("answer".to_owned()),
            contains: None,
            seconds: 1,
        }
    }

    fn refused(_: &Question) -> Answer {
        Answer::Refused("connection refused".to_owned())
    }

    #[test]
    fn a_service_that_ended_for_good_is_not_waited_for() {
        let command = |program: &str| {
            let line = match program {
                "systemctl" => {
                    "echo Id=chat.service; echo ActiveState=failed; echo Result=exit-code; \
                     echo ExecMainCode=1; echo ExecMainStatus=1"
                }
                _ => "echo no key",
            };
            let mut command = Command::new("sh");
            command.args(["-c", line]);
            command
        };
        let names = ["chat.service".to_owned()];
        let units = Units::new(&names, &command);
        match until_well(&[question()], refused, &units, || false) {
            Err(Trouble::Bad(told)) => assert_eq!(
                told,
                "answers: connection refused; \
                 chat.service is failed (exit-code, status 1): no key"
            ),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_interrupted_question_is_no_proof_of_a_bad_service() {
        let units = Units::new(&[], &|program| Command::new(program));
        match until_well(&[question()], refused, &units, || true) {
            Err(Trouble::Barred(told)) => assert_eq!(told, "interrupted"),
            other => panic!("{other:?}"),
        }
    }
}
