//! That every view of a whole stead crosses the local socket unharmed.

use api::answer::Answer;
use api::reading::Meter;
use api::request::{Request, Span};
use api::wire::{self, LONGEST_ANSWER, LONGEST_REQUEST, Outcome, Question};

use crate::stand_in::StandIn;

#[tokio::test]
async fn every_question_and_answer_survives_the_wire() {
    let answer = StandIn::poisoned(30, "\n\u{1b}\"\\\u{2028}ä");
    let host: api::host_name::HostName = "runko".parse().expect("a name");
    for request in [
        Request::Overview,
        Request::Host { host: host.clone() },
        Request::History {
            host: host.clone(),
            meter: Meter::new("unit_memory_bytes", "a\n.service"),
            span: Span::Year,
        },
        Request::Digest { host: host.clone() },
        Request::Timers { host: host.clone() },
        Request::Changes { host: Some(host.clone()), limit: 10 },
        Request::Changes { host: None, limit: 10 },
        Request::Metrics,
        Request::Link,
        Request::Status,
    ] {
        let mut line = Vec::new();
        let question = Question { request: request.clone() };
        wire::write(&mut line, &question, LONGEST_REQUEST).await.expect("written");
        let asked: Question =
            wire::read(&mut &line[..], LONGEST_REQUEST).await.expect("read").expect("a question");
        assert_eq!(asked, question);

        let outcome: Outcome = answer.ask(request).await;
        let mut line = Vec::new();
        wire::write(&mut line, &outcome, LONGEST_ANSWER).await.expect("written");
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let heard: Outcome =
            wire::read(&mut &line[..], LONGEST_ANSWER).await.expect("read").expect("an answer");
        assert_eq!(heard, outcome);
    }
}
