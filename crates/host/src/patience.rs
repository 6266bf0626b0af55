//! A service that was just started is asked its recipe's checks until it had its time.
//!
//! Leaves out how a question is asked, and where.

use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use model::recipe::question::{Answer, Question, judge};
use model::verdict::Verdict;

use crate::drill::course::Trouble;

/// How long a started service may take until it answers at all.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long it may answer otherwise than it should, once it answers.
const SETTLE: Duration = Duration::from_secs(15);

/// Asks all, each until it passes, and gives their names.
pub(crate) fn until_well(
    questions: &[Question],
    ask: impl Fn(&Question) -> Answer,
    is_cancelled: impl Fn() -> bool,
) -> Result<String, Trouble> {
    let start = Instant::now();
    for question in questions {
        let begun = Instant::now();
        loop {
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
            if late {
                let told = format!("{}: {}", question.name, finding.evidence);
                return Err(match finding.verdict {
                    Verdict::Fail => Trouble::Bad(told),
                    _ => Trouble::Barred(told),
                });
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(questions.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use model::recipe::question::Ask;

    use super::*;

    #[test]
    fn an_interrupted_question_is_no_proof_of_a_bad_service() {
        let question = Question {
            name: "runs".to_owned(),
            ask: Ask::Unit("chat.service".to_owned()),
            contains: None,
            seconds: 1,
        };
        let refused = |_: &Question| Answer::Refused("connection refused".to_owned());
        match until_well(&[question], refused, || true) {
            Err(Trouble::Barred(told)) => assert_eq!(told, "interrupted"),
            other => panic!("{other:?}"),
        }
    }
}
